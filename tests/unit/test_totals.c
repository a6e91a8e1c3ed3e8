/* SPDX-License-Identifier: Apache-2.0
 * A session's totals: VAT per rate on the sum of that rate (MON-3), bounds of money (MON-4). */
#include "totals.h"

#include "money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
ses_1_totals_of_the_worked_example(void **state)
{
    const struct rate_total rates[] = {{550, 450000, 1}, {2000, 300000, 1}};
    struct totals totals;

    (void)state;
    assert_true(totals_of_rates(rates, COUNT(rates), &totals));
    assert_int_equal(totals.cost_cents, 750000);
    assert_int_equal(totals.vat_cents, 60000 + 24750);
    assert_int_equal(totals.training_count, 2);
}

static void
ses_1_an_empty_session_costs_nothing(void **state)
{
    struct totals totals = {1, 2, 3};

    (void)state;
    assert_true(totals_of_rates(NULL, 0, &totals));
    assert_int_equal(totals.cost_cents, 0);
    assert_int_equal(totals.vat_cents, 0);
    assert_int_equal(totals.training_count, 0);
}

/* Three trainings of 1.22 at 5.5 %: 0.0671 each would round to 3 × 7 cents; their sum is 20.13. */
static void
mon_3_vat_is_rounded_once_per_rate(void **state)
{
    const struct rate_total rates[] = {{550, 366, 3}};
    struct totals totals;

    (void)state;
    assert_true(totals_of_rates(rates, COUNT(rates), &totals));
    assert_int_equal(totals.vat_cents, 20);
}

static void
mon_3_each_rate_is_rounded_by_itself(void **state)
{
    const struct rate_total rates[] = {{500, 10, 1}, {1500, 10, 1}}; /* 0.5 and 1.5 cents */
    struct totals totals;

    (void)state;
    assert_true(totals_of_rates(rates, COUNT(rates), &totals));
    assert_int_equal(totals.vat_cents, 1 + 2);
}

static void
mon_4_the_greatest_amount_is_still_one(void **state)
{
    const struct rate_total rates[] = {{10000, MONEY_CENTS_MAX - 1, 1}, {0, 1, 1}};
    struct totals totals;

    (void)state;
    assert_true(totals_of_rates(rates, COUNT(rates), &totals));
    assert_true(totals.cost_cents == MONEY_CENTS_MAX);
    assert_true(totals.vat_cents == MONEY_CENTS_MAX - 1);
}

static void
mon_4_a_cent_more_is_refused_and_changes_nothing(void **state)
{
    const struct rate_total rates[] = {{0, MONEY_CENTS_MAX, 1}, {550, 1, 1}};
    struct totals totals = {1, 2, 3};

    (void)state;
    assert_false(totals_of_rates(rates, COUNT(rates), &totals));
    assert_int_equal(totals.cost_cents, 1);
    assert_int_equal(totals.vat_cents, 2);
    assert_int_equal(totals.training_count, 3);
}

static void
mon_4_sums_that_overflow_are_refused(void **state)
{
    const struct rate_total rates[] = {{10000, INT64_MAX, 1}, {0, INT64_MAX, 1}};
    struct totals totals;

    (void)state;
    assert_false(totals_of_rates(rates, COUNT(rates), &totals));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ses_1_totals_of_the_worked_example),
        cmocka_unit_test(ses_1_an_empty_session_costs_nothing),
        cmocka_unit_test(mon_3_vat_is_rounded_once_per_rate),
        cmocka_unit_test(mon_3_each_rate_is_rounded_by_itself),
        cmocka_unit_test(mon_4_the_greatest_amount_is_still_one),
        cmocka_unit_test(mon_4_a_cent_more_is_refused_and_changes_nothing),
        cmocka_unit_test(mon_4_sums_that_overflow_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
