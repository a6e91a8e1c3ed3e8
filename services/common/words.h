/* SPDX-License-Identifier: Apache-2.0
 * Amounts, rates, dates and identifiers as people write them, in French ("fr") or English ("en");
 * shared by PDFs and mails. Any other locale reads as French. */
#ifndef ESCARCELLE_WORDS_H
#define ESCARCELLE_WORDS_H

#include "arena.h"
#include <stdbool.h>
#include <stdint.h>

/* Whether a locale is English. */
bool words_english(const char *locale);

/* "1 234,56 €" or "€1,234.56". French groups and units are held by no-break spaces (U+00A0: the
 * narrow one, U+202F, is missing from many fonts); a negative amount has a true minus (U+2212). */
const char *money_text(struct arena *arena, int64_t cents, const char *locale);
/* Basis points: "5,5 %" or "5.5%"; no decimals that say nothing. */
const char *percent_text(struct arena *arena, int64_t rate_bp, const char *locale);
/* A whole number: "1 234" or "1,234". */
const char *number_text(struct arena *arena, int64_t number, const char *locale);
/* A date YYYY-MM-DD: "22 novembre 2026" or "22 November 2026". */
const char *date_text(struct arena *arena, const char *date, const char *locale);
/* An instant, in Paris: "22 novembre 2026 à 10:30"; "" when it is none. */
const char *moment_text(struct arena *arena, const char *instant, const char *locale);
/* "le 22 novembre 2026", "du 3 au 5 décembre 2026", "du 28 novembre au 2 décembre 2026"; "on …", "from … to …". `last`
 * may be NULL or equal to `first`. */
const char *period_text(struct arena *arena, const char *first, const char *last,
                        const char *locale);

/* "732 829 320". */
const char *siren_text(struct arena *arena, const char *siren);
/* In fours, with ordinary spaces, because it is copied into bank forms. */
const char *iban_text(struct arena *arena, const char *iban);

/* French typography for a sentence typed with ordinary spaces: those before : ; ? ! % € » and after
 * « become no-break spaces. Other locales are returned as they are. */
const char *words_spaced(struct arena *arena, const char *sentence, const char *locale);

#endif
