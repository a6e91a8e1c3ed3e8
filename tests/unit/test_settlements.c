/* SPDX-License-Identifier: Apache-2.0
 * What payments and credit notes make of an invoice (INV-4, INV-7, INV-8). */
#include "settlements.h"

#include "fixtures.h"

enum { GROSS_CENTS = 20400 };

static Settlement
unpaid(void)
{
    Settlement settlement = INVOICING__SETTLEMENT__INIT;

    SET(&settlement, status, INVOICE_STATUS_ISSUED);
    SET(&settlement, gross_cents, GROSS_CENTS);
    return settlement;
}

static void
assert_settled(const Settlement *settlement, InvoiceStatus status, int64_t paid_cents,
               int64_t advance_cents)
{
    assert_int_equal(settlement->status, status);
    assert_int_equal(settlement->paid_cents, paid_cents);
    assert_int_equal(settlement->advance_cents, advance_cents);
}

static void
assert_pays(Settlement *settlement, int64_t amount_cents, bool to_advance, int64_t advance_cents)
{
    int64_t changed_cents = 0;

    assert_true(settlement_pay(settlement, amount_cents, to_advance, &changed_cents));
    assert_int_equal(changed_cents, advance_cents);
}

static void
assert_refuses(Settlement *settlement, int64_t amount_cents, bool to_advance)
{
    const Settlement before = *settlement;
    int64_t changed_cents;

    assert_false(settlement_pay(settlement, amount_cents, to_advance, &changed_cents));
    assert_settled(settlement, before.status, before.paid_cents, before.advance_cents);
}

static void
inv_7_parts_make_it_paid(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, 1, false, 0);
    assert_settled(&settlement, INVOICE_STATUS_PARTIALLY_PAID, 1, 0);
    assert_pays(&settlement, GROSS_CENTS - 1, false, 0);
    assert_settled(&settlement, INVOICE_STATUS_PAID, GROSS_CENTS, 0);
}

static void
inv_7_a_reversal_leads_back_to_where_it_was(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, GROSS_CENTS, false, 0);
    assert_pays(&settlement, -400, false, 0);
    assert_settled(&settlement, INVOICE_STATUS_PARTIALLY_PAID, 20000, 0);
    assert_pays(&settlement, -20000, false, 0);
    assert_settled(&settlement, INVOICE_STATUS_ISSUED, 0, 0);
    SET(&settlement, mailed, true);
    assert_pays(&settlement, 5, false, 0);
    assert_pays(&settlement, -5, false, 0);
    assert_settled(&settlement, INVOICE_STATUS_SENT, 0, 0);
}

static void
inv_7_a_credited_invoice_stays_so_when_its_payment_is_reversed(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, 20000, false, 0);
    assert_true(settlement_credit(&settlement, GROSS_CENTS, true));
    assert_settled(&settlement, INVOICE_STATUS_CREDITED, 0, 20000);
    assert_refuses(&settlement, -20000, false);
    assert_refuses(&settlement, -20001, true);
    assert_pays(&settlement, -19999, true, -19999);
    assert_settled(&settlement, INVOICE_STATUS_CREDITED, 0, 1);
}

static void
inv_7_neither_overpaid_nor_below_zero(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_refuses(&settlement, GROSS_CENTS + 1, false);
    assert_refuses(&settlement, -1, false);
    assert_refuses(&settlement, -1, true);
    assert_pays(&settlement, 100, false, 0);
    assert_refuses(&settlement, GROSS_CENTS - 99, false);
    assert_refuses(&settlement, -101, false);
    assert_refuses(&settlement, INT64_MIN, true);
}

static void
inv_7_a_surplus_becomes_the_clients_advance_and_comes_back(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, 30000, true, 9600);
    assert_settled(&settlement, INVOICE_STATUS_PAID, GROSS_CENTS, 9600);
    assert_pays(&settlement, 100, true, 100);
    assert_pays(&settlement, -9600, true, -9600);
    assert_settled(&settlement, INVOICE_STATUS_PAID, GROSS_CENTS, 100);
    assert_refuses(&settlement, -(GROSS_CENTS + 1), false);
    assert_pays(&settlement, -(GROSS_CENTS + 100), true, -100);
    assert_settled(&settlement, INVOICE_STATUS_ISSUED, 0, 0);
}

static void
inv_8_payments_of_a_credited_invoice_become_the_advance(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, 20000, false, 0);
    assert_true(settlement_credit(&settlement, GROSS_CENTS, true));
    assert_settled(&settlement, INVOICE_STATUS_CREDITED, 0, 20000);
}

static void
inv_8_of_a_partly_credited_one_what_is_beyond_the_rest(void **state)
{
    Settlement settlement = unpaid();

    (void)state;
    assert_pays(&settlement, 15000, false, 0);
    assert_true(settlement_credit(&settlement, 400, false));
    assert_settled(&settlement, INVOICE_STATUS_PARTIALLY_PAID, 15000, 0);
    assert_int_equal(settlement_open_cents(&settlement), 5000);
    assert_true(settlement_credit(&settlement, 5000, false));
    assert_settled(&settlement, INVOICE_STATUS_PAID, 15000, 0);
    assert_true(settlement_credit(&settlement, 6000, false));
    assert_settled(&settlement, INVOICE_STATUS_PAID, 9000, 6000);
    assert_refuses(&settlement, 1, false);
    assert_false(settlement_credit(&settlement, 9001, true));
    assert_true(settlement_credit(&settlement, 9000, true));
    assert_settled(&settlement, INVOICE_STATUS_CREDITED, 0, 15000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_7_parts_make_it_paid),
        cmocka_unit_test(inv_7_a_reversal_leads_back_to_where_it_was),
        cmocka_unit_test(inv_7_a_credited_invoice_stays_so_when_its_payment_is_reversed),
        cmocka_unit_test(inv_7_neither_overpaid_nor_below_zero),
        cmocka_unit_test(inv_7_a_surplus_becomes_the_clients_advance_and_comes_back),
        cmocka_unit_test(inv_8_payments_of_a_credited_invoice_become_the_advance),
        cmocka_unit_test(inv_8_of_a_partly_credited_one_what_is_beyond_the_rest),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
