/* SPDX-License-Identifier: Apache-2.0
 * No invoice without its mentions: what of both parties is missing is named (INV-6). */
#include "invoice_parties.h"

#include "fixtures.h"

#include <string.h>

/* Everything that the law wants of both. */
struct parties {
    Common__Address address;
    Accounts__Seller seller;
    Accounts__DatedRate rate, *rates[1];
    Accounts__Settings settings;
    Accounts__Client client;
};

static void
fill_seller(struct parties *parties)
{
    Accounts__Seller *seller = &parties->seller;

    accounts__seller__init(seller);
    seller->name = (char *)"Escarcelle";
    seller->legal_form = (char *)"SAS";
    SET(seller, capital_cents, 0);
    seller->address = &parties->address;
    seller->siren = (char *)"404833048";
    seller->rcs_city = (char *)"Paris";
    seller->vat_number = (char *)"FR83404833048";
    seller->iban = (char *)"FR7630006000011234567890189";
}

static struct parties *
complete_parties(void)
{
    struct parties *parties = arena_alloc(arena, sizeof *parties);

    common__address__init(&parties->address);
    parties->address.line1 = (char *)"12 rue de la Paix";
    parties->address.postal_code = (char *)"75002";
    parties->address.city = (char *)"Paris";
    fill_seller(parties);
    accounts__dated_rate__init(&parties->rate);
    parties->rate.valid_from = (char *)"2014-01-01";
    SET(&parties->rate, rate_bp, 2000);
    parties->rates[0] = &parties->rate;
    accounts__settings__init(&parties->settings);
    parties->settings.seller = &parties->seller;
    parties->settings.commission_vat_rates = parties->rates;
    parties->settings.n_commission_vat_rates = 1;
    accounts__client__init(&parties->client);
    parties->client.name = (char *)"ACME SA";
    parties->client.siren = (char *)"732829320";
    parties->client.vat_number = (char *)"FR44732829320";
    parties->client.address = &parties->address;
    return parties;
}

/* Of an invoice whose second line has this tax point. */
static size_t
missing(const struct parties *parties, const char *service_date, const char **first)
{
    TriggerWaiting event = INVOICING__TRIGGER_WAITING__INIT;
    InvoiceLine line = INVOICING__INVOICE_LINE__INIT, other = INVOICING__INVOICE_LINE__INIT;
    InvoiceLine *lines[] = {&other, &line};
    Invoice invoice = INVOICING__INVOICE__INIT;

    other.service_date = (char *)"2026-12-18";
    line.service_date = (char *)service_date;
    invoice.lines = lines;
    invoice.n_lines = 2;
    invoice_parties_missing(arena, &parties->settings, &parties->client, &invoice, &event);
    *first = event.n_missing == 0 ? NULL : event.missing[0];
    return event.n_missing;
}

static void
inv_6_nothing_is_missing_of_complete_parties(void **state)
{
    const char *first;

    (void)state;
    assert_int_equal(missing(complete_parties(), "2026-12-18", &first), 0);
}

static void
inv_6_what_is_missing_is_named(void **state)
{
    struct parties *parties = complete_parties();
    const char *first;

    (void)state;
    parties->seller.siren = NULL;
    assert_int_equal(missing(parties, "2026-12-18", &first), 1);
    assert_string_equal(first, "seller.siren");
    parties = complete_parties();
    parties->seller.has_capital_cents = 0;
    assert_int_equal(missing(parties, "2026-12-18", &first), 1);
    assert_string_equal(first, "seller.capital_cents");
    parties = complete_parties();
    parties->client.address = NULL;
    assert_int_equal(missing(parties, "2026-12-18", &first), 3);
    assert_string_equal(first, "client.address.line1");
}

static void
inv_6_the_tax_point_needs_a_vat_rate(void **state)
{
    const char *first;

    (void)state;
    assert_int_equal(missing(complete_parties(), "2013-12-31", &first), 1);
    assert_string_equal(first, "commission_vat_rates");
}

static void
inv_6_without_any_settings_all_of_the_seller_is_missing(void **state)
{
    struct parties *parties = complete_parties();
    const char *first;

    (void)state;
    accounts__settings__init(&parties->settings);
    assert_int_equal(missing(parties, "2026-12-18", &first), 11);
    assert_string_equal(first, "seller.name");
}

static void
inv_4_both_parties_are_copied_as_they_are(void **state)
{
    struct parties *parties = complete_parties();
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    (void)state;
    invoice_parties_copy(arena, &parties->settings, &parties->client, invoice);
    assert_string_equal(invoice->seller->siren, "404833048");
    assert_string_equal(invoice->buyer->name, "ACME SA");
    assert_string_equal(invoice->buyer->vat_number, "FR44732829320");
    assert_string_equal(invoice->buyer->address->city, "Paris");
    assert_null(invoice->buyer->billing_address);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_6_nothing_is_missing_of_complete_parties),
        cmocka_unit_test(inv_6_what_is_missing_is_named),
        cmocka_unit_test(inv_6_the_tax_point_needs_a_vat_rate),
        cmocka_unit_test(inv_6_without_any_settings_all_of_the_seller_is_missing),
        cmocka_unit_test(inv_4_both_parties_are_copied_as_they_are),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
