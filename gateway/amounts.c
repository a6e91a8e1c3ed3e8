/* SPDX-License-Identifier: Apache-2.0
 * Reads amounts as people in France and elsewhere type them. It must not guess. */
#include "amounts.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Sixteen digits are far beyond any amount, and still fit when counted in cents. */
enum { DIGITS_MAX = 16, PARTS_MAX = 8 };

/* Digits parted by separators: digits[i] of them follow separators[i]; the first follows none. */
struct parts {
    size_t count, digits[PARTS_MAX], digits_count;
    char separators[PARTS_MAX];
    int64_t number; /* all digits in a row */
};

static size_t
starts_with_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncasecmp(text, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* The ordinary space, and those that typography and copied mails bring. */
static size_t
space_bytes(const char *text)
{
    static const char *const spaces[] = {" ", "\t", "\u00a0", "\u202f", "\u2009"};

    return starts_with_one_of(text, spaces, sizeof spaces / sizeof *spaces);
}

static size_t
currency_bytes(const char *text)
{
    static const char *const currencies[] = {"€", "euros", "euro", "eur"};

    return starts_with_one_of(text, currencies, sizeof currencies / sizeof *currencies);
}

static const char *
skip_spaces(const char *text)
{
    for (size_t bytes; (bytes = space_bytes(text)) > 0;)
        text += bytes;
    return text;
}

static bool
is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Bytes of a separator that digits follow; 0 where the number ends. */
static size_t
separator_bytes(const char *text)
{
    size_t bytes = *text == '.' || *text == ',' ? 1 : space_bytes(text);

    return bytes > 0 && is_digit(text[bytes]) ? bytes : 0;
}

/* Where the number ends; NULL when there is none, or a longer one than any amount. */
static const char *
read_parts(const char *text, struct parts *parts)
{
    char separator = '\0';

    while (is_digit(*text)) {
        if (parts->count == PARTS_MAX)
            return NULL;
        parts->separators[parts->count] = separator;
        for (; is_digit(*text); text++) {
            if (++parts->digits_count > DIGITS_MAX)
                return NULL;
            parts->number = parts->number * 10 + (*text - '0');
            parts->digits[parts->count]++;
        }
        parts->count++;
        size_t bytes = separator_bytes(text);
        separator = *text == '.' || *text == ',' ? *text : ' ';
        text += bytes;
    }
    return parts->count == 0 ? NULL : text;
}

static size_t
count_separators(const struct parts *parts, char separator)
{
    size_t count = 0;

    for (size_t i = 1; i < parts->count; i++)
        count += parts->separators[i] == separator;
    return count;
}

/* Thousands: one kind of separator, three digits after each. */
static bool
is_grouped(const struct parts *parts, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (parts->separators[i] != parts->separators[1] || parts->digits[i] != 3)
            return false;
    return count == 1 || parts->digits[0] <= 3;
}

/* A point or comma that comes once and last, with one or two digits after it, parts the cents. */
static bool
has_cents(const struct parts *parts)
{
    size_t last = parts->count - 1;

    return last > 0 && parts->separators[last] != ' ' && parts->digits[last] <= 2 &&
           count_separators(parts, parts->separators[last]) == 1;
}

/* "1.500" and "1,500": thousands to some, decimals to others. */
static bool
is_ambiguous(const struct parts *parts)
{
    return parts->count == 2 && parts->separators[1] != ' ' && parts->digits[1] == 3;
}

static bool
weigh(const struct parts *parts, int64_t *cents)
{
    static const int64_t scales[] = {100, 10, 1};
    size_t decimals = has_cents(parts) ? parts->digits[parts->count - 1] : 0;

    if (is_ambiguous(parts) || !is_grouped(parts, parts->count - (decimals > 0)))
        return false;
    *cents = parts->number * scales[decimals];
    return true;
}

bool
amount_read(const char *text, int64_t *cents)
{
    struct parts parts = {0};

    text = skip_spaces(text);
    text = read_parts(skip_spaces(text + currency_bytes(text)), &parts);
    if (text == NULL)
        return false;
    text = skip_spaces(text);
    text = skip_spaces(text + currency_bytes(text));
    return *text == '\0' && weigh(&parts, cents);
}
