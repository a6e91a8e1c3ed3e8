/* SPDX-License-Identifier: Apache-2.0
 * From a billed trigger to an invoice: parties, VAT and totals, mentions (INV-4, INV-6). */
#include "dated_rates.h"
#include "invoice_parties.h"
#include "invoice_records.h"
#include "invoice_totals.h"
#include "invoices.h"
#include "legal_sentences.h"

#include <assert.h>
#include <string.h>

enum { PAYMENT_TERMS_DAYS = 30 }; /* where the client's are not known: the law's */

/* What the trigger, the project and the client say of the invoice. */
static void
describe(struct call *call, const struct billing *billing, Invoice *invoice)
{
    const FiredTrigger *trigger = billing->trigger;
    const char *format =
        invoice->locale == ACCOUNTS__LOCALE__LOCALE_EN ? "Project “%s”" : "Projet « %s »";

    invoice->id = invoice_new_id(call);
    invoice->client_id = trigger->client_id;
    invoice->project_id = trigger->project_id;
    SET(invoice, kind, INVOICE_KIND_INVOICE);
    SET(invoice, trigger, trigger->trigger);
    invoice->subject = arena_printf(call->arena, format, billing->project->name);
    invoice->purchase_order = billing->project->purchase_order;
    invoice_parties_copy(call->arena, billing->settings, billing->client, invoice);
}

/* Each line at the VAT rate of its tax point, then the totals. */
static enum rpc_status
tax(struct call *call, const Accounts__Settings *settings, Invoice *invoice)
{
    for (size_t i = 0; i < invoice->n_lines; i++) {
        InvoiceLine *line = invoice->lines[i];
        const Accounts__DatedRate *rate = dated_rate(
            settings->commission_vat_rates, settings->n_commission_vat_rates, line->service_date);

        assert(rate != NULL);
        line->id = invoice_new_id(call);
        SET(line, vat_rate_bp, rate->rate_bp);
        if (i == 0 || strcmp(invoice->service_date, line->service_date) < 0)
            invoice->service_date = line->service_date;
    }
    if (invoice_total(call->arena, invoice))
        return RPC_OK;
    return call_fail(call, RPC_INTERNAL, NULL,
                     "an amount of the invoice is beyond what can be computed");
}

enum rpc_status
invoice_issue(struct call *call, const struct billing *billing, Invoice *invoice)
{
    const Accounts__Client *client = billing->client;
    IssuedInvoice *issued = NEW(call, IssuedInvoice);
    Invoice *written = NEW(call, Invoice);

    describe(call, billing, invoice);
    TRY(tax(call, billing->settings, invoice));
    issued->invoice = invoice;
    issued->fired_trigger_id = billing->trigger->id;
    SET(issued, payment_terms_days,
        client->has_payment_terms_days ? client->payment_terms_days : PAYMENT_TERMS_DAYS);
    TRY(invoice_take_number(call, issued));
    legal_sentences_add(call->arena, billing->settings, invoice);
    return invoice_record(call, issued, written);
}
