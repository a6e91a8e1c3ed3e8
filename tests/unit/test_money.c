/* SPDX-License-Identifier: Apache-2.0
 * Money arithmetic (MON-1 to MON-4): every edge of rounding and of the 64 bits. */
#include "money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef bool operation(int64_t, int64_t, int64_t *);

static void
check_value(operation *operate, int64_t a, int64_t b, int64_t expected)
{
    int64_t result = 42;

    assert_true(operate(a, b, &result));
    assert_true(result == expected);
}

static void
check_refused(operation *operate, int64_t a, int64_t b)
{
    int64_t result = 42;

    assert_false(operate(a, b, &result));
    assert_int_equal(result, 42);
}

static void
mon_4_sums_are_exact_or_refused(void **state)
{
    (void)state;
    check_value(money_add, 2, 3, 5);
    check_value(money_add, INT64_MAX, 0, INT64_MAX);
    check_value(money_add, INT64_MAX, INT64_MIN, -1);
    check_value(money_add, INT64_MIN, 0, INT64_MIN);
    check_refused(money_add, INT64_MAX, 1);
    check_refused(money_add, INT64_MIN, -1);
    check_refused(money_add, INT64_MIN, INT64_MIN);
    check_value(money_subtract, 2, 3, -1);
    check_value(money_subtract, -1, INT64_MIN, INT64_MAX);
    check_value(money_subtract, INT64_MIN, INT64_MIN, 0);
    check_refused(money_subtract, 0, INT64_MIN);
    check_refused(money_subtract, INT64_MIN, 1);
    check_refused(money_subtract, INT64_MAX, -1);
}

static void
mon_3_shares_round_half_away_from_zero(void **state)
{
    (void)state;
    check_value(money_share, 1, 4999, 0);
    check_value(money_share, 1, 5000, 1);
    check_value(money_share, 1, 5001, 1);
    check_value(money_share, 3, 5000, 2);
    check_value(money_share, 1, 14999, 1);
    check_value(money_share, 1, 15000, 2);
    check_value(money_share, -1, 4999, 0);
    check_value(money_share, -1, 5000, -1);
    check_value(money_share, -3, 5000, -2);
    check_value(money_share, 1, -5000, -1);
    check_value(money_share, -1, -5000, 1);
    check_value(money_share, 0, 2000, 0);
    check_value(money_share, 12345, 0, 0);
    check_value(money_share, 12345, 10000, 12345);
}

static void
mon_4_shares_are_exact_or_refused(void **state)
{
    (void)state;
    check_value(money_share, INT64_MAX, 10000, INT64_MAX);
    check_value(money_share, INT64_MIN, 10000, INT64_MIN);
    check_value(money_share, INT64_MAX, 5000, INT64_C(4611686018427387904));
    check_value(money_share, INT64_MIN, 5000, INT64_C(-4611686018427387904));
    check_value(money_share, MONEY_CENTS_MAX, 10000, MONEY_CENTS_MAX);
    check_refused(money_share, INT64_MAX, 10001);
    check_refused(money_share, INT64_MIN, 10001);
    check_refused(money_share, INT64_MIN, -10000);
    check_refused(money_share, INT64_MIN, INT64_MIN);
    check_refused(money_share, INT64_MAX, INT64_MAX);
}

static void
mon_3_thresholds_round_up(void **state)
{
    (void)state;
    check_value(money_share_up, 1000000, 8000, 800000);
    check_value(money_share_up, 1, 1, 1);
    check_value(money_share_up, 10001, 1, 2);
    check_value(money_share_up, 10000, 1, 1);
    check_value(money_share_up, -1, 1, 0);
    check_value(money_share_up, -10001, 1, -1);
    check_value(money_share_up, 0, 8000, 0);
    check_value(money_share_up, INT64_MIN, 10000, INT64_MIN);
    check_value(money_share_up, INT64_MAX, 10000, INT64_MAX);
    check_refused(money_share_up, INT64_MAX, 10001);
    check_refused(money_share_up, INT64_MIN, -10000);
}

static void
mon_3_ratios_round_down(void **state)
{
    (void)state;
    check_value(money_ratio_bp, 750000, 1000000, 7500);
    check_value(money_ratio_bp, 1, 3, 3333);
    check_value(money_ratio_bp, 2, 3, 6666);
    check_value(money_ratio_bp, 99999, 100000, 9999);
    check_value(money_ratio_bp, -1, 3, -3334);
    check_value(money_ratio_bp, 0, 3, 0);
    check_value(money_ratio_bp, INT64_MAX, INT64_MAX, 10000);
    check_value(money_ratio_bp, INT64_MIN, INT64_MAX, -10001);
    check_value(money_ratio_bp, 1, INT64_MAX, 0);
    check_refused(money_ratio_bp, INT64_MAX, 9999);
    check_refused(money_ratio_bp, INT64_MIN, 1);
}

static void
mon_3_comparisons_are_exact(void **state)
{
    (void)state;
    assert_true(money_reaches(810000, 1000000, 8000));
    assert_true(money_reaches(800000, 1000000, 8000));
    assert_false(money_reaches(799999, 1000000, 8000));
    assert_true(money_reaches(1, 3, 3333));
    assert_false(money_reaches(1, 3, 3334));
    assert_true(money_reaches(INT64_MAX, INT64_MAX, 10000));
    assert_false(money_reaches(INT64_MAX - 1, INT64_MAX, 10000));
    assert_true(money_reaches(INT64_MAX, INT64_MIN, 10000));
    assert_false(money_reaches(INT64_MIN, INT64_MAX, 10000));
    assert_true(money_reaches(0, 0, 8000));
}

static void
the_worked_example_is_exact_to_the_cent(void **state)
{
    (void)state;
    check_value(money_share, 300000, 2000, 60000);
    check_value(money_share, 450000, 550, 24750);
    check_value(money_add, 60000, 24750, 84750);
    check_value(money_ratio_bp, 750000, 1000000, 7500);
    check_value(money_share_up, 1150000, 8000, 920000);
    check_value(money_share, 340000, 500, 17000);
    check_value(money_share, 17000, 2000, 3400);
    check_value(money_share, 810000, 500, 40500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mon_4_sums_are_exact_or_refused),
        cmocka_unit_test(mon_3_shares_round_half_away_from_zero),
        cmocka_unit_test(mon_4_shares_are_exact_or_refused),
        cmocka_unit_test(mon_3_thresholds_round_up),
        cmocka_unit_test(mon_3_ratios_round_down),
        cmocka_unit_test(mon_3_comparisons_are_exact),
        cmocka_unit_test(the_worked_example_is_exact_to_the_cent),
    };

    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
