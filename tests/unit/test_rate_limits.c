/* SPDX-License-Identifier: Apache-2.0
 * How often somebody may ask. */
#include "rate_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { PER_MINUTE = 60, SECOND_US = 1000000 };

static int
start(void **state)
{
    *state = limits_new();
    return 0;
}

static int
finish(void **state)
{
    limits_free(*state);
    return 0;
}

/* How many requests are let through at one time. */
static int
burst(struct limits *limits, const char *name, int64_t now_us)
{
    int count = 0;
    while (count < 10 * PER_MINUTE && limits_take(limits, name, 1, PER_MINUTE, now_us) == 0)
        count++;
    return count;
}

static void
test_a_minutes_worth_may_come_at_once(void **state)
{
    assert_int_equal(burst(*state, "a", SECOND_US), PER_MINUTE);
    assert_int_equal(limits_take(*state, "a", 1, PER_MINUTE, SECOND_US), 1);
}

static void
test_then_they_come_at_their_pace(void **state)
{
    assert_int_equal(burst(*state, "a", SECOND_US), PER_MINUTE);
    assert_int_equal(burst(*state, "a", 2 * SECOND_US), 1);
    assert_int_equal(burst(*state, "a", 12 * SECOND_US), 10);
    assert_int_equal(burst(*state, "a", (int64_t)1000 * SECOND_US), PER_MINUTE);
}

static void
test_a_refused_one_is_not_counted(void **state)
{
    burst(*state, "a", SECOND_US);
    for (int i = 0; i < 100; i++)
        assert_int_equal(limits_take(*state, "a", 1, PER_MINUTE, SECOND_US), 1);
    assert_int_equal(burst(*state, "a", 2 * SECOND_US), 1);
}

static void
test_the_wait_is_said_in_whole_seconds(void **state)
{
    assert_int_equal(limits_take(*state, "a", 1, 1, SECOND_US), 0);
    assert_int_equal(limits_take(*state, "a", 1, 1, SECOND_US), 60);
    assert_int_equal(limits_take(*state, "a", 1, 1, 31 * SECOND_US + 1), 30);
}

static void
test_each_has_his_own(void **state)
{
    burst(*state, "a", SECOND_US);
    assert_int_equal(burst(*state, "b", SECOND_US), PER_MINUTE);
}

static void
test_none_is_any_number(void **state)
{
    for (int i = 0; i < 1000; i++)
        assert_int_equal(limits_take(*state, "a", 1, 0, SECOND_US), 0);
}

/* A flood of names that come once pushes those out who are furthest from their limit. */
static void
test_others_do_not_wash_the_record_of_a_flooder(void **state)
{
    burst(*state, "a", SECOND_US);
    for (uint32_t other = 0; other < 100000; other++)
        (void)limits_take(*state, &other, sizeof other, PER_MINUTE, SECOND_US);
    assert_int_equal(burst(*state, "a", SECOND_US), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_a_minutes_worth_may_come_at_once),
        TEST(test_then_they_come_at_their_pace),
        TEST(test_a_refused_one_is_not_counted),
        TEST(test_the_wait_is_said_in_whole_seconds),
        TEST(test_each_has_his_own),
        TEST(test_none_is_any_number),
        TEST(test_others_do_not_wash_the_record_of_a_flooder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
