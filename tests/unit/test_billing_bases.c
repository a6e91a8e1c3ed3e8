/* SPDX-License-Identifier: Apache-2.0
 * What a trigger bills, by basis (INV-1, INV-5, MON-3). */
#include "billing_bases.h"

#include "fixtures.h"
#include "money.h"

#include <string.h>

#define DAY "2026-12-18"

/* A trigger's billing that a test fills in, and whether its amounts could be computed. */
static struct {
    struct billing billing;
    BillingPlan plan;
    FiredTrigger trigger;
    Budgeting__Project project;
    UnbilledSession *sessions[4];
    bool ok;
} made;

static void
start(Basis basis, InvoiceTrigger trigger)
{
    memset(&made, 0, sizeof made);
    invoicing__billing_plan__init(&made.plan);
    invoicing__fired_trigger__init(&made.trigger);
    budgeting__project__init(&made.project);
    SET(&made.plan, basis, basis);
    SET(&made.trigger, trigger, trigger);
    made.trigger.service_date = (char *)DAY;
    SET(&made.project, status, BUDGETING__PROJECT_STATUS__PROJECT_STATUS_OPEN);
    made.billing = (struct billing){
        .trigger = &made.trigger,
        .plan = &made.plan,
        .project = &made.project,
        .sessions = made.sessions,
    };
}

static void
add_session(const char *id, const char *start_date, const char *end_date, int64_t cost_cents)
{
    static char training[] = "t", *trainings[] = {training};
    UnbilledSession *session = (UnbilledSession *)message_new(arena, &UnbilledSession_descriptor);

    session->id = (char *)id;
    session->title = (char *)"Négociation";
    session->start_date = (char *)start_date;
    session->end_date = (char *)end_date;
    SET(session, cost_cents, cost_cents);
    session->training_ids = trainings;
    session->n_training_ids = 1;
    made.sessions[made.billing.session_count++] = session;
}

static Invoice *
billed_in(Accounts__Locale locale)
{
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    SET(invoice, locale, locale);
    made.ok = billing_lines(arena, &made.billing, invoice);
    return invoice;
}

static Invoice *
billed(void)
{
    return billed_in(ACCOUNTS__LOCALE__LOCALE_FR);
}

/* What a closing with this much left bills at this rate. */
static Invoice *
billed_unconsumed(int64_t remaining_cents, int64_t rate_bp)
{
    start(BASIS_UNCONSUMED_FUNDS, INVOICE_TRIGGER_PROJECT_CLOSED);
    SET(&made.plan, rate_bp, rate_bp);
    SET(&made.trigger, remaining_cents, remaining_cents);
    return billed();
}

/* What a completed session of this cost bills at this rate. */
static Invoice *
billed_consumed(int64_t cost_cents, int64_t rate_bp)
{
    start(BASIS_CONSUMED_VALUE, INVOICE_TRIGGER_SESSION_COMPLETED);
    SET(&made.plan, rate_bp, rate_bp);
    add_session("s", "2026-12-01", "2026-12-02", cost_cents);
    return billed();
}

/* ---- unconsumed funds */

static void
inv_1_unconsumed_funds_bill_a_share_of_what_remains(void **state)
{
    const Invoice *invoice = billed_unconsumed(340000, 500);

    (void)state;
    assert_true(made.ok);
    assert_int_equal(invoice->basis, BASIS_UNCONSUMED_FUNDS);
    assert_int_equal(invoice->basis_cents, 340000);
    assert_int_equal(invoice->rate_bp, 500);
    assert_int_equal(invoice->n_lines, 1);
    assert_int_equal(invoice->lines[0]->quantity, 1);
    assert_int_equal(invoice->lines[0]->unit_price_cents, 17000);
    assert_int_equal(invoice->lines[0]->net_cents, 17000);
    assert_string_equal(invoice->lines[0]->service_date, DAY);
    assert_string_equal(invoice->lines[0]->description,
                        "Commission de gestion sur fonds non consommés\u00a0: 5\u00a0% de "
                        "3\u00a0400,00\u00a0€ HT");
}

