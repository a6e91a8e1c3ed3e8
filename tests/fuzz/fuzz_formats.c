/* SPDX-License-Identifier: Apache-2.0
 * Formats of strings: what is valid stays what it is when it is normalised again, holds no byte that its format
 * does not have, and passes a checksum that is computed here in another way. */
#include "formats.h"

#include "checks.h"
#include "input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool
consists_of(const char *text, const char *characters)
{
    return text[strspn(text, characters)] == '\0';
}

/* Luhn by the table of doubled digits, from the left of nine. */
static bool
passes_luhn(const char *siren)
{
    static const int doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    int sum = 0;

    for (int i = 0; i < 9; i++)
        sum += i % 2 == 0 ? siren[i] - '0' : doubled[siren[i] - '0'];
    return sum % 10 == 0;
}

/* Mod 97 of the rearranged IBAN, written out in digits first. */
static int
iban_remainder(struct arena *arena, const char *iban)
{
    const char *turned = arena_printf(arena, "%s%.4s", iban + 4, iban);
    struct buffer digits;
    int remainder = 0;

    buffer_init(&digits, arena);
    for (; *turned != '\0'; turned++)
        buffer_printf(&digits, "%d",
                      *turned <= '9' ? *turned - '0'
                                     : (int)(strchr(CAPITALS, *turned) - CAPITALS) + 10);
    for (size_t i = 0; i < digits.length; i++)
        remainder = (remainder * 10 + (digits.bytes[i] - '0')) % 97;
    return remainder;
}

static void
check_vat(const char *text)
{
    char expected[14];

    assert(consists_of(text, CAPITALS DIGITS "+*") && strlen(text) <= 14);
    if (strncmp(text, "FR", 2) != 0 || strspn(text + 2, DIGITS) != 11)
        return;
    vat_number_of_siren(text + 4, expected);
    input_expect_same(text, expected);
}

static void
check_address(const char *text)
{
    const char *at = strchr(text, '@');

    assert(at != NULL && at > text && strlen(text) <= 254 && strchr(at + 1, '.') != NULL);
    assert(consists_of(at + 1, CAPITALS SMALL DIGITS ".-"));
    assert(strpbrk(text, " \t\r\n<>()[]\\,;:\"") == NULL && strstr(text, "..") == NULL);
}

static void
check_valid(struct arena *arena, enum rule_format format, const char *text)
{
    switch (format) {
    case FORMAT_SIREN:
        assert(strlen(text) == 9 && consists_of(text, DIGITS) && passes_luhn(text));
        break;
    case FORMAT_VAT_NUMBER:
        check_vat(text);
        break;
    case FORMAT_IBAN:
        assert(consists_of(text, CAPITALS DIGITS) && iban_remainder(arena, text) == 1);
        break;
    case FORMAT_EMAIL:
        check_address(text);
        break;
    case FORMAT_PHONE:
        assert(text[0] == '+' && strlen(text) <= 16 && consists_of(text + 1, DIGITS));
        break;
    case FORMAT_URL:
        assert(strpbrk(text, " \t\r\n\"<>") == NULL && strchr(text, ':') != NULL);
        break;
    case FORMAT_UUID:
        assert(strlen(text) == 36 && consists_of(text, DIGITS "abcdef-"));
        break;
    case FORMAT_PATH:
        assert(text[0] == '/' && text[1] != '/' && strstr(text, "..") != text + 1);
        break;
    case FORMAT_PAGE_TOKEN:
        for (; *text != '\0'; text++)
            assert(*text > ' ' && *text <= '~');
        break;
    case FORMAT_BIC:
    case FORMAT_COUNTRY:
    case FORMAT_CURRENCY:
        assert(consists_of(text, CAPITALS DIGITS) && strlen(text) <= 11);
        break;
    case FORMAT_PLAIN:
    case FORMAT_DATE:
    case FORMAT_INSTANT:
    case FORMAT_MONEY:
    case FORMAT_RATE:
    case FORMAT_PASSWORD:
    case FORMAT_TEXT:
        break;
    }
}

/* People paste spaces around: they change nothing where the format has none. */
static void
check_spaces(struct arena *arena, enum rule_format format, const char *valid)
{
    static const char *const spaces[] = {" ", "\t", "\u00a0", "\u202f", "\u2009"};
    bool spaceless = format == FORMAT_SIREN || format == FORMAT_VAT_NUMBER ||
                     format == FORMAT_IBAN || format == FORMAT_BIC || format == FORMAT_PHONE ||
                     format == FORMAT_EMAIL;

    for (size_t i = 0; spaceless && i < sizeof spaces / sizeof *spaces; i++) {
        char *pasted = arena_printf(arena, "%s%s%s", spaces[i], valid, spaces[i]);
        input_expect_same(format_normalise(arena, format, pasted), valid);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    enum rule_format format = (enum rule_format)(input_byte(&input) % (FORMAT_PATH + 1));
    char *text = input_text(&input, arena);
    bool utf8 = check_utf8(text, strlen(text));

    text = format_normalise(arena, format, text);
    assert(!utf8 || check_utf8(text, strlen(text)));
    if (format_check(format, text) != NULL)
        return 0;
    check_valid(arena, format, text);
    if (format == FORMAT_TEXT)
        return 0;
    input_expect_same(format_normalise(arena, format, arena_strdup(arena, text)), text);
    check_spaces(arena, format, text);
    return 0;
}
