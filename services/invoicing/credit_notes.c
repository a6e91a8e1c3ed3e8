/* SPDX-License-Identifier: Apache-2.0
 * Credit notes: an invoice or lines of it taken back, by an administrator or because a session was
 * reopened (INV-8, SES-5). */
#include "client_advances.h"
#include "credit_totals.h"
#include "invoice_records.h"
#include "invoice_states.h"
#include "invoices.h"
#include "legal_sentences.h"
#include "money.h"
#include "settlements.h"
#include "sql.h"

#include <strings.h>

SQL(hold_creditable, CreditInvoiceRequest, Invoice,
    "update invoice_state set updated_at = now() where id = :id and :guard(status) returning id");

SQL(sum_credited, Id, VatGroup,
    "select g.rate_bp, sum(g.net_cents)::bigint as net_cents, sum(g.vat_cents)::bigint as vat_cents "
    "from invoice n cross join lateral jsonb_to_recordset(n.vat_groups) "
    "as g (rate_bp bigint, net_cents bigint, vat_cents bigint) where n.credits = :id "
    "group by g.rate_bp");

SQL(list_session_invoices, Sessions__Session, Id,
    "select distinct l.invoice_id as id from invoice_line l where l.session_id = :id "
    "and l.credits is null and not exists (select from invoice_line n where n.credits = l.id) "
    "order by l.invoice_id");

/* A credit note in the making. */
struct crediting {
    const Invoice *original; /* its state is locked */
    Invoice *note;
    size_t lines_left; /* of the original, after this note */
};

/* ---- the lines */

/* A line of the note: the original's, under an identifier of its own. */
static void
take_line(struct call *call, struct crediting *crediting, const InvoiceLine *line)
{
    InvoiceLine *taken = NEW(call, InvoiceLine);

    *taken = *line;
    taken->id = invoice_new_id(call);
    taken->credits = line->id;
    crediting->note->lines[crediting->note->n_lines++] = taken;
    crediting->lines_left--;
}

static void
begin(struct call *call, const Invoice *original, struct crediting *crediting)
{
    *crediting = (struct crediting){.original = original, .note = NEW(call, Invoice)};
    crediting->note->lines =
        arena_array(call->arena, original->n_lines, sizeof *crediting->note->lines);
    for (size_t i = 0; i < original->n_lines; i++)
        crediting->lines_left += original->lines[i]->credited_by == NULL;
}

static bool
is_listed(const CreditInvoiceRequest *request, const char *id)
{
    for (size_t i = 0; i < request->n_line_ids; i++)
        if (strcasecmp(request->line_ids[i], id) == 0)
            return true;
    return request->n_line_ids == 0;
}

/* Lines that are named must be the invoice's. */
static enum rpc_status
check_lines(struct call *call, const Invoice *original, const CreditInvoiceRequest *request)
{
    for (size_t i = 0; i < request->n_line_ids; i++) {
        bool found = false;

        for (size_t j = 0; j < original->n_lines && !found; j++)
            found = strcasecmp(request->line_ids[i], original->lines[j]->id) == 0;
        if (!found)
            call_violation(call, arena_printf(call->arena, "line_ids.%zu", i), "unknown_reference",
                           "is no line of this invoice");
    }
    return call_violations(call);
}

static enum rpc_status
choose_listed(struct call *call, const CreditInvoiceRequest *request, struct crediting *crediting)
{
    const Invoice *original = crediting->original;

    TRY(check_lines(call, original, request));
    for (size_t i = 0; i < original->n_lines; i++) {
        const InvoiceLine *line = original->lines[i];

        if (!is_listed(request, line->id))
            continue;
        if (line->credited_by == NULL)
            take_line(call, crediting, line);
        else if (request->n_line_ids > 0)
            return call_fail_code(call, RPC_CONFLICT, "already_credited", "line_ids",
                                  "names the line %s, which was credited before", line->id);
    }
    return RPC_OK;
}

static void
choose_session(struct call *call, const char *session_id, struct crediting *crediting)
{
    const Invoice *original = crediting->original;

    for (size_t i = 0; i < original->n_lines; i++) {
        const InvoiceLine *line = original->lines[i];

        if (line->credited_by == NULL && line->session_id != NULL &&
            strcasecmp(line->session_id, session_id) == 0)
            take_line(call, crediting, line);
    }
}

/* ---- the note */

/* It names the parties as the invoice does, in its language, taxed by its tax point. */
static void
describe(struct call *call, struct crediting *crediting, char *reason)
{
    const Invoice *original = crediting->original;
    Invoice *note = crediting->note;

    note->id = invoice_new_id(call);
    note->client_id = original->client_id;
    note->project_id = original->project_id;
    SET(note, kind, INVOICE_KIND_CREDIT_NOTE);
    SET(note, locale, original->locale);
    note->service_date = original->service_date;
    note->subject = original->subject;
    note->purchase_order = original->purchase_order;
    note->seller = original->seller;
    note->buyer = original->buyer;
    note->credits = original->id;
    note->reason = reason;
    legal_sentences_keep(call->arena, original, note);
}

