/* SPDX-License-Identifier: Apache-2.0
 * Days in Paris and instants in UTC (MON-5). The process runs with TZ=Europe/Paris (dates_init). */
#ifndef ESCARCELLE_DATES_H
#define ESCARCELLE_DATES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Sets the time zone; exits when its data is missing here. Before any other of these. */
void dates_init(void);
/* Today in Paris, YYYY-MM-DD. */
void date_today(char out[11]);
/* The Paris day of an instant. */
bool date_of_instant(const char *instant, char out[11]);
/* The same and the time there, HH:MM. */
bool moment_of_instant(const char *instant, char date[11], char clock[6]);
/* date + days; false when out of range. */
bool date_add_days(const char *date, int days, char out[11]);
/* Now, RFC 3339 UTC with milliseconds: 2026-11-22T18:19:00.123Z. */
void instant_now(char out[25]);
/* Monotonic milliseconds, for deadlines. */
int64_t clock_ms(void);
/* Milliseconds since 1970 in UTC, by the wall's clock. */
int64_t unix_ms(void);
/* "22 novembre 2026" / "22 November 2026"; locale "fr" or "en". out has 40 bytes. */
void date_words(const char *date, const char *locale, char out[40]);

#endif
