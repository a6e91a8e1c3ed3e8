/* SPDX-License-Identifier: Apache-2.0
 * How amounts, rates, dates and identifiers are written for people. Pure: no clock, no database. */
#include "words.h"
#include "dates.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NO_BREAK_SPACE "\u00a0"
#define MINUS "\u2212"

bool
words_english(const char *locale)
{
    return locale && strcmp(locale, "en") == 0;
}

static uint64_t
magnitude(int64_t number)
{
    return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* Digits in groups of three from the right. */
static const char *
grouped(struct arena *arena, uint64_t number, const char *separator)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    struct buffer out;
    buffer_init(&out, arena);
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            buffer_text(&out, separator);
        buffer_append(&out, &digits[i], 1);
    }
    return out.bytes;
}

const char *
money_text(struct arena *arena, int64_t cents, const char *locale)
{
    uint64_t value = magnitude(cents);
    const char *sign = cents < 0 ? MINUS : "";
    unsigned fraction = (unsigned)(value % 100);
    if (words_english(locale))
        return arena_printf(arena, "%s€%s.%02u", sign, grouped(arena, value / 100, ","), fraction);
    return arena_printf(arena, "%s%s,%02u" NO_BREAK_SPACE "€", sign,
                        grouped(arena, value / 100, NO_BREAK_SPACE), fraction);
}

const char *
percent_text(struct arena *arena, int64_t rate_bp, const char *locale)
{
    bool english = words_english(locale);
    uint64_t value = magnitude(rate_bp);
    unsigned fraction = (unsigned)(value % 100);
    char decimals[8] = "";
    if (fraction % 10 != 0)
        snprintf(decimals, sizeof decimals, "%c%02u", english ? '.' : ',', fraction);
    else if (fraction != 0)
        snprintf(decimals, sizeof decimals, "%c%u", english ? '.' : ',', fraction / 10);
    return arena_printf(arena, "%s%s%s%s", rate_bp < 0 ? MINUS : "",
                        grouped(arena, value / 100, english ? "," : NO_BREAK_SPACE), decimals,
                        english ? "%" : NO_BREAK_SPACE "%");
}

const char *
number_text(struct arena *arena, int64_t number, const char *locale)
{
    const char *separator = words_english(locale) ? "," : NO_BREAK_SPACE;
    return arena_printf(arena, "%s%s", number < 0 ? MINUS : "",
                        grouped(arena, magnitude(number), separator));
}

const char *
date_text(struct arena *arena, const char *date, const char *locale)
{
    char words[40];
    date_words(date, words_english(locale) ? "en" : "fr", words);
    return arena_strdup(arena, words);
}

const char *
period_text(struct arena *arena, const char *first, const char *last, const char *locale)
{
    bool english = words_english(locale);
    const char *from = date_text(arena, first, locale);
    if (!last || strcmp(first, last) == 0)
        return arena_printf(arena, english ? "on %s" : "le %s", from);
    int said = (int)strlen(from); /* what both dates share is said once */
    if (strncmp(first, last, strlen("YYYY-MM")) == 0)
        said = (int)strcspn(from, " ");
    else if (strncmp(first, last, strlen("YYYY")) == 0)
        said -= (int)strlen(" YYYY");
    return arena_printf(arena, english ? "from %.*s to %s" : "du %.*s au %s", said, from,
                        date_text(arena, last, locale));
}

const char *
moment_text(struct arena *arena, const char *instant, const char *locale)
{
    char date[11], clock[6];

    if (!moment_of_instant(instant, date, clock))
        return "";
    return arena_printf(arena, words_english(locale) ? "%s at %s (Paris time)" : "%s à %s",
                        date_text(arena, date, locale), clock);
}

const char *
siren_text(struct arena *arena, const char *siren)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (size_t i = 0; siren[i]; i++) {
        if (i > 0 && i % 3 == 0)
            buffer_text(&out, NO_BREAK_SPACE);
        buffer_append(&out, &siren[i], 1);
    }
    return out.bytes;
}

const char *
iban_text(struct arena *arena, const char *iban)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (size_t i = 0; iban[i]; i++) {
        if (i > 0 && i % 4 == 0)
            buffer_text(&out, " ");
        buffer_append(&out, &iban[i], 1);
    }
    return out.bytes;
}

/* Whether what follows a space is a sign that French keeps with the word before. */
static bool
clings(const char *next)
{
    return (*next && strchr(":;?!%", *next)) || strncmp(next, "€", strlen("€")) == 0 ||
           strncmp(next, "»", strlen("»")) == 0;
}

static bool
opens_quote(const char *sentence, const char *space)
{
    size_t length = strlen("«");
    return (size_t)(space - sentence) >= length && memcmp(space - length, "«", length) == 0;
}

const char *
words_spaced(struct arena *arena, const char *sentence, const char *locale)
{
    if (words_english(locale))
        return sentence;
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (const char *at = sentence; *at; at++) {
        if (*at == ' ' && (clings(at + 1) || opens_quote(sentence, at)))
            buffer_text(&out, NO_BREAK_SPACE);
        else
            buffer_append(&out, at, 1);
    }
    return out.bytes;
}
