/* SPDX-License-Identifier: Apache-2.0
 * Figures of a budget: the worked example and the edges of BUD-12 and BUD-15. */
#include "../../services/budgeting/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

static Budget
budget_of(int64_t remaining, int64_t planned, int64_t completed)
{
    Budget budget = BUDGETING__BUDGET__INIT;

    SET(&budget, remaining_cents, remaining);
    SET(&budget, planned_cents, planned);
    SET(&budget, completed_cents, completed);
    return budget;
}

static AlertThreshold
percent(int64_t bp)
{
    AlertThreshold threshold = COMMON__ALERT_THRESHOLD__INIT;

    SET(&threshold, percent_bp, bp);
    return threshold;
}

static void
worked_example(void **state)
{
    AlertThreshold threshold = percent(8000);
    Budget second = budget_of(250000, 750000, 0), third = budget_of(190000, 810000, 0),
           fourth = budget_of(340000, 810000, 0);

    (void)state;
    assert_true(figures_complete(&second, &threshold));
    assert_int_equal(second.consumed_bp, 7500);
    assert_int_equal(second.state, BUDGET_STATE_OK);
    assert_true(figures_complete(&third, &threshold));
    assert_int_equal(third.threshold_cents, 800000);
    assert_int_equal(third.state, BUDGET_STATE_ALERT);
    assert_true(figures_complete(&fourth, &threshold));
    assert_int_equal(fourth.budget_cents, 1150000);
    assert_int_equal(fourth.threshold_cents, 920000);
    assert_int_equal(fourth.state, BUDGET_STATE_OK);
}

static void
budget_of_zero(void **state)
{
    AlertThreshold threshold = percent(1);
    Budget nothing = budget_of(0, 0, 0), overrun = budget_of(-1, 1, 0);

    (void)state;
    assert_true(figures_complete(&nothing, &threshold));
    assert_false(nothing.has_consumed_bp);
    assert_int_equal(nothing.state, BUDGET_STATE_OK);
    assert_true(figures_complete(&overrun, &threshold));
    assert_int_equal(overrun.state, BUDGET_STATE_OVERRUN);
}

static void
share_is_rounded_down_and_threshold_up(void **state)
{
    AlertThreshold threshold = percent(3333);
    Budget budget = budget_of(2, 1, 0);

    (void)state;
    assert_true(figures_complete(&budget, &threshold));
    assert_int_equal(budget.consumed_bp, 3333);
    assert_int_equal(budget.threshold_cents, 1);
    assert_int_equal(budget.state, BUDGET_STATE_ALERT);
}

static void
overflow_is_refused(void **state)
{
    AlertThreshold threshold = percent(8000);
    Budget budget = budget_of(INT64_MAX, 1, 0);

    (void)state;
    assert_false(figures_complete(&budget, &threshold));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example),
        cmocka_unit_test(budget_of_zero),
        cmocka_unit_test(share_is_rounded_down_and_threshold_up),
        cmocka_unit_test(overflow_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
