/* SPDX-License-Identifier: Apache-2.0
 * The moment an invoice becomes one: number and date are taken, everything is written, once (INV-3,
 * INV-4). */
#include "dated_rates.h"
#include "dates.h"
#include "invoice_numbers.h"
#include "invoice_parties.h"
#include "invoice_totals.h"
#include "invoices.h"
#include "legal_sentences.h"
#include "sql.h"
#include "uuid.h"

#include <assert.h>

enum { PAYMENT_TERMS_DAYS = 30 }; /* where the client's are not known: the law's */

SQL(lock_series, InvoiceSeries, InvoiceSeries,
    "select kind, year, last_number, last_date from invoice_series where kind = :kind for update");

SQL(advance_series, InvoiceSeries, Empty,
    "update invoice_series set year = :year, last_number = :last_number, last_date = :last_date "
    "where kind = :kind");

SQL(insert_invoice, IssuedInvoice, Empty,
    "with state as (insert into invoice_state (id) values (:invoice.id)), "
    "rendering as (insert into invoice_rendering (id) values (:invoice.id)) "
    "insert into invoice (id, client_id, project_id, fired_trigger_id, kind, number, trigger, "
    "basis, basis_cents, rate_bp, net_cents, vat_cents, gross_cents, vat_groups, issue_date, "
    "due_date, service_date, subject, purchase_order, locale, seller, buyer, mentions) "
    "values (:invoice.id, :invoice.client_id, :invoice.project_id, :fired_trigger_id, "
    ":invoice.kind, :invoice.number, :invoice.trigger, :invoice.basis, :invoice.basis_cents, "
    ":invoice.rate_bp, :invoice.net_cents, :invoice.vat_cents, :invoice.gross_cents, "
    ":invoice.vat_groups, :invoice.issue_date, :invoice.due_date, :invoice.service_date, "
    ":invoice.subject, :invoice.purchase_order, :invoice.locale, :invoice.seller, :invoice.buyer, "
    ":invoice.mentions)");

SQL(insert_lines, Invoice, Empty,
    "insert into invoice_line (id, invoice_id, position, session_id, description, quantity, "
    "unit_price_cents, net_cents, vat_rate_bp, training_ids) "
    "select (line ->> 'id')::uuid, :id, position, (line ->> 'session_id')::uuid, "
    "line ->> 'description', (line ->> 'quantity')::bigint, "
    "(line ->> 'unit_price_cents')::bigint, (line ->> 'net_cents')::bigint, "
    "(line ->> 'vat_rate_bp')::bigint, "
    "array(select jsonb_array_elements_text(line -> 'training_ids'))::uuid[] "
    "from jsonb_array_elements(:lines) with ordinality as written (line, position)");

static char *
new_id(struct call *call)
{
    char id[37];

    uuid_new(id);
    return arena_strdup(call->arena, id);
}

/* What the trigger, the project and the client say of the invoice. */
static void
describe(struct call *call, const struct billing *billing, Invoice *invoice)
{
    const FiredTrigger *trigger = billing->trigger;
    const char *format =
        invoice->locale == ACCOUNTS__LOCALE__LOCALE_EN ? "Project “%s”" : "Projet « %s »";

    invoice->id = new_id(call);
    invoice->client_id = trigger->client_id;
    invoice->project_id = trigger->project_id;
    SET(invoice, kind, INVOICE_KIND_INVOICE);
    SET(invoice, trigger, trigger->trigger);
    invoice->service_date = trigger->service_date;
    invoice->subject = arena_printf(call->arena, format, billing->project->name);
    invoice->purchase_order = billing->project->purchase_order;
    invoice_parties_copy(call->arena, billing->settings, billing->client, invoice);
}

/* The VAT rate of the tax point on every line, then the totals. */
static enum rpc_status
tax(struct call *call, const Accounts__Settings *settings, Invoice *invoice)
{
    const Accounts__DatedRate *rate = dated_rate(
        settings->commission_vat_rates, settings->n_commission_vat_rates, invoice->service_date);

    assert(rate != NULL);
    for (size_t i = 0; i < invoice->n_lines; i++) {
        invoice->lines[i]->id = new_id(call);
        SET(invoice->lines[i], vat_rate_bp, rate->rate_bp);
    }
    if (invoice_total(call->arena, invoice))
        return RPC_OK;
    return call_fail(call, RPC_INTERNAL, NULL,
                     "an amount of the invoice is beyond what can be computed");
}

/* Number, date of issue and due date. The clock is read after the row is locked. */
static enum rpc_status
number(struct call *call, const Accounts__Client *client, Invoice *invoice)
{
    int64_t terms_days =
        client->has_payment_terms_days ? client->payment_terms_days : PAYMENT_TERMS_DAYS;
    InvoiceSeries *series = NEW(call, InvoiceSeries);
    char today[11], due[11];

    SET(series, kind, invoice->kind);
    TRY(sql_one(call, &lock_series, series, series));
    date_today(today);
    invoice->number = (char *)invoice_number_take(call->arena, series, today);
    invoice->issue_date = series->last_date;
    if (!date_add_days(invoice->issue_date, (int)terms_days, due))
        return call_fail(call, RPC_INTERNAL, NULL, "the due date is beyond the calendar");
    invoice->due_date = arena_strdup(call->arena, due);
    return sql_run(call, &advance_series, series, NULL);
}

enum rpc_status
invoice_issue(struct call *call, const struct billing *billing, Invoice *invoice)
{
    IssuedInvoice *issued = NEW(call, IssuedInvoice);
    Invoice *written = NEW(call, Invoice);

    describe(call, billing, invoice);
    TRY(tax(call, billing->settings, invoice));
    TRY(number(call, billing->client, invoice));
    legal_sentences_add(call->arena, billing->settings, invoice);
    issued->invoice = invoice;
    issued->fired_trigger_id = billing->trigger->id;
    TRY(sql_run(call, &insert_invoice, issued, NULL));
    TRY(sql_run(call, &insert_lines, invoice, NULL));
    TRY(invoice_read(call, invoice->id, written));
    call_wake_jobs(call);
    return emit_invoice_issued(call, written);
}
