/* SPDX-License-Identifier: Apache-2.0
 * Calendar arithmetic on top of libc and its time zone data; no clock but the system's. */
#include "dates.h"

#include "checks.h"
#include "log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS_PER_DAY = 86400, SUMMER_OFFSET_S = 7200 };

static const time_t summer_instant = 1782864000; /* 2026-07-01T00:00:00Z */

static const char *const months_fr[] = {"janvier",   "février", "mars",     "avril",
                                        "mai",       "juin",    "juillet",  "août",
                                        "septembre", "octobre", "novembre", "décembre"};
static const char *const months_en[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

void
dates_init(void)
{
    struct tm summer;

    setenv("TZ", "Europe/Paris", 1);
    tzset();
    /* Without its data libc would take the zone for UTC and say nothing. */
    if (localtime_r(&summer_instant, &summer) == NULL || summer.tm_gmtoff != SUMMER_OFFSET_S)
        fatal("the time zone Europe/Paris is not known here; install tzdata");
}

static int
digits(const char *text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* Takes a text that check_date accepted, or the front of one that check_instant did. */
static struct tm
parse_day(const char *date)
{
    return (struct tm){
        .tm_year = digits(date, 4) - 1900,
        .tm_mon = digits(date + 5, 2) - 1,
        .tm_mday = digits(date + 8, 2),
    };
}

static void
write_day(const struct tm *day, char out[11])
{
    size_t length = strftime(out, 11, "%Y-%m-%d", day);

    assert(length == 10);
}

static struct tm
paris_time(time_t seconds)
{
    struct tm local;
    const struct tm *known = localtime_r(&seconds, &local);

    assert(known != NULL);
    return local;
}

void
date_today(char out[11])
{
    static time_t known_minute = -1; /* Paris is whole minutes from UTC */
    static char known[11];
    time_t now = time(NULL);

    if (now / 60 != known_minute) {
        struct tm local = paris_time(now);

        write_day(&local, known);
        known_minute = now / 60;
    }
    memcpy(out, known, sizeof known);
}

/* Takes a text that check_instant accepted. */
static time_t
parse_instant(const char *instant)
{
    struct tm utc = parse_day(instant);
    /* after the seconds and their decimals */
    const char *zone = instant + 19 + strspn(instant + 19, ".0123456789");
    int offset = *zone == 'Z' ? 0 : (digits(zone + 1, 2) * 60 + digits(zone + 4, 2)) * 60;

    utc.tm_hour = digits(instant + 11, 2);
    utc.tm_min = digits(instant + 14, 2);
    utc.tm_sec = digits(instant + 17, 2);
    return timegm(&utc) - (*zone == '-' ? -offset : offset);
}

bool
moment_of_instant(const char *instant, char date[11], char clock[6])
{
    struct tm local;
    char day[11];

    if (!check_instant(instant))
        return false;
    local = paris_time(parse_instant(instant));
    write_day(&local, day);
    if (!check_date(day))
        return false;
    memcpy(date, day, sizeof day);
    strftime(clock, 6, "%H:%M", &local);
    return true;
}

bool
date_of_instant(const char *instant, char out[11])
{
    char clock[6];

    return moment_of_instant(instant, out, clock);
}

bool
date_add_days(const char *date, int days, char out[11])
{
    struct tm day;
    time_t seconds;
    char sum[64];

    if (!check_date(date))
        return false;
    day = parse_day(date);
    seconds = timegm(&day) + (time_t)days * SECONDS_PER_DAY;
    if (gmtime_r(&seconds, &day) == NULL || strftime(sum, sizeof sum, "%Y-%m-%d", &day) != 10 ||
        !check_date(sum))
        return false;
    memcpy(out, sum, 11);
    return true;
}

int64_t
unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
instant_now(char out[25])
{
    struct timespec now;
    struct tm utc;
    int ms;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(out, 25, "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    ms = (int)(now.tv_nsec / 1000000);
    out[20] = (char)('0' + ms / 100);
    out[21] = (char)('0' + ms / 10 % 10);
    out[22] = (char)('0' + ms % 10);
}

int64_t
clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
date_words(const char *date, const char *locale, char out[40])
{
    bool french = strcmp(locale, "en") != 0;
    struct tm day;

    assert(check_date(date));
    day = parse_day(date);
    snprintf(out, 40, "%d%s %s %d", day.tm_mday, french && day.tm_mday == 1 ? "er" : "",
             (french ? months_fr : months_en)[day.tm_mon], day.tm_year + 1900);
}
