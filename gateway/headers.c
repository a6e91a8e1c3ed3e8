/* SPDX-License-Identifier: Apache-2.0
 * Reads header values. It must not know the exchange they came with. */
#include "headers.h"

#include "bounds.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* Length without the blanks at the end. */
static size_t
trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(BLANK, text[length - 1]) != NULL)
        length--;
    return length;
}

static bool
is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

bool
header_is_media_type(const char *value, const char *type)
{
    if (value == NULL)
        return false;
    value += strspn(value, BLANK);
    size_t length = strcspn(value, ";");
    if (!is_word(value, trimmed(value, length), type))
        return false;
    const char *charset = strcasestr(value + length, "charset=");
    if (charset == NULL)
        return true;
    charset += strlen("charset=");
    charset += *charset == '"';
    size_t charset_length = strcspn(charset, "\"; \t");
    return is_word(charset, charset_length, "utf-8") || is_word(charset, charset_length, "utf8");
}

/* How closely a media range covers the type: itself, its kind with a star, everything, not at all.
 */
static int
type_closeness(const char *range, size_t length, const char *type)
{
    size_t kind = strcspn(type, "/") + 1;

    if (is_word(range, length, type))
        return 3;
    if (length == kind + 1 && range[kind] == '*' && strncasecmp(range, type, kind) == 0)
        return 2;
    return is_word(range, length, "*/*");
}

/* The same of a language range: "en", "en-GB", everything (RFC 4647, 3.3.1). */
static int
language_closeness(const char *range, size_t length, const char *language)
{
    size_t primary = strcspn(range, "-;, \t");

    if (primary <= length && is_word(range, primary, language))
        return 2;
    return is_word(range, length, "*");
}

static double
weight_read(const char *text)
{
    double weight = strtod(text, NULL);

    return weight >= 0.0 && weight <= 1.0 ? weight : 1.0; /* "nan" is neither */
}

/* The weight that the parameters of a range give it, 1 unless they say one of 0 to 1. */
static double
weight(const char *parameters, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++) {
        bool starts = strchr("; \t", parameters[i]) != NULL;
        if (starts && strncasecmp(parameters + i + 1, "q=", 2) == 0)
            return weight_read(parameters + i + 3);
    }
    return 1.0;
}

typedef int closeness(const char *range, size_t length, const char *wanted);

/* The weight of what is wanted: its closest range counts, of equals the heaviest. */
static double
quality(const char *value, closeness *close, const char *wanted)
{
    double best = 0.0;
    int closest = 0;
    while (*value != '\0') {
        value += strspn(value, BLANK ",");
        size_t length = strcspn(value, ",");
        size_t range = strcspn(value, ";,");
        int now = close(value, trimmed(value, range), wanted);
        double its = weight(value + range, length - range);
        if (now > closest || (now > 0 && now == closest && its > best)) {
            closest = now;
            best = its;
        }
        value += length;
    }
    return best;
}

static bool
is_absent(const char *value)
{
    return value == NULL || value[strspn(value, BLANK)] == '\0';
}

bool
header_accepts(const char *value, const char *type)
{
    return is_absent(value) || quality(value, type_closeness, type) > 0.0;
}

bool
header_prefers(const char *value, const char *type, const char *other)
{
    return !is_absent(value) &&
           quality(value, type_closeness, type) > quality(value, type_closeness, other);
}

bool
header_prefers_language(const char *value, const char *language, const char *other)
{
    return !is_absent(value) &&
           quality(value, language_closeness, language) > quality(value, language_closeness, other);
}

bool
header_lists(const char *value, const char *token)
{
    while (value != NULL && *value != '\0') {
        value += strspn(value, BLANK ",");
        size_t word = strcspn(value, ";,");
        if (is_word(value, trimmed(value, word), token))
            return true;
        value += strcspn(value, ",");
    }
    return false;
}

bool
header_entity_tag(const char *value, int64_t *version)
{
    value += strspn(value, BLANK);
    if (*value++ != '"')
        return false;
    size_t digits = strspn(value, DIGITS);
    if (digits == 0 || digits > 18)
        return false;
    *version = strtoll(value, NULL, 10);
    value += digits;
    if (*value == '.') {
        size_t revision = strspn(value + 1, DIGITS);
        if (revision == 0)
            return false;
        value += 1 + revision;
    }
    return *value == '"' && value[1 + strspn(value + 1, BLANK)] == '\0';
}

bool
header_none_match(const char *value, const char *entity_tag)
{
    while (value != NULL && *value != '\0') {
        value += strspn(value, BLANK ",");
        if (strncmp(value, "W/", 2) == 0)
            value += 2;
        size_t length = trimmed(value, strcspn(value, ","));
        bool same = strlen(entity_tag) == length && strncmp(value, entity_tag, length) == 0;
        if (same || (length == 1 && *value == '*'))
            return true;
        value += strcspn(value, ",");
    }
    return false;
}

const char *
header_idempotency_key(struct arena *arena, const char *value)
{
    value += strspn(value, BLANK);
    size_t length = trimmed(value, strlen(value));
    bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
    if (quoted) {
        value++;
        length -= 2;
    }
    if (length == 0 || length > IDEMPOTENCY_KEY_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < length; i++)
        if (value[i] < (quoted ? ' ' : '!') || value[i] > '~' || value[i] == '"')
            return NULL;
    return arena_strndup(arena, value, length);
}

bool
header_is_request_id(const char *value)
{
    size_t length = value == NULL ? 0 : strspn(value, LETTERS DIGITS "._:-");
    return length > 0 && length <= REQUEST_ID_BYTES_MAX && value[length] == '\0';
}

/* `digits` lower-case hexadecimal digits, not all zero, then `end`. */
static bool
is_hexadecimal(const char *text, size_t digits, char end)
{
    return strspn(text, DIGITS "abcdef") == digits && strspn(text, "0") < digits &&
           text[digits] == end;
}

bool
header_is_traceparent(const char *value)
{
    enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, BYTES = 55 };
    return value != NULL && strlen(value) == BYTES && strncmp(value, "00-", TRACE_AT) == 0 &&
           is_hexadecimal(value + TRACE_AT, 32, '-') && is_hexadecimal(value + SPAN_AT, 16, '-') &&
           strspn(value + FLAGS_AT, DIGITS "abcdef") == 2;
}

const char *
header_bearer(const char *value)
{
    if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7;
    value += strspn(value, " ");
    size_t length = strspn(value, LETTERS DIGITS "-._~+/=");
    return length > 0 && length <= TOKEN_BYTES_MAX && value[length] == '\0' ? value : NULL;
}
