/* SPDX-License-Identifier: Apache-2.0
 * The VAT of an invoice's credit notes adds up to the invoice's, to the cent (INV-8, MON-3). */
#include "credit_totals.h"

#include "fixtures.h"
#include "invoice_totals.h"

enum { LINES_MAX = 8 };

struct line {
    int64_t net_cents, rate_bp;
};

static Invoice *
with_lines(const struct line *lines, size_t count)
{
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    invoice->lines = arena_array(arena, count, sizeof *invoice->lines);
    for (size_t i = 0; i < count; i++) {
        InvoiceLine *line = (InvoiceLine *)message_new(arena, &InvoiceLine_descriptor);

        SET(line, net_cents, lines[i].net_cents);
        SET(line, vat_rate_bp, lines[i].rate_bp);
        invoice->lines[invoice->n_lines++] = line;
    }
    return invoice;
}

static void
keep(VatGroup **credited, size_t *count, const Invoice *note)
{
    for (size_t i = 0; i < note->n_vat_groups; i++) {
        VatGroup *group = NULL;

        for (size_t j = 0; j < *count; j++)
            if (credited[j]->rate_bp == note->vat_groups[i]->rate_bp)
                group = credited[j];
        if (group == NULL) {
            group = (VatGroup *)message_new(arena, &VatGroup_descriptor);
            SET(group, rate_bp, note->vat_groups[i]->rate_bp);
            credited[(*count)++] = group;
        }
        group->net_cents += note->vat_groups[i]->net_cents;
        group->vat_cents += note->vat_groups[i]->vat_cents;
    }
}

/* Credits one line after the other: each note's VAT, and in all the invoice's. */
static void
assert_credits(const struct line *lines, size_t count, const int64_t *vats)
{
    VatGroup *credited[LINES_MAX];
    Invoice *original = with_lines(lines, count);
    size_t credited_count = 0;
    int64_t net = 0, vat = 0, gross = 0;

    assert_true(invoice_total(arena, original));
    for (size_t i = 0; i < count; i++) {
        Invoice *note = with_lines(&lines[i], 1);

        assert_true(credit_total(arena, original, credited, credited_count, note));
        assert_int_equal(note->vat_cents, vats[i]);
        assert_int_equal(note->gross_cents, note->net_cents + note->vat_cents);
        keep(credited, &credited_count, note);
        net += note->net_cents;
        vat += note->vat_cents;
        gross += note->gross_cents;
    }
    assert_int_equal(net, original->net_cents);
    assert_int_equal(vat, original->vat_cents);
    assert_int_equal(gross, original->gross_cents);
}

static void
inv_8_the_whole_has_the_invoices_vat(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{17000, 2000}}, 1, (const int64_t[]){3400});
}

/* 3 × 0.02 at 20 %: 0.012 on the whole is 0.01, on each 0.004 is nothing. */
static void
inv_8_the_last_note_takes_what_rounding_left(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{2, 2000}, {2, 2000}, {2, 2000}}, 3,
                   (const int64_t[]){0, 0, 1});
}

/* 3 × 0.33 at 20 %: 0.198 on the whole is 0.20, on each it is 0.066. */
static void
inv_8_the_last_note_takes_no_more_than_is_left(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{33, 2000}, {33, 2000}, {33, 2000}}, 3,
                   (const int64_t[]){7, 7, 6});
}

/* 5 × 0.03 at 20 %: 0.006 each is 0.01, but 0.03 are there in all. */
static void
inv_8_no_note_takes_more_vat_than_is_left(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{3, 2000}, {3, 2000}, {3, 2000}, {3, 2000}, {3, 2000}}, 5,
                   (const int64_t[]){1, 1, 1, 0, 0});
}

static void
inv_8_each_rate_adds_up_by_itself(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{33, 2000}, {101, 550}, {33, 2000}, {101, 550}, {500, 0}},
                   5, (const int64_t[]){7, 6, 6, 5, 0});
}

static void
inv_8_a_line_without_an_amount_is_credited_too(void **state)
{
    (void)state;
    assert_credits((const struct line[]){{0, 2000}, {33, 2000}, {0, 2000}}, 3,
                   (const int64_t[]){0, 7, 0});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_8_the_whole_has_the_invoices_vat),
        cmocka_unit_test(inv_8_the_last_note_takes_what_rounding_left),
        cmocka_unit_test(inv_8_the_last_note_takes_no_more_than_is_left),
        cmocka_unit_test(inv_8_no_note_takes_more_vat_than_is_left),
        cmocka_unit_test(inv_8_each_rate_adds_up_by_itself),
        cmocka_unit_test(inv_8_a_line_without_an_amount_is_credited_too),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
