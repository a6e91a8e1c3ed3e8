/* SPDX-License-Identifier: Apache-2.0
 * The legal sentences of an invoice: the settings' in force, else the law's (INV-6). */
#include "legal_sentences.h"

#include "fixtures.h"

#include <string.h>

static Invoice *
invoice_with(const Accounts__Settings *settings, Accounts__Locale locale, const char *issue_date)
{
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    SET(invoice, locale, locale);
    invoice->issue_date = arena_strdup(arena, issue_date);
    legal_sentences_add(arena, settings, invoice);
    return invoice;
}

/* The mention of that key, or NULL. */
static const char *
mention(const Invoice *invoice, const char *key)
{
    for (size_t i = 0; i < invoice->n_mentions; i++)
        if (strcmp(invoice->mentions[i]->key, key) == 0)
            return invoice->mentions[i]->text;
    return NULL;
}

static Accounts__DatedText
sentence(const char *key, const char *valid_from, const char *valid_to, const char *text)
{
    Accounts__DatedText dated = ACCOUNTS__DATED_TEXT__INIT;

    dated.key = (char *)key;
    SET(&dated, locale, ACCOUNTS__LOCALE__LOCALE_FR);
    dated.valid_from = (char *)valid_from;
    dated.valid_to = (char *)valid_to;
    dated.text = (char *)text;
    return dated;
}

static void
inv_6_without_settings_the_law_speaks(void **state)
{
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    const Invoice *invoice = invoice_with(&settings, ACCOUNTS__LOCALE__LOCALE_FR, "2026-12-18");

    (void)state;
    assert_int_equal(invoice->n_mentions, 3);
    assert_string_equal(mention(invoice, "discount"), "Escompte pour paiement anticipé : néant.");
    assert_non_null(strstr(mention(invoice, "penalty"), "majoré de 10 points"));
    assert_non_null(strstr(mention(invoice, "indemnity"), "40 €"));
    invoice = invoice_with(&settings, ACCOUNTS__LOCALE__LOCALE_EN, "2026-12-18");
    assert_int_equal(invoice->n_mentions, 3);
    assert_string_equal(mention(invoice, "discount"), "Discount for early payment: none.");
    assert_non_null(strstr(mention(invoice, "penalty"), "plus 10 percentage points"));
}

static void
inv_6_the_penalty_names_the_rate_in_force(void **state)
{
    Accounts__DatedRate first = ACCOUNTS__DATED_RATE__INIT, second = ACCOUNTS__DATED_RATE__INIT;
    Accounts__DatedRate *rates[] = {&first, &second};
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    const Accounts__Locale fr = ACCOUNTS__LOCALE__LOCALE_FR;

    (void)state;
    first.valid_from = (char *)"2025-07-01";
    first.valid_to = (char *)"2026-06-30";
    SET(&first, rate_bp, 1215);
    second.valid_from = (char *)"2026-07-01";
    SET(&second, rate_bp, 1200);
    settings.late_penalty_rates = rates;
    settings.n_late_penalty_rates = 2;
    assert_non_null(
        strstr(mention(invoice_with(&settings, fr, "2026-06-30"), "penalty"), "12,15\u00a0%,"));
    assert_non_null(
        strstr(mention(invoice_with(&settings, fr, "2026-07-01"), "penalty"), " 12\u00a0%,"));
    assert_non_null(strstr(mention(invoice_with(&settings, fr, "2025-06-30"), "penalty"),
                           "Banque centrale européenne"));
}

static void
inv_6_a_sentence_of_the_settings_counts_in_its_days(void **state)
{
    Accounts__DatedText old = sentence("discount", "2020-01-01", NULL, "ancien");
    Accounts__DatedText new = sentence("discount", "2026-01-01", "2026-12-31", "nouveau");
    Accounts__DatedText *sentences[] = {&new, &old};
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    const Accounts__Locale fr = ACCOUNTS__LOCALE__LOCALE_FR, en = ACCOUNTS__LOCALE__LOCALE_EN;

    (void)state;
    settings.legal_sentences = sentences;
    settings.n_legal_sentences = 2;
    assert_string_equal(mention(invoice_with(&settings, fr, "2025-12-31"), "discount"), "ancien");
    assert_string_equal(mention(invoice_with(&settings, fr, "2026-01-01"), "discount"), "nouveau");
    assert_string_equal(mention(invoice_with(&settings, fr, "2026-12-31"), "discount"), "nouveau");
    assert_string_equal(mention(invoice_with(&settings, fr, "2027-01-01"), "discount"), "ancien");
    assert_string_equal(mention(invoice_with(&settings, fr, "2019-12-31"), "discount"),
                        "Escompte pour paiement anticipé : néant.");
    assert_string_equal(mention(invoice_with(&settings, en, "2026-12-31"), "discount"),
                        "Discount for early payment: none.");
}

static void
inv_6_a_rate_without_value_falls_back_to_the_law(void **state)
{
    Accounts__DatedText own = sentence("penalty", "2020-01-01", NULL, "Pénalités : {rate}.");
    Accounts__DatedText *sentences[] = {&own};
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    const Invoice *invoice;

    (void)state;
    settings.legal_sentences = sentences;
    settings.n_legal_sentences = 1;
    invoice = invoice_with(&settings, ACCOUNTS__LOCALE__LOCALE_FR, "2026-12-18");
    assert_null(strstr(mention(invoice, "penalty"), "{rate}"));
    assert_non_null(strstr(mention(invoice, "penalty"), "majoré de 10 points"));
}

static void
inv_6_vat_on_debits_is_said_when_opted(void **state)
{
    Accounts__Seller seller = ACCOUNTS__SELLER__INIT;
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    const Accounts__Locale fr = ACCOUNTS__LOCALE__LOCALE_FR;

    (void)state;
    settings.seller = &seller;
    assert_null(mention(invoice_with(&settings, fr, "2026-12-18"), "vat_on_debits"));
    SET(&seller, vat_on_debits, 1);
    assert_string_equal(mention(invoice_with(&settings, fr, "2026-12-18"), "vat_on_debits"),
                        "Option pour le paiement de la taxe d'après les débits.");
}

/* A credit note is not paid: nothing about when, how late, at what discount. */
static void
inv_8_a_credit_note_keeps_what_is_not_about_paying(void **state)
{
    Accounts__Seller seller = ACCOUNTS__SELLER__INIT;
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    Invoice *note = (Invoice *)message_new(arena, &Invoice_descriptor);

    (void)state;
    settings.seller = &seller;
    legal_sentences_keep(arena, invoice_with(&settings, ACCOUNTS__LOCALE__LOCALE_FR, "2026-12-18"),
                         note);
    assert_int_equal(note->n_mentions, 0);
    SET(&seller, vat_on_debits, 1);
    legal_sentences_keep(arena, invoice_with(&settings, ACCOUNTS__LOCALE__LOCALE_FR, "2026-12-18"),
                         note);
    assert_int_equal(note->n_mentions, 1);
    assert_non_null(mention(note, "vat_on_debits"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_6_without_settings_the_law_speaks),
        cmocka_unit_test(inv_6_the_penalty_names_the_rate_in_force),
        cmocka_unit_test(inv_6_a_sentence_of_the_settings_counts_in_its_days),
        cmocka_unit_test(inv_6_a_rate_without_value_falls_back_to_the_law),
        cmocka_unit_test(inv_6_vat_on_debits_is_said_when_opted),
        cmocka_unit_test(inv_8_a_credit_note_keeps_what_is_not_about_paying),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
