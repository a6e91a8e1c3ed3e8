/* SPDX-License-Identifier: Apache-2.0
 * Amounts, rates, dates and identifiers are written as people write them in both languages. */
#include "words.h"

#include "dates.h"

#include "fixtures.h"

static void
money_is_written_as_in_each_country(void **state)
{
    (void)state;
    assert_string_equal(money_text(arena, 123456, "fr"), "1\u00a0234,56\u00a0€");
    assert_string_equal(money_text(arena, 150000, "en"), "€1,500.00");
    assert_string_equal(money_text(arena, 0, "fr"), "0,00\u00a0€");
    assert_string_equal(money_text(arena, 5, "en"), "€0.05");
    assert_string_equal(money_text(arena, -60000, "fr"), "\u2212600,00\u00a0€");
    assert_string_equal(money_text(arena, -100, "en"), "\u2212€1.00");
    assert_string_equal(money_text(arena, 100000000, "fr"), "1\u00a0000\u00a0000,00\u00a0€");
    assert_string_equal(money_text(arena, INT64_MIN, "en"), "\u2212€92,233,720,368,547,758.08");
}

static void
rates_have_only_the_decimals_that_say_something(void **state)
{
    (void)state;
    assert_string_equal(percent_text(arena, 2000, "fr"), "20\u00a0%");
    assert_string_equal(percent_text(arena, 550, "fr"), "5,5\u00a0%");
    assert_string_equal(percent_text(arena, 1215, "en"), "12.15%");
    assert_string_equal(percent_text(arena, 5, "en"), "0.05%");
    assert_string_equal(percent_text(arena, 0, "fr"), "0\u00a0%");
    assert_string_equal(number_text(arena, 1234567, "en"), "1,234,567");
}

static void
dates_and_periods_are_words(void **state)
{
    (void)state;
    assert_string_equal(date_text(arena, "2026-11-22", "fr"), "22 novembre 2026");
    assert_string_equal(date_text(arena, "2026-11-22", "en"), "22 November 2026");
    assert_string_equal(period_text(arena, "2026-12-03", NULL, "fr"), "le 3 décembre 2026");
    assert_string_equal(period_text(arena, "2026-12-03", "2026-12-03", "en"), "on 3 December 2026");
    assert_string_equal(period_text(arena, "2026-12-03", "2026-12-05", "fr"),
                        "du 3 au 5 décembre 2026");
    assert_string_equal(period_text(arena, "2026-11-28", "2026-12-01", "fr"),
                        "du 28 novembre au 1er décembre 2026");
    assert_string_equal(period_text(arena, "2026-12-28", "2027-01-04", "en"),
                        "from 28 December 2026 to 4 January 2027");
}

static void
moments_are_told_in_paris(void **state)
{
    (void)state;
    dates_init();
    assert_string_equal(moment_text(arena, "2026-12-22T09:30:00.000Z", "fr"),
                        "22 décembre 2026 à 10:30");
    assert_string_equal(moment_text(arena, "2026-07-31T22:05:00Z", "en"),
                        "1 August 2026 at 00:05 (Paris time)");
    assert_string_equal(moment_text(arena, "2026-07-31T22:05:00-02:00", "fr"),
                        "1er août 2026 à 02:05");
    assert_string_equal(moment_text(arena, "soon", "en"), "");
    assert_string_equal(moment_text(arena, "26-12-22T09:30:00Z", "en"), "");
    assert_string_equal(moment_text(arena, "2199-12-31T23:30:00Z", "en"), "");
}

static void
identifiers_are_grouped(void **state)
{
    (void)state;
    assert_string_equal(siren_text(arena, "732829320"), "732\u00a0829\u00a0320");
    assert_string_equal(iban_text(arena, "FR7630006000011234567890189"),
                        "FR76 3000 6000 0112 3456 7890 189");
}

static void
french_sentences_get_no_break_spaces(void **state)
{
    (void)state;
    assert_string_equal(words_spaced(arena, "Prêt ? Oui : « là » ! 5 % et 3 €", "fr"),
                        "Prêt\u00a0? Oui\u00a0: «\u00a0là\u00a0»\u00a0! 5\u00a0% et 3\u00a0€");
    assert_string_equal(words_spaced(arena, "Ready ? Yes", "en"), "Ready ? Yes");
    assert_string_equal(words_spaced(arena, "", "fr"), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_written_as_in_each_country),
        cmocka_unit_test(rates_have_only_the_decimals_that_say_something),
        cmocka_unit_test(dates_and_periods_are_words),
        cmocka_unit_test(moments_are_told_in_paris),
        cmocka_unit_test(identifiers_are_grouped),
        cmocka_unit_test(french_sentences_get_no_break_spaces),
    };
    return cmocka_run_group_tests_name("words", tests, open_arena, close_arena);
}
