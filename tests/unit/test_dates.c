/* SPDX-License-Identifier: Apache-2.0
 * Days in Paris (MON-5): both changes of the clock, the turn of the year, the ends of the range. */
#include "dates.h"

#include "checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int
use_paris(void **state)
{
    (void)state;
    dates_init();
    return 0;
}

static void
check_day(const char *instant, const char *expected)
{
    char day[11] = "";

    assert_true(date_of_instant(instant, day));
    assert_string_equal(day, expected);
}

static void
check_sum(const char *date, int days, const char *expected)
{
    char sum[11] = "";

    assert_true(date_add_days(date, days, sum));
    assert_string_equal(sum, expected);
}

static void
mon_5_the_day_is_that_of_paris(void **state)
{
    (void)state;
    check_day("2026-11-22T22:59:59.999Z", "2026-11-22");
    check_day("2026-11-22T23:00:00Z", "2026-11-23");
    check_day("2026-07-14T21:59:59Z", "2026-07-14");
    check_day("2026-07-14T22:00:00.000Z", "2026-07-15");
}

static void
mon_5_summer_time_begins_and_ends(void **state)
{
    (void)state;
    check_day("2026-03-28T22:59:59Z", "2026-03-28");
    check_day("2026-03-28T23:00:00Z", "2026-03-29");
    check_day("2026-03-29T21:59:59Z", "2026-03-29");
    check_day("2026-03-29T22:00:00Z", "2026-03-30");
    check_day("2026-10-24T22:00:00Z", "2026-10-25");
    check_day("2026-10-25T22:59:59Z", "2026-10-25");
    check_day("2026-10-25T23:00:00Z", "2026-10-26");
}

static void
mon_5_the_year_turns_in_paris(void **state)
{
    (void)state;
    check_day("2026-12-31T22:59:59.999Z", "2026-12-31");
    check_day("2026-12-31T23:00:00Z", "2027-01-01");
    check_day("2024-02-28T23:30:00Z", "2024-02-29");
}

static void
mon_5_offsets_count(void **state)
{
    (void)state;
    check_day("2026-12-31T23:59:59+01:00", "2026-12-31");
    check_day("2027-01-01T00:00:00+01:00", "2027-01-01");
    check_day("2026-12-31T12:00:00-11:00", "2027-01-01");
    check_day("2027-01-01T12:30:00.25+14:00", "2026-12-31");
}

static void
what_is_no_instant_has_no_day(void **state)
{
    char day[11] = "unchanged";

    (void)state;
    assert_false(date_of_instant("2026-11-22", day));
    assert_false(date_of_instant("", day));
    assert_false(date_of_instant("2199-12-31T23:30:00Z", day));
    assert_string_equal(day, "unchanged");
}

static void
days_are_added_over_months_years_and_clock_changes(void **state)
{
    (void)state;
    check_sum("2026-11-22", 0, "2026-11-22");
    check_sum("2026-11-22", 30, "2026-12-22");
    check_sum("2026-12-31", 1, "2027-01-01");
    check_sum("2027-01-01", -1, "2026-12-31");
    check_sum("2024-02-28", 1, "2024-02-29");
    check_sum("2026-02-28", 1, "2026-03-01");
    check_sum("2026-03-28", 1, "2026-03-29");
    check_sum("2026-03-29", 1, "2026-03-30");
    check_sum("2026-10-25", 1, "2026-10-26");
    check_sum("2026-10-26", -1, "2026-10-25");
    check_sum("2026-01-01", 365, "2027-01-01");
    check_sum("1900-01-01", 109571, "2199-12-30");
}

static void
sums_out_of_range_are_refused(void **state)
{
    char sum[11] = "unchanged";

    (void)state;
    assert_false(date_add_days("2199-12-31", 1, sum));
    assert_false(date_add_days("1900-01-01", -1, sum));
    assert_false(date_add_days("2026-11-22", INT32_MAX, sum));
    assert_false(date_add_days("2026-11-22", INT32_MIN, sum));
    assert_false(date_add_days("2026-02-30", 1, sum));
    assert_string_equal(sum, "unchanged");
}

static void
now_is_well_formed_and_consistent(void **state)
{
    char before[11], day[11], after[11], instant[25];

    (void)state;
    date_today(before);
    instant_now(instant);
    date_today(after);
    assert_int_equal(strlen(instant), 24);
    assert_true(check_instant(instant));
    assert_true(check_date(before));
    assert_true(date_of_instant(instant, day));
    assert_true(strcmp(before, day) <= 0 && strcmp(day, after) <= 0);
}

static void
the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t first_ms = clock_ms();

    (void)state;
    assert_true(first_ms > 0);
    assert_true(clock_ms() >= first_ms);
}

static void
dates_are_written_as_people_do(void **state)
{
    char words[40];

    (void)state;
    date_words("2026-11-22", "fr", words);
    assert_string_equal(words, "22 novembre 2026");
    date_words("2026-02-01", "fr", words);
    assert_string_equal(words, "1er février 2026");
    date_words("2026-08-09", "fr", words);
    assert_string_equal(words, "9 août 2026");
    date_words("2026-12-01", "en", words);
    assert_string_equal(words, "1 December 2026");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mon_5_the_day_is_that_of_paris),
        cmocka_unit_test(mon_5_summer_time_begins_and_ends),
        cmocka_unit_test(mon_5_the_year_turns_in_paris),
        cmocka_unit_test(mon_5_offsets_count),
        cmocka_unit_test(what_is_no_instant_has_no_day),
        cmocka_unit_test(days_are_added_over_months_years_and_clock_changes),
        cmocka_unit_test(sums_out_of_range_are_refused),
        cmocka_unit_test(now_is_well_formed_and_consistent),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(dates_are_written_as_people_do),
    };

    return cmocka_run_group_tests_name("dates", tests, use_paris, NULL);
}
