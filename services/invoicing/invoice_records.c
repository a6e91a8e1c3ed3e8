/* SPDX-License-Identifier: Apache-2.0
 * The moment an invoice or a credit note becomes one: number and date are taken, everything is
 * written, once (INV-3, INV-4). */
#include "invoice_records.h"

#include "dates.h"
#include "invoice_numbers.h"
#include "invoices.h"
#include "sql.h"
#include "uuid.h"

SQL(lock_series, InvoiceSeries, InvoiceSeries,
    "select kind, year, last_number, last_date, epoch from invoice_series where kind = :kind "
    "for update");

SQL(advance_series, InvoiceSeries, Empty,
    "update invoice_series set year = :year, last_number = :last_number, last_date = :last_date "
    "where kind = :kind");

SQL(open_series, InvoiceSeries, Empty,
    "update invoice_series set epoch = :epoch, last_number = 0");

SQL(insert_invoice, IssuedInvoice, Empty,
    "with state as (insert into invoice_state (id) values (:invoice.id)), "
    "rendering as (insert into invoice_rendering (id) values (:invoice.id)) "
    "insert into invoice (id, client_id, project_id, fired_trigger_id, kind, number, trigger, "
    "basis, basis_cents, rate_bp, net_cents, vat_cents, gross_cents, vat_groups, issue_date, "
    "due_date, service_date, subject, purchase_order, locale, seller, buyer, mentions, credits, "
    "reason) "
    "values (:invoice.id, :invoice.client_id, :invoice.project_id, :fired_trigger_id, "
    ":invoice.kind, :invoice.number, :invoice.trigger, :invoice.basis, :invoice.basis_cents, "
    ":invoice.rate_bp, :invoice.net_cents, :invoice.vat_cents, :invoice.gross_cents, "
    ":invoice.vat_groups, :invoice.issue_date, :invoice.due_date, :invoice.service_date, "
    ":invoice.subject, :invoice.purchase_order, :invoice.locale, :invoice.seller, :invoice.buyer, "
    ":invoice.mentions, :invoice.credits, :invoice.reason)");

SQL(insert_lines, Invoice, Empty,
    "insert into invoice_line (id, invoice_id, position, session_id, description, quantity, "
    "unit_price_cents, net_cents, vat_rate_bp, training_ids, credits, "
    "service_date) "
    "select (line ->> 'id')::uuid, :id, position, (line ->> 'session_id')::uuid, "
    "line ->> 'description', (line ->> 'quantity')::bigint, "
    "(line ->> 'unit_price_cents')::bigint, (line ->> 'net_cents')::bigint, "
    "(line ->> 'vat_rate_bp')::bigint, "
    "array(select jsonb_array_elements_text(line -> 'training_ids'))::uuid[], "
    "(line ->> 'credits')::uuid, (line ->> 'service_date')::date "
    "from jsonb_array_elements(:lines) with ordinality as written (line, position)");

/* A training is on one line that is not credited (INV-2). */
SQL(mark_billed, Invoice, Empty,
    "insert into billed_training (training_id, invoice_line_id) "
    "select unnest(training_ids), id from invoice_line where invoice_id = :id and credits is null");

SQL(release_credited, Invoice, Empty,
    "delete from billed_training b using invoice_line n "
    "where n.invoice_id = :id and n.credits = b.invoice_line_id");

char *
invoice_new_id(struct call *call)
{
    char id[37];

    uuid_new(id);
    return arena_strdup(call->arena, id);
}

/* The clock is read after the row is locked. */
enum rpc_status
invoice_take_number(struct call *call, IssuedInvoice *issued)
{
    InvoiceSeries *series = NEW(call, InvoiceSeries);
    Invoice *invoice = issued->invoice;
    char today[11], due[11];

    SET(series, kind, invoice->kind);
    TRY(sql_one(call, &lock_series, series, series));
    date_today(today);
    invoice->number = (char *)invoice_number_take(call->arena, series, today);
    invoice->issue_date = series->last_date;
    TRY(sql_run(call, &advance_series, series, NULL));
    if (!issued->has_payment_terms_days)
        return RPC_OK;
    if (!date_add_days(invoice->issue_date, (int)issued->payment_terms_days, due))
        return call_fail(call, RPC_INTERNAL, NULL, "the due date is beyond the calendar");
    invoice->due_date = arena_strdup(call->arena, due);
    return RPC_OK;
}

/* What was issued after the restored moment may be in clients' hands: no number of theirs comes again. */
enum rpc_status
invoice_open_series(struct call *call, const struct restored *restored,
                    Ops__DatabaseRestored *event)
{
    InvoiceSeries *series = NEW(call, InvoiceSeries);

    (void)event;
    job_enter(call, "open_series");
    SET(series, epoch, restored->epoch);
    return sql_run(call, &open_series, series, NULL);
}

enum rpc_status
invoice_record(struct call *call, const IssuedInvoice *issued, Invoice *written)
{
    TRY(sql_run(call, &insert_invoice, issued, NULL));
    TRY(sql_run(call, &insert_lines, issued->invoice, NULL));
    TRY(sql_run(call, &release_credited, issued->invoice, NULL));
    TRY(sql_run(call, &mark_billed, issued->invoice, NULL));
    TRY(invoice_read(call, issued->invoice->id, written));
    call_wake_jobs(call);
    return emit_invoice_issued(call, written);
}
