/* SPDX-License-Identifier: Apache-2.0
 * Pure checks of text; they say whether, never why, and look nothing up. */
#include "checks.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum {
    YEAR_MIN = 1900,
    YEAR_MAX = 2199,
    OFFSET_HOURS_MAX = 14,
    EMAIL_BYTES_MAX = 254,
    EMAIL_LOCAL_BYTES_MAX = 64,
    HOST_LABEL_BYTES_MAX = 63,
    PORT_MAX = 65535
};

/* The ctype functions follow the locale; identifiers don't. */
static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_letter(char c)
{
    return is_capital(c) || (c >= 'a' && c <= 'z');
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_capital_or_digit(char c)
{
    return is_capital(c) || is_digit(c);
}

/* Whether the first `count` bytes are all of one class; a NUL is of none. */
static bool
all(const char *text, size_t count, bool (*class)(char))
{
    for (size_t i = 0; i < count; i++)
        if (!class(text[i]))
            return false;
    return true;
}

static int
number(const char *text, size_t count)
{
    int value = 0;

    assert(count <= 9);
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* Bytes of the well-formed character at the front (Unicode, table 3-7), 0 when there is none. */
static size_t
utf8_character(const unsigned char *bytes, size_t length)
{
    unsigned char first = bytes[0], low = 0x80, high = 0xbf;
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (first == 0 || (first >= 0x80 && first < 0xc2) || first > 0xf4 || size > length)
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    if (first == 0xed)
        high = 0x9f;
    if (first == 0xf0)
        low = 0x90;
    if (first == 0xf4)
        high = 0x8f;
    if (size > 1 && (bytes[1] < low || bytes[1] > high))
        return 0;
    for (size_t i = 2; i < size; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    return size;
}

bool
check_utf8(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t size = utf8_character((const unsigned char *)bytes + at, length - at);

        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool
check_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(text) != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == 'x' ? !is_hex(text[i]) : text[i] != '-')
            return false;
    return true;
}

static int
days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* A day at the front of a text; short-circuits at the NUL of a shorter one. */
static bool
starts_with_day(const char *text)
{
    int year, month, day;

    if (!all(text, 4, is_digit) || text[4] != '-' || !all(text + 5, 2, is_digit) ||
        text[7] != '-' || !all(text + 8, 2, is_digit))
        return false;
    year = number(text, 4);
    month = number(text + 5, 2);
    day = number(text + 8, 2);
    return year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_of_month(year, month);
}

bool
check_date(const char *text)
{
    return starts_with_day(text) && text[10] == '\0';
}

static bool
two_digits_up_to(const char *text, int max)
{
    return all(text, 2, is_digit) && number(text, 2) <= max;
}

bool
check_instant(const char *text)
{
    size_t decimals;

    if (!starts_with_day(text) || text[10] != 'T' || !two_digits_up_to(text + 11, 23) ||
        text[13] != ':' || !two_digits_up_to(text + 14, 59) || text[16] != ':' ||
        !two_digits_up_to(text + 17, 59))
        return false;
    text += 19;
    if (*text == '.') {
        decimals = strspn(text + 1, "0123456789");
        if (decimals < 1 || decimals > 9)
            return false;
        text += 1 + decimals;
    }
    if (*text == 'Z')
        return text[1] == '\0';
    return (*text == '+' || *text == '-') && two_digits_up_to(text + 1, OFFSET_HOURS_MAX) &&
           text[3] == ':' && two_digits_up_to(text + 4, 59) && text[6] == '\0';
}

/* Labels of letters, digits and inner hyphens, separated by dots (RFC 1123). */
static bool
is_host_name(const char *text, size_t length)
{
    size_t label = 0;

    for (size_t i = 0; i <= length; i++) {
        if (i == length || text[i] == '.') {
            if (label == 0 || label > HOST_LABEL_BYTES_MAX || text[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_letter(text[i]) && !is_digit(text[i]) && !(text[i] == '-' && label > 0))
            return false;
        label++;
    }
    return true;
}

static bool
is_dot_atom(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool dot = text[i] == '.';

        if (dot && (i == 0 || i == length - 1 || text[i - 1] == '.'))
            return false;
        if (!dot && !is_letter(text[i]) && !is_digit(text[i]) &&
            strchr("!#$%&'*+-/=?^_`{|}~", text[i]) == NULL)
            return false;
    }
    return length > 0;
}

bool
check_email(const char *text)
{
    const char *at = strchr(text, '@'), *domain, *last_dot;
    size_t local;

    if (at == NULL || strlen(text) > EMAIL_BYTES_MAX)
        return false;
    local = (size_t)(at - text);
    domain = at + 1;
    last_dot = strrchr(domain, '.');
    return local <= EMAIL_LOCAL_BYTES_MAX && is_dot_atom(text, local) && last_dot != NULL &&
           is_letter(last_dot[1]) && is_host_name(domain, strlen(domain));
}

bool
check_phone(const char *text)
{
    size_t length = strlen(text);

    return length >= 8 && length <= 16 && text[0] == '+' && text[1] != '0' &&
           all(text + 1, length - 1, is_digit);
}

static bool
passes_luhn(const char *digits, size_t count)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';

        if (i % 2 == 1)
            digit = digit < 5 ? digit * 2 : digit * 2 - 9;
        sum += digit;
    }
    return sum % 10 == 0;
}

bool
check_siren(const char *text)
{
    return strlen(text) == 9 && all(text, 9, is_digit) && passes_luhn(text, 9);
}

static int
vat_key_of_siren(const char *siren)
{
    return (12 + 3 * (number(siren, 9) % 97)) % 97;
}

/* Old alphanumeric keys have no published checksum and pass. */
static bool
check_french_vat_number(const char *text)
{
    if (strlen(text) != 13 || !all(text + 2, 2, is_capital_or_digit) || !all(text + 4, 9, is_digit))
        return false;
    if (!all(text + 2, 2, is_digit))
        return true;
    return number(text + 2, 2) == vat_key_of_siren(text + 4);
}

static bool
is_vat_character(char c)
{
    return is_capital_or_digit(c) || c == '+' || c == '*'; /* Ireland has the last two */
}

bool
check_vat_number(const char *text)
{
    size_t length = strlen(text);

    if (length < 4 || length > 14 || !all(text, 2, is_capital))
        return false;
    if (strncmp(text, "FR", 2) == 0)
        return check_french_vat_number(text);
    return all(text + 2, length - 2, is_vat_character);
}

void
vat_number_of_siren(const char *siren, char out[14])
{
    int key = vat_key_of_siren(siren);

    assert(strlen(siren) == 9);
    out[0] = 'F';
    out[1] = 'R';
    out[2] = (char)('0' + key / 10);
    out[3] = (char)('0' + key % 10);
    memcpy(out + 4, siren, 10);
}

/* ISO 7064 MOD 97-10 over `count` characters, letters as 10 to 35, going on from `remainder`. */
static int
mod_97(int remainder, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int value = is_digit(text[i]) ? text[i] - '0' : text[i] - 'A' + 10;

        remainder = (remainder * (value < 10 ? 10 : 100) + value) % 97;
    }
    return remainder;
}

