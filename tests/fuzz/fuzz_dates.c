/* SPDX-License-Identifier: Apache-2.0
 * Days and instants against libc's calendar: what is accepted exists, what exists is accepted, days added are
 * days taken away again, and an instant's day in Paris is its own or a neighbour. */
#include "dates.h"

#include "checks.h"
#include "input.h"
#include "json.h"
#include "words.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Whether libc's calendar has the day that ten characters name. */
static bool
exists(const char *text)
{
    struct tm day = {0};
    char again[16];
    int end = 0;

    if (strlen(text) != 10 ||
        sscanf(text, "%4d-%2d-%2d%n", &day.tm_year, &day.tm_mon, &day.tm_mday, &end) != 3 ||
        end != 10)
        return false;
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    timegm(&day);
    return day.tm_year >= 0 && day.tm_year < 300 &&
           strftime(again, sizeof again, "%Y-%m-%d", &day) == 10 && strcmp(again, text) == 0;
}

static void
check_words(struct arena *arena, const char *date, const char *later)
{
    static const char *const locales[] = {"fr", "en", ""};

    for (size_t i = 0; i < 3; i++) {
        input_expect_text(date_text(arena, date, locales[i]));
        input_expect_text(period_text(arena, date, later, locales[i]));
    }
}

static void
check_day(struct arena *arena, const char *date, int days)
{
    char sum[11], back[11];

    assert(check_date(date) == exists(date));
    if (!date_add_days(date, days, sum))
        return;
    assert(check_date(date) && check_date(sum));
    assert(date_add_days(sum, -days, back));
    input_expect_same(back, date);
    assert((strcmp(sum, date) > 0) == (days > 0) && (strcmp(sum, date) < 0) == (days < 0));
    check_words(arena, date, sum);
}

static void
check_moment(struct arena *arena, const char *instant)
{
    char day[11], own[11] = "", before[11] = "", after[11] = "";

    input_expect_text(moment_text(arena, instant, "fr"));
    input_expect_text(moment_text(arena, instant, "en"));
    if (!date_of_instant(instant, day))
        return;
    assert(check_instant(instant) && check_date(day));
    memcpy(own, instant, 10);
    bool near = strcmp(day, own) == 0;
    near = near || (date_add_days(own, -1, before) && strcmp(day, before) == 0);
    assert(near || (date_add_days(own, 1, after) && strcmp(day, after) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct arena *arena = input_arena();
    struct input input = {data, size};
    int days = (int)(input_integer(&input) >> 32) / (1 << (input_byte(&input) % 31));
    const char *text = input_text(&input, arena);

    if (!ready)
        dates_init();
    ready = true;
    check_day(arena, text, days);
    check_moment(arena, text);
    const char *instant = instant_from_sql(arena, text);
    assert(instant == NULL || strlen(instant) == strlen("2026-11-22T18:18:00.123Z"));
    return 0;
}
