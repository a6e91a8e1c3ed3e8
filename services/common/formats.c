/* SPDX-License-Identifier: Apache-2.0
 * One table of the formats; the checks themselves are in checks.c. */
#include "formats.h"

#include "checks.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static bool
is_euro(const char *text)
{
    return strcmp(text, "EUR") == 0;
}

/* A path of this API: no other host, no step upwards, no query. */
static bool
is_path(const char *text)
{
    if (strncmp(text, "/v1/", 4) != 0 || strstr(text, "//") != NULL || strstr(text, "/..") != NULL)
        return false;
    for (; *text != '\0'; text++) {
        if (!isgraph((unsigned char)*text) || strchr("\\?#", *text) != NULL)
            return false;
    }
    return true;
}

/* What it means is its maker's to check; here only that it can be one of ours. */
static bool
is_page_token(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!isgraph((unsigned char)*text))
            return false;
    }
    return true;
}

static const struct format {
    bool (*valid)(const char *text);
    struct format_fault fault;
} formats[] = {
    [FORMAT_UUID] = {check_uuid, {"invalid_uuid", "must be a UUID"}},
    [FORMAT_DATE] = {check_date, {"invalid_date", "must be a day that exists, as YYYY-MM-DD"}},
    [FORMAT_INSTANT] = {check_instant,
                        {"invalid_instant",
                         "must be an instant of RFC 3339, like 2026-11-22T18:19:00Z"}},
    [FORMAT_EMAIL] = {check_email,
                      {"invalid_email", "must be an e-mail address, like name@example.com"}},
    [FORMAT_PHONE] = {check_phone,
                      {"invalid_phone",
                       "must be a phone number, like +33142868326 or 01 42 86 83 26"}},
    [FORMAT_SIREN] = {check_siren,
                      {"invalid_siren",
                       "must be a SIREN: nine digits whose Luhn checksum is right"}},
    [FORMAT_VAT_NUMBER] = {check_vat_number,
                           {"invalid_vat_number",
                            "must be a VAT number; a French one is FR, a key of two characters and "
                            "the SIREN that the key belongs to"}},
    [FORMAT_IBAN] = {check_iban,
                     {"invalid_iban",
                      "must be an IBAN whose check digits (and RIB key, in France) are right"}},
    [FORMAT_BIC] = {check_bic, {"invalid_bic", "must be a BIC of 8 or 11 characters"}},
    [FORMAT_COUNTRY] = {check_country,
                        {"invalid_country", "must be a country code of two capitals, like FR"}},
    [FORMAT_CURRENCY] = {is_euro, {"currency_not_supported", "must be EUR, the only currency"}},
    [FORMAT_URL] = {check_url, {"invalid_url", "must be a http or https URL without user name"}},
    [FORMAT_PAGE_TOKEN] = {is_page_token,
                           {"invalid_page_token", "must be the next_page_token of a list"}},
    [FORMAT_PATH] = {is_path, {"invalid_path", "must be a path of this API, like /v1/clients"}},
};

const struct format_fault *
format_check(enum rule_format format, const char *text)
{
    if (format >= sizeof formats / sizeof formats[0] || formats[format].valid == NULL)
        return NULL;
    return formats[format].valid(text) ? NULL : &formats[format].fault;
}

/* Length of the space at text: ASCII space, tab, and those that people paste: U+00A0, 2009, 202F.
 */
static size_t
space_length(const char *text)
{
    if (*text == ' ' || *text == '\t')
        return 1;
    if (strncmp(text, "\xC2\xA0", 2) == 0)
        return 2;
    if (strncmp(text, "\xE2\x80\x89", 3) == 0 || strncmp(text, "\xE2\x80\xAF", 3) == 0)
        return 3;
    return 0;
}

static void
remove_spaces(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        size_t space = space_length(from);
        if (space == 0)
            *to++ = *from++;
        from += space;
    }
    *to = '\0';
}

static void
capitalise(char *text)
{
    remove_spaces(text);
    for (; *text != '\0'; text++)
        *text = (char)toupper((unsigned char)*text);
}

/* Length of the space that ends a text of `length` bytes. */
static size_t
last_space_length(const char *text, size_t length)
{
    for (size_t space = 1; space <= 3 && space <= length; space++)
        if (space_length(text + length - space) == space)
            return space;
    return 0;
}

static char *
trim(char *text)
{
    while (space_length(text) > 0)
        text += space_length(text);
    size_t length = strlen(text);
    for (size_t space; (space = last_space_length(text, length)) > 0;)
        text[length -= space] = '\0';
    return text;
}

/* "01 42 86 83 26", "+33 (0)1.42.86.83.26" and "0033 1 42 86 83 26" → "+33142868326". */
static char *
normalise_phone(struct arena *arena, char *text)
{
    remove_spaces(text);
    char *trunk = *text == '+' ? strstr(text, "(0)") : NULL;
    if (trunk != NULL)
        memmove(trunk, trunk + 3, strlen(trunk + 3) + 1);
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (strchr(".-()/", *from) == NULL)
            *to++ = *from;
    }
    *to = '\0';
    if (strncmp(text, "00", 2) == 0)
        return arena_printf(arena, "+%s", text + 2);
    if (*text == '0' && strlen(text) == 10)
        return arena_printf(arena, "+33%s", text + 1);
    return text;
}

static void
lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
}

static void
unify_line_ends(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    }
    *to = '\0';
}

char *
format_normalise(struct arena *arena, enum rule_format format, char *text)
{
    switch (format) {
    case FORMAT_SIREN:
    case FORMAT_VAT_NUMBER:
    case FORMAT_IBAN:
    case FORMAT_BIC:
        capitalise(text);
        break;
    case FORMAT_PHONE:
        return normalise_phone(arena, text);
    case FORMAT_EMAIL:
        return trim(text);
    case FORMAT_UUID:
        lower(text);
        break;
    case FORMAT_TEXT:
        unify_line_ends(text);
        break;
    case FORMAT_PLAIN:
    case FORMAT_DATE:
    case FORMAT_INSTANT:
    case FORMAT_COUNTRY:
    case FORMAT_CURRENCY:
    case FORMAT_MONEY:
    case FORMAT_RATE:
    case FORMAT_URL:
    case FORMAT_PASSWORD:
    case FORMAT_PAGE_TOKEN:
    case FORMAT_PATH:
        break;
    }
    return text;
}