static void
inv_1_unconsumed_funds_bill_nothing_before_the_closing(void **state)
{
    (void)state;
    start(BASIS_UNCONSUMED_FUNDS, INVOICE_TRIGGER_MANUAL);
    SET(&made.plan, rate_bp, 500);
    assert_int_equal(billed()->n_lines, 0);
    assert_true(made.ok);
}

static void
mon_3_the_share_is_rounded_half_away_from_zero(void **state)
{
    (void)state;
    assert_int_equal(billed_unconsumed(10, 500)->lines[0]->net_cents, 1);
    assert_int_equal(billed_unconsumed(333333, 550)->lines[0]->net_cents, 18333);
}

static void
inv_5_a_trigger_without_anything_to_bill_has_no_line(void **state)
{
    (void)state;
    assert_int_equal(billed_unconsumed(0, 500)->n_lines, 0);
    assert_int_equal(billed_unconsumed(-60000, 500)->n_lines, 0);
    assert_int_equal(billed_unconsumed(-60000, 500)->basis_cents, 0);
    assert_int_equal(billed_unconsumed(340000, 0)->n_lines, 0);
    assert_int_equal(billed_unconsumed(9, 500)->n_lines, 0);
    assert_int_equal(billed_consumed(0, 500)->n_lines, 0);
    assert_int_equal(billed_consumed(9, 500)->n_lines, 0);
    assert_int_equal(billed_consumed(9, 500)->basis_cents, 0);
    assert_true(made.ok);
}

static void
mon_4_an_overflow_is_refused(void **state)
{
    (void)state;
    assert_int_equal(billed_unconsumed(MONEY_CENTS_MAX, 10000)->lines[0]->net_cents,
                     MONEY_CENTS_MAX);
    assert_true(made.ok);
    assert_int_equal(billed_unconsumed(INT64_MAX, 20000)->n_lines, 0);
    assert_false(made.ok);
    billed_consumed(INT64_MAX, 20000);
    assert_false(made.ok);
}

/* ---- consumed value */

static void
inv_1_consumed_value_bills_a_share_of_the_session(void **state)
{
    const Invoice *invoice = billed_consumed(810000, 500);
    const InvoiceLine *line = invoice->lines[0];

    (void)state;
    assert_true(made.ok);
    assert_int_equal(invoice->basis_cents, 810000);
    assert_int_equal(invoice->rate_bp, 500);
    assert_int_equal(invoice->n_lines, 1);
    assert_int_equal(line->net_cents, 40500);
    assert_string_equal(line->session_id, "s");
    assert_int_equal(line->n_training_ids, 1);
    assert_string_equal(line->service_date, "2026-12-02");
    assert_string_equal(line->description,
                        "Commission de gestion, session «\u00a0Négociation\u00a0» (du 1er au "
                        "2 décembre 2026)\u00a0: 5\u00a0% de 8\u00a0100,00\u00a0€ HT");
}

static void
mon_3_each_session_has_a_line_rounded_by_itself(void **state)
{
    const Invoice *invoice;

    (void)state;
    start(BASIS_CONSUMED_VALUE, INVOICE_TRIGGER_MILESTONES);
    SET(&made.plan, rate_bp, 500);
    add_session("a", "2026-11-02", "2026-11-03", 10);
    add_session("b", "2026-12-01", "2026-12-01", 9);
    add_session("c", "2026-12-07", "2026-12-09", 10);
    invoice = billed();
    assert_int_equal(invoice->n_lines, 2);
    assert_int_equal(invoice->lines[0]->net_cents + invoice->lines[1]->net_cents, 2);
    assert_string_equal(invoice->lines[0]->session_id, "a");
    assert_string_equal(invoice->lines[1]->session_id, "c");
    assert_int_equal(invoice->basis_cents, 20);
}

static void
inv_6_the_tax_point_is_the_sessions_end_and_at_closing_the_closing(void **state)
{
    (void)state;
    start(BASIS_CONSUMED_VALUE, INVOICE_TRIGGER_MANUAL);
    SET(&made.plan, rate_bp, 500);
    add_session("a", "2026-11-02", "2026-11-03", 100000);
    assert_string_equal(billed()->lines[0]->service_date, "2026-11-03");
    SET(&made.trigger, trigger, INVOICE_TRIGGER_PROJECT_CLOSED);
    assert_string_equal(billed()->lines[0]->service_date, DAY);
}

