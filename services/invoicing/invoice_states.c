/* SPDX-License-Identifier: Apache-2.0
 * States of invoices: locked, read, written; moved by the mail that carries the invoice. */
#include "invoice_states.h"

#include "invoices.h"
#include "sql.h"

SQL(lock_state, Id, Invoice, "select id from invoice_state where id = :id for update");

SQL(get_settlement, Id, Settlement,
    "select s.id, i.client_id, i.kind, s.status, s.mailed, i.gross_cents, "
    "(select coalesce(sum(n.gross_cents), 0)::bigint from invoice n where n.credits = i.id) "
    "as credited_cents, s.paid_cents, s.advance_cents "
    "from invoice_state s join invoice i on i.id = s.id where s.id = :id");

SQL(update_state, Settlement, Empty,
    "update invoice_state set status = :status, paid_cents = :paid_cents, "
    "advance_cents = :advance_cents, updated_at = now(), version = version + 1 where id = :id");

/* What was paid or credited before its mail went out stays so. */
SQL(note_mailed, Notifications__Message, Id,
    "update invoice_state set mailed = true, "
    "status = case when status = any(:call.from) then :call.to else status end, "
    "updated_at = now(), version = version + 1 where id = :object_id and not mailed returning id");

SQL(note_resent, GetInvoiceRequest, Invoice,
    "update invoice_state set updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning id");

enum rpc_status
invoice_lock(struct call *call, const char *id)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    return sql_one(call, &lock_state, &key, NEW(call, Invoice));
}

enum rpc_status
settlement_read(struct call *call, const char *id, Settlement *settlement)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    return sql_one(call, &get_settlement, &key, settlement);
}

enum rpc_status
settlement_write(struct call *call, const Settlement *settlement)
{
    return sql_run(call, &update_state, settlement, NULL);
}

enum rpc_status
invoice_check_kind(struct call *call, InvoiceKind kind, const char *what)
{
    if (kind == INVOICE_KIND_INVOICE)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "wrong_kind", NULL, "a credit note can't be %s",
                          what);
}

enum rpc_status
invoicing_resend_invoice(struct call *call, const GetInvoiceRequest *request, Invoice *reply)
{
    TRY(sql_one(call, &note_resent, request, NEW(call, Invoice)));
    TRY(invoice_read(call, request->id, reply));
    if (reply->file == NULL)
        return invoice_fail_not_ready(call);
    return emit_invoice_resent(call, reply);
}

/* Whether this is the mail that carries an invoice to whom it is for. */
static bool
carries_invoice(const Notifications__Message *message)
{
    return message->audience == NOTIFICATIONS__MESSAGE_AUDIENCE__MESSAGE_AUDIENCE_BILLING_CONTACT &&
           (message->kind == NOTIFICATIONS__MESSAGE_KIND__MESSAGE_KIND_INVOICE ||
            message->kind == NOTIFICATIONS__MESSAGE_KIND__MESSAGE_KIND_CREDIT_NOTE);
}

enum rpc_status
invoicing_on_message_sent(struct call *call, const Notifications__MessageSent *event)
{
    Invoice *invoice = NEW(call, Invoice);
    Id *moved = NEW(call, Id);
    bool found;

    if (!carries_invoice(event->message))
        return RPC_OK;
    TRY(sql_maybe(call, &note_mailed, event->message, moved, &found));
    if (!found)
        return RPC_OK;
    TRY(invoice_read(call, moved->id, invoice));
    return emit_invoice_sent(call, invoice);
}
