/* SPDX-License-Identifier: Apache-2.0
 * VAT is computed per rate on the sum of its lines, never per line (MON-3). */
#include "invoice_totals.h"

#include "fixtures.h"

struct priced {
    int64_t net_cents, vat_rate_bp;
};

static Invoice *
invoice_of(const struct priced *priced, size_t count)
{
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    invoice->lines = arena_array(arena, count + 1, sizeof *invoice->lines);
    invoice->n_lines = count;
    for (size_t i = 0; i < count; i++) {
        invoice->lines[i] = (InvoiceLine *)message_new(arena, &InvoiceLine_descriptor);
        SET(invoice->lines[i], net_cents, priced[i].net_cents);
        SET(invoice->lines[i], vat_rate_bp, priced[i].vat_rate_bp);
    }
    return invoice;
}

static void
check_totals(const Invoice *invoice, int64_t net_cents, int64_t vat_cents, int64_t gross_cents)
{
    assert_int_equal(invoice->net_cents, net_cents);
    assert_int_equal(invoice->vat_cents, vat_cents);
    assert_int_equal(invoice->gross_cents, gross_cents);
}

static void
the_worked_example_costs_204_euro(void **state)
{
    Invoice *invoice = invoice_of((const struct priced[]){{17000, 2000}}, 1);

    (void)state;
    assert_true(invoice_total(arena, invoice));
    check_totals(invoice, 17000, 3400, 20400);
    assert_int_equal(invoice->n_vat_groups, 1);
    assert_int_equal(invoice->vat_groups[0]->rate_bp, 2000);
    assert_int_equal(invoice->vat_groups[0]->net_cents, 17000);
    assert_int_equal(invoice->vat_groups[0]->vat_cents, 3400);
}

static void
mon_3_vat_is_rounded_once_per_rate(void **state)
{
    /* Per line each VAT would be 0. */
    Invoice *invoice = invoice_of((const struct priced[]){{2, 2000}, {2, 2000}, {2, 2000}}, 3);

    (void)state;
    assert_true(invoice_total(arena, invoice));
    check_totals(invoice, 6, 1, 7);
}

static void
mon_3_each_rate_is_a_group_of_its_own(void **state)
{
    Invoice *invoice =
        invoice_of((const struct priced[]){{10000, 2000}, {20000, 550}, {5000, 2000}, {700, 0}}, 4);

    (void)state;
    assert_true(invoice_total(arena, invoice));
    check_totals(invoice, 35700, 4100, 39800);
    assert_int_equal(invoice->n_vat_groups, 3);
    assert_int_equal(invoice->vat_groups[0]->net_cents, 15000);
    assert_int_equal(invoice->vat_groups[0]->vat_cents, 3000);
    assert_int_equal(invoice->vat_groups[1]->rate_bp, 550);
    assert_int_equal(invoice->vat_groups[1]->vat_cents, 1100);
    assert_int_equal(invoice->vat_groups[2]->vat_cents, 0);
}

static void
mon_4_an_overflow_is_refused(void **state)
{
    (void)state;
    assert_false(
        invoice_total(arena, invoice_of((const struct priced[]){{INT64_MAX, 0}, {1, 0}}, 2)));
    assert_false(
        invoice_total(arena, invoice_of((const struct priced[]){{INT64_MAX, 0}, {1, 2000}}, 2)));
    assert_false(invoice_total(arena, invoice_of((const struct priced[]){{INT64_MAX, 2000}}, 1)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_example_costs_204_euro),
        cmocka_unit_test(mon_3_vat_is_rounded_once_per_rate),
        cmocka_unit_test(mon_3_each_rate_is_a_group_of_its_own),
        cmocka_unit_test(mon_4_an_overflow_is_refused),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