/* ---- fixed fee */

static const char *
fee_line(Accounts__Locale locale)
{
    const Invoice *invoice;

    SET(&made.plan, fixed_fee_cents, 25000);
    invoice = billed_in(locale);
    if (invoice->n_lines == 0)
        return NULL;
    assert_int_equal(invoice->n_lines, 1);
    assert_int_equal(invoice->lines[0]->net_cents, 25000);
    assert_false(invoice->has_basis_cents || invoice->has_rate_bp);
    return invoice->lines[0]->description;
}

static void
inv_1_a_fixed_fee_is_billed_once_per_trigger(void **state)
{
    (void)state;
    start(BASIS_FIXED_FEE, INVOICE_TRIGGER_PROJECT_CLOSED);
    add_session("a", "2026-12-01", "2026-12-01", 100);
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_FR),
                        "Forfait de gestion, clôture du projet");
    assert_null(billed()->lines[0]->session_id);
    SET(&made.trigger, trigger, INVOICE_TRIGGER_MILESTONES);
    made.trigger.occurrence = (char *)"2026-12-01";
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_FR),
                        "Forfait de gestion, échéance du 1er décembre 2026");
    made.trigger.occurrence = (char *)"5000";
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_FR),
                        "Forfait de gestion, 50\u00a0% du budget consommé");
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_EN),
                        "Management fee, 50% of the budget consumed");
    SET(&made.trigger, trigger, INVOICE_TRIGGER_MANUAL);
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_FR),
                        "Forfait de gestion, prestations à ce jour");
}

static void
inv_1_a_fixed_fee_of_a_session_takes_its_trainings(void **state)
{
    const InvoiceLine *line;

    (void)state;
    start(BASIS_FIXED_FEE, INVOICE_TRIGGER_SESSION_COMPLETED);
    assert_null(fee_line(ACCOUNTS__LOCALE__LOCALE_FR)); /* SES-4: an empty session */
    add_session("a", "2026-12-01", "2026-12-01", 0);
    assert_string_equal(fee_line(ACCOUNTS__LOCALE__LOCALE_EN),
                        "Management fee, session “Négociation” (on 1 December 2026)");
    line = billed()->lines[0];
    assert_string_equal(line->session_id, "a");
    assert_int_equal(line->n_training_ids, 1);
    assert_string_equal(line->service_date, "2026-12-01");
}

static void
inv_2_a_closed_project_owes_no_fee_but_a_credited_one(void **state)
{
    (void)state;
    start(BASIS_FIXED_FEE, INVOICE_TRIGGER_MANUAL);
    SET(&made.project, status, BUDGETING__PROJECT_STATUS__PROJECT_STATUS_CLOSED);
    assert_null(fee_line(ACCOUNTS__LOCALE__LOCALE_FR));
    SET(&made.trigger, remaining_cents, 0);
    assert_non_null(fee_line(ACCOUNTS__LOCALE__LOCALE_FR));
}

/* ---- triggers */

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
        cmocka_unit_test(inv_1_unconsumed_funds_bill_nothing_before_the_closing),
        cmocka_unit_test(mon_3_the_share_is_rounded_half_away_from_zero),
        cmocka_unit_test(inv_5_a_trigger_without_anything_to_bill_has_no_line),
        cmocka_unit_test(mon_4_an_overflow_is_refused),
        cmocka_unit_test(inv_1_consumed_value_bills_a_share_of_the_session),
        cmocka_unit_test(mon_3_each_session_has_a_line_rounded_by_itself),
        cmocka_unit_test(inv_6_the_tax_point_is_the_sessions_end_and_at_closing_the_closing),
        cmocka_unit_test(inv_1_a_fixed_fee_is_billed_once_per_trigger),
        cmocka_unit_test(inv_1_a_fixed_fee_of_a_session_takes_its_trainings),
        cmocka_unit_test(inv_2_a_closed_project_owes_no_fee_but_a_credited_one),
        cmocka_unit_test(inv_1_a_plan_bills_only_on_its_own_triggers),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