/* A RIB's digits mod 97; letters have values of their own here. */
static int
rib_mod_97(const char *text, size_t count)
{
    static const char letters[] = "12345678912345678923456789";
    int remainder = 0;

    for (size_t i = 0; i < count; i++) {
        char digit = is_digit(text[i]) ? text[i] : letters[text[i] - 'A'];

        remainder = (remainder * 10 + (digit - '0')) % 97;
    }
    return remainder;
}

/* After country and check digits: bank 5, branch 5, account 11, key 2. */
static bool
check_rib(const char *rib)
{
    int sum;

    if (strlen(rib) != 23 || !all(rib, 10, is_digit) || !all(rib + 21, 2, is_digit))
        return false;
    sum = 89 * rib_mod_97(rib, 5) + 15 * rib_mod_97(rib + 5, 5) + 3 * rib_mod_97(rib + 10, 11);
    return number(rib + 21, 2) == 97 - sum % 97;
}

bool
check_iban(const char *text)
{
    size_t length = strlen(text);
    int key;

    if (length < 15 || length > 34 || !all(text, 2, is_capital) || !all(text + 2, 2, is_digit) ||
        !all(text + 4, length - 4, is_capital_or_digit))
        return false;
    key = number(text + 2, 2);
    if (key < 2 || key > 98 || mod_97(mod_97(0, text + 4, length - 4), text, 4) != 1)
        return false;
    return strncmp(text, "FR", 2) != 0 || check_rib(text + 4);
}

/* ISO 9362 as ISO 20022 writes it (BICFIDec2014Identifier). */
bool
check_bic(const char *text)
{
    size_t length = strlen(text);

    return (length == 8 || length == 11) && all(text, 4, is_capital_or_digit) &&
           all(text + 4, 2, is_capital) && all(text + 6, length - 6, is_capital_or_digit);
}

bool
check_country(const char *text)
{
    return strlen(text) == 2 && all(text, 2, is_capital);
}

static bool
is_url_character(char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("-._~:/?#[]@!$&'()*+,;=%", c));
}

static bool
is_ipv6_character(char c)
{
    return is_hex(c) || c == ':' || c == '.';
}

static bool
is_port(const char *text, size_t length)
{
    return length >= 1 && length <= 5 && all(text, length, is_digit) && number(text, length) > 0 &&
           number(text, length) <= PORT_MAX;
}

/* host, host:port, [v6], [v6]:port. */
static bool
is_authority(const char *text, size_t length)
{
    const char *end = text + length, *host_end;

    if (length > 0 && *text == '[') {
        host_end = memchr(text, ']', length);
        if (host_end == NULL || host_end - text < 3 ||
            !all(text + 1, (size_t)(host_end - text) - 1, is_ipv6_character))
            return false;
        host_end++;
    } else {
        host_end = memchr(text, ':', length);
        if (host_end == NULL)
            host_end = end;
        if (!is_host_name(text, (size_t)(host_end - text)))
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && is_port(host_end + 1, (size_t)(end - host_end) - 1);
}

bool
check_url(const char *text)
{
    const char *authority;

    if (strncmp(text, "https://", 8) == 0)
        authority = text + 8;
    else if (strncmp(text, "http://", 7) == 0)
        authority = text + 7;
    else
        return false;
    return all(text, strlen(text), is_url_character) &&
           is_authority(authority, strcspn(authority, "/?#"));
}
