/* SPDX-License-Identifier: Apache-2.0
 * What an automatic funding call asks for (FUN-2), and when one more is due (BUD-14). */
#include "refill.h"

#include "money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
fun_2_a_threshold_asks_for_the_share_of_the_initial_budget(void **state)
{
    (void)state;
    assert_int_equal(refill_requested_cents(1000000, 2000, 0), 200000);
    assert_int_equal(refill_requested_cents(1000000, 10000, 0), 1000000);
}

static void
fun_2_an_overrun_beyond_the_share_is_asked_for_whole(void **state)
{
    (void)state;
    assert_int_equal(refill_requested_cents(1000000, 2000, 199999), 200000);
    assert_int_equal(refill_requested_cents(1000000, 2000, 200000), 200000);
    assert_int_equal(refill_requested_cents(1000000, 2000, 200001), 200001);
}

static void
fun_2_a_budget_of_nothing_asks_for_its_overrun(void **state)
{
    (void)state;
    assert_int_equal(refill_requested_cents(0, 2000, 60000), 60000);
    assert_int_equal(refill_requested_cents(0, 2000, 0), 0);
}

static void
fun_2_a_refill_of_0_asks_for_nothing_even_in_an_overrun(void **state)
{
    (void)state;
    assert_int_equal(refill_requested_cents(1000000, 0, 0), 0);
    assert_int_equal(refill_requested_cents(1000000, 0, 500000), 0);
}

static void
mon_3_the_share_is_rounded_half_away_from_zero(void **state)
{
    (void)state;
    assert_int_equal(refill_requested_cents(1, 5000, 0), 1);
    assert_int_equal(refill_requested_cents(1, 4999, 0), 0);
}

static void
mon_4_no_call_asks_for_more_than_an_amount_may_be(void **state)
{
    (void)state;
    assert_true(refill_requested_cents(MONEY_CENTS_MAX, 10000, 0) == MONEY_CENTS_MAX);
    assert_true(refill_requested_cents(INT64_MAX, 10000, 0) == MONEY_CENTS_MAX);
    assert_true(refill_requested_cents(1000000, 2000, INT64_MAX) == MONEY_CENTS_MAX);
}

static void
bud_14_an_overrun_within_what_was_asked_opens_no_call(void **state)
{
    (void)state;
    assert_false(refill_is_outgrown(0, 500000, 500000));
    assert_false(refill_is_outgrown(500000, 0, 500000));      /* declined */
    assert_false(refill_is_outgrown(400000, 100000, 500000)); /* adjusted */
    assert_false(refill_is_outgrown(-1, 600000, 500000));
}

static void
bud_14_an_overrun_that_grew_beyond_what_was_asked_opens_one(void **state)
{
    (void)state;
    assert_true(refill_is_outgrown(500001, 0, 500000));      /* declined */
    assert_true(refill_is_outgrown(400001, 100000, 500000)); /* adjusted */
    assert_true(refill_is_outgrown(1, 500000, 500000));      /* accepted */
    assert_true(refill_is_outgrown(INT64_MAX, 1, 500000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fun_2_a_threshold_asks_for_the_share_of_the_initial_budget),
        cmocka_unit_test(fun_2_an_overrun_beyond_the_share_is_asked_for_whole),
        cmocka_unit_test(fun_2_a_budget_of_nothing_asks_for_its_overrun),
        cmocka_unit_test(fun_2_a_refill_of_0_asks_for_nothing_even_in_an_overrun),
        cmocka_unit_test(mon_3_the_share_is_rounded_half_away_from_zero),
        cmocka_unit_test(mon_4_no_call_asks_for_more_than_an_amount_may_be),
        cmocka_unit_test(bud_14_an_overrun_within_what_was_asked_opens_no_call),
        cmocka_unit_test(bud_14_an_overrun_that_grew_beyond_what_was_asked_opens_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
