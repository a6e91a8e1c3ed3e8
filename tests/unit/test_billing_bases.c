/* SPDX-License-Identifier: Apache-2.0
 * What a trigger bills (INV-1, INV-5). */
#include "billing_bases.h"

#include "fixtures.h"
#include "money.h"

#include <string.h>

/* What a closing with this much left bills at this rate. */
static Invoice *
billed(int64_t remaining_cents, int64_t rate_bp, bool *ok)
{
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);
    BillingPlan plan = INVOICING__BILLING_PLAN__INIT;
    FiredTrigger trigger = INVOICING__FIRED_TRIGGER__INIT;

    SET(invoice, locale, ACCOUNTS__LOCALE__LOCALE_FR);
    SET(&plan, basis, BASIS_UNCONSUMED_FUNDS);
    SET(&plan, rate_bp, rate_bp);
    SET(&trigger, remaining_cents, remaining_cents);
    *ok = billing_lines(arena, &plan, &trigger, invoice);
    return invoice;
}

static void
inv_1_unconsumed_funds_bill_a_share_of_what_remains(void **state)
{
    bool ok;
    const Invoice *invoice = billed(340000, 500, &ok);

    (void)state;
    assert_true(ok);
    assert_int_equal(invoice->basis, BASIS_UNCONSUMED_FUNDS);
    assert_int_equal(invoice->basis_cents, 340000);
    assert_int_equal(invoice->rate_bp, 500);
    assert_int_equal(invoice->n_lines, 1);
    assert_int_equal(invoice->lines[0]->quantity, 1);
    assert_int_equal(invoice->lines[0]->unit_price_cents, 17000);
    assert_int_equal(invoice->lines[0]->net_cents, 17000);
    assert_string_equal(invoice->lines[0]->description,
                        "Commission de gestion sur fonds non consommés : 5\u00a0% de "
                        "3\u00a0400,00\u00a0€ HT");
}

static void
mon_3_the_share_is_rounded_half_away_from_zero(void **state)
{
    bool ok;

    (void)state;
    assert_int_equal(billed(10, 500, &ok)->lines[0]->net_cents, 1);
    assert_int_equal(billed(333333, 550, &ok)->lines[0]->net_cents, 18333);
}

static void
inv_5_a_trigger_without_anything_to_bill_has_no_line(void **state)
{
    bool ok;

    (void)state;
    assert_int_equal(billed(0, 500, &ok)->n_lines, 0);
    assert_int_equal(billed(-60000, 500, &ok)->n_lines, 0);
    assert_int_equal(billed(-60000, 500, &ok)->basis_cents, 0);
    assert_int_equal(billed(340000, 0, &ok)->n_lines, 0);
    assert_int_equal(billed(9, 500, &ok)->n_lines, 0);
    assert_true(ok);
}

static void
mon_4_an_overflow_is_refused(void **state)
{
    bool ok;

    (void)state;
    assert_int_equal(billed(MONEY_CENTS_MAX, 10000, &ok)->lines[0]->net_cents, MONEY_CENTS_MAX);
    assert_true(ok);
    assert_int_equal(billed(INT64_MAX, 20000, &ok)->n_lines, 0);
    assert_false(ok);
}

static void
inv_1_a_plan_bills_only_on_its_own_triggers(void **state)
{
    Trigger closing[] = {TRIGGER_PROJECT_CLOSED};
    BillingPlan plan = INVOICING__BILLING_PLAN__INIT;

    (void)state;
    plan.triggers = closing;
    plan.n_triggers = 1;
    assert_true(billing_plan_fires(&plan, INVOICE_TRIGGER_PROJECT_CLOSED));
    assert_false(billing_plan_fires(&plan, INVOICE_TRIGGER_SESSION_COMPLETED));
    assert_false(billing_plan_fires(&plan, INVOICE_TRIGGER_MILESTONES));
    assert_true(billing_plan_fires(&plan, INVOICE_TRIGGER_MANUAL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_1_unconsumed_funds_bill_a_share_of_what_remains),
        cmocka_unit_test(mon_3_the_share_is_rounded_half_away_from_zero),
        cmocka_unit_test(inv_5_a_trigger_without_anything_to_bill_has_no_line),
        cmocka_unit_test(mon_4_an_overflow_is_refused),
        cmocka_unit_test(inv_1_a_plan_bills_only_on_its_own_triggers),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