static enum rpc_status
total(struct call *call, struct crediting *crediting)
{
    VatGroup **credited;
    size_t count;
    Id key = COMMON__ID__INIT;

    key.id = crediting->original->id;
    TRY(sql_rows(call, &sum_credited, &key, &credited, &count));
    if (credit_total(call->arena, crediting->original, credited, count, crediting->note))
        return RPC_OK;
    return call_fail(call, RPC_INTERNAL, NULL,
                     "an amount of the credit note is beyond what can be computed");
}

/* What the note makes of the invoice and of its client's advance. */
static enum rpc_status
settle(struct call *call, const struct crediting *crediting)
{
    Settlement *settlement = NEW(call, Settlement);
    int64_t before_cents, surplus_cents;

    TRY(settlement_read(call, crediting->original->id, settlement));
    before_cents = settlement->advance_cents;
    if (!settlement_credit(settlement, crediting->note->gross_cents, crediting->lines_left == 0) ||
        !money_subtract(settlement->advance_cents, before_cents, &surplus_cents))
        return call_fail(call, RPC_INTERNAL, NULL, "the invoice has not so much left to credit");
    TRY(settlement_write(call, settlement));
    return client_advance_add(call, settlement, surplus_cents);
}

static enum rpc_status
tell_credited(struct call *call, const Invoice *note)
{
    InvoiceCredited *event = NEW(call, InvoiceCredited);

    event->invoice = NEW(call, Invoice);
    event->credit_note_id = note->id;
    event->reason = note->reason;
    TRY(invoice_read(call, note->credits, event->invoice));
    return emit_invoice_credited(call, event);
}

/* Issues the note of the lines that were taken; *written is what was stored. */
static enum rpc_status
issue(struct call *call, struct crediting *crediting, char *reason, Invoice *written)
{
    IssuedInvoice *issued = NEW(call, IssuedInvoice);

    describe(call, crediting, reason);
    TRY(total(call, crediting));
    TRY(settle(call, crediting));
    issued->invoice = crediting->note;
    TRY(invoice_take_number(call, issued));
    TRY(invoice_record(call, issued, written));
    return tell_credited(call, written);
}

enum rpc_status
invoicing_credit_invoice(struct call *call, const CreditInvoiceRequest *request, Invoice *reply)
{
    Invoice *original = NEW(call, Invoice);
    struct crediting crediting;

    TRY(sql_one(call, &hold_creditable, request, NEW(call, Invoice)));
    TRY(invoice_read(call, request->id, original));
    TRY(invoice_check_kind(call, original->kind, "credited"));
    begin(call, original, &crediting);
    TRY(choose_listed(call, request, &crediting));
    return issue(call, &crediting, request->reason, reply);
}

/* ---- a session that was reopened */

static char *
reopening_reason(struct call *call, const Invoice *original, const Sessions__Session *session)
{
    const char *format = original->locale == ACCOUNTS__LOCALE__LOCALE_EN
                             ? "Session reopened: “%s”"
                             : "Session rouverte\u00a0: «\u00a0%s\u00a0»";

    return arena_printf(call->arena, format, session->title);
}

/* An administrator may have been faster with some of its lines. */
static enum rpc_status
credit_session(struct call *call, const Sessions__Session *session, const char *invoice_id)
{
    Invoice *original = NEW(call, Invoice);
    struct crediting crediting;

    TRY(invoice_lock(call, invoice_id));
    TRY(invoice_read(call, invoice_id, original));
    begin(call, original, &crediting);
    choose_session(call, session->id, &crediting);
    if (crediting.note->n_lines == 0)
        return RPC_OK;
    return issue(call, &crediting, reopening_reason(call, original, session), NEW(call, Invoice));
}

/* Under the plan's lock: whoever bills the session by hand in that instant comes before or finds it
 * planned. */
enum rpc_status
invoicing_on_session_reopened(struct call *call, const Sessions__SessionReopened *event)
{
    FiredTrigger *of_project = NEW(call, FiredTrigger);
    Id **invoices;
    size_t count;
    bool planned;

    of_project->project_id = event->session->project_id;
    TRY(billing_lock_plan(call, of_project, NEW(call, BillingPlan), &planned));
    TRY(sql_rows(call, &list_session_invoices, event->session, &invoices, &count));
    for (size_t i = 0; i < count; i++)
        TRY(credit_session(call, event->session, invoices[i]->id));
    if (call->emitted == NULL)
        emit_none(call, "the session was not billed");
    return RPC_OK;
}
