/* SPDX-License-Identifier: Apache-2.0
 * The fields that the law wants of both parties, as one table each. Pure. */
#include "invoice_parties.h"

#include "dated_rates.h"
#include "legal_keys.h"
#include "legal_sentences.h"

/* Fields of the settings. */
static const char *const of_settings[] = {
    "seller.name",
    "seller.legal_form",
    "seller.capital_cents",
    "seller.address.line1",
    "seller.address.postal_code",
    "seller.address.city",
    "seller.siren",
    "seller.rcs_city",
    "seller.vat_number",
    "seller.iban",
};

/* Fields of the client. */
static const char *const of_client[] = {
    "name", "siren", "vat_number", "address.line1", "address.postal_code", "address.city",
};

enum {
    OF_SETTINGS = sizeof of_settings / sizeof *of_settings,
    OF_CLIENT = sizeof of_client / sizeof *of_client
};

/* What the settings lack to tax each line at its tax point: a rate, or why there is none to pay. NULL: nothing. */
static const char *
missing_of_tax(const Accounts__Settings *settings, const Invoice *invoice)
{
    for (size_t i = 0; i < invoice->n_lines; i++) {
        const char *date = invoice->lines[i]->service_date;
        const Accounts__DatedRate *rate =
            dated_rate(settings->commission_vat_rates, settings->n_commission_vat_rates, date);

        if (rate == NULL)
            return "commission_vat_rates";
        if (rate->rate_bp == 0 && legal_exemption(settings, invoice->locale, date) == NULL)
            return "legal_sentences." LEGAL_VAT_EXEMPTION;
    }
    return NULL;
}

void
invoice_parties_missing(struct arena *arena, const Accounts__Settings *settings,
                        const Accounts__Client *client, const Invoice *invoice,
                        TriggerWaiting *event)
{
    const char *of_tax;

    event->missing = arena_array(arena, OF_SETTINGS + OF_CLIENT + 1, sizeof *event->missing);
    event->n_missing = 0;
    for (size_t i = 0; i < OF_SETTINGS; i++)
        if (message_text(arena, &settings->base, of_settings[i]) == NULL)
            event->missing[event->n_missing++] = arena_strdup(arena, of_settings[i]);
    for (size_t i = 0; i < OF_CLIENT; i++)
        if (message_text(arena, &client->base, of_client[i]) == NULL)
            event->missing[event->n_missing++] = arena_printf(arena, "client.%s", of_client[i]);
    if ((of_tax = missing_of_tax(settings, invoice)) != NULL)
        event->missing[event->n_missing++] = arena_strdup(arena, of_tax);
}

void
invoice_parties_copy(struct arena *arena, const Accounts__Settings *settings,
                     const Accounts__Client *client, Invoice *invoice)
{
    Buyer *buyer = (Buyer *)message_new(arena, &Buyer_descriptor);

    buyer->name = client->name;
    buyer->siren = client->siren;
    buyer->vat_number = client->vat_number;
    buyer->address = client->address;
    buyer->billing_address = client->billing_address;
    buyer->billing_contact = client->billing_contact;
    invoice->buyer = buyer;
    invoice->seller = settings->seller;
}
