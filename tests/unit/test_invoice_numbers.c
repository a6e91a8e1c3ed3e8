/* SPDX-License-Identifier: Apache-2.0
 * Numbers are gapless per kind and year, in the order of dates (INV-3). */
#include "invoice_numbers.h"

#include "fixtures.h"

static InvoiceSeries
series_after(int64_t year, int64_t last_number, const char *last_date)
{
    InvoiceSeries series = INVOICING__INVOICE_SERIES__INIT;

    SET(&series, kind, INVOICE_KIND_INVOICE);
    SET(&series, year, year);
    SET(&series, last_number, last_number);
    series.last_date = (char *)last_date;
    return series;
}

static void
inv_3_the_first_number_of_all_is_one(void **state)
{
    InvoiceSeries series = series_after(0, 0, NULL);

    (void)state;
    assert_string_equal(invoice_number_take(arena, &series, "2026-12-18"), "FA-2026-000001");
    assert_string_equal(series.last_date, "2026-12-18");
}

static void
inv_3_numbers_follow_each_other(void **state)
{
    InvoiceSeries series = series_after(2026, 122, "2026-12-17");

    (void)state;
    assert_string_equal(invoice_number_take(arena, &series, "2026-12-18"), "FA-2026-000123");
    assert_string_equal(invoice_number_take(arena, &series, "2026-12-18"), "FA-2026-000124");
    assert_int_equal(series.last_number, 124);
}

static void
inv_3_each_year_starts_at_one(void **state)
{
    InvoiceSeries series = series_after(2026, 123, "2026-12-31");

    (void)state;
    assert_string_equal(invoice_number_take(arena, &series, "2027-01-01"), "FA-2027-000001");
    assert_int_equal(series.year, 2027);
}

static void
inv_3_a_clock_that_went_back_dates_by_the_last(void **state)
{
    InvoiceSeries series = series_after(2027, 1, "2027-01-01");

    (void)state;
    assert_string_equal(invoice_number_take(arena, &series, "2026-12-31"), "FA-2027-000002");
    assert_string_equal(series.last_date, "2027-01-01");
}

static void
inv_3_credit_notes_are_another_series(void **state)
{
    InvoiceSeries series = series_after(2026, 44, "2026-03-01");

    (void)state;
    series.kind = INVOICE_KIND_CREDIT_NOTE;
    assert_string_equal(invoice_number_take(arena, &series, "2026-03-01"), "AV-2026-000045");
}

static void
inv_3_a_number_can_outgrow_its_zeros(void **state)
{
    InvoiceSeries series = series_after(2026, 999999, "2026-03-01");

    (void)state;
    assert_string_equal(invoice_number_take(arena, &series, "2026-03-01"), "FA-2026-1000000");
}

static void
inv_3_a_restored_database_goes_on_in_a_series_of_its_own(void **state)
{
    InvoiceSeries series = series_after(2026, 0, "2026-12-18");

    (void)state;
    SET(&series, epoch, 2612181000);
    assert_string_equal(invoice_number_take(arena, &series, "2026-12-18"),
                        "FA-2026-R2612181000-000001");
    assert_string_equal(invoice_number_take(arena, &series, "2027-01-02"),
                        "FA-2027-R2612181000-000001");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_3_the_first_number_of_all_is_one),
        cmocka_unit_test(inv_3_numbers_follow_each_other),
        cmocka_unit_test(inv_3_each_year_starts_at_one),
        cmocka_unit_test(inv_3_a_clock_that_went_back_dates_by_the_last),
        cmocka_unit_test(inv_3_credit_notes_are_another_series),
        cmocka_unit_test(inv_3_a_number_can_outgrow_its_zeros),
        cmocka_unit_test(inv_3_a_restored_database_goes_on_in_a_series_of_its_own),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
