/* SPDX-License-Identifier: Apache-2.0
 * Payments of invoices and their reversals: recorded once, listed (INV-7). */
#include "client_advances.h"
#include "invoice_states.h"
#include "invoices.h"
#include "settlements.h"
#include "sql.h"

#define PAYMENT_COLUMNS                                                                             \
    "id, invoice_id, 'EUR' as currency, amount_cents, date, reference, advance_cents, created_at, " \
    "created_at as updated_at, 1::bigint as version"

SQL(find_payment, RecordPaymentRequest, Payment,
    "select " PAYMENT_COLUMNS " from payment where invoice_id = :id and reference = :reference");

SQL(hold_payable, RecordPaymentRequest, Invoice,
    "update invoice_state set updated_at = now() where id = :id and :guard(status) returning id");

SQL(insert_payment, Payment, Payment,
    "insert into payment (id, invoice_id, amount_cents, date, reference, advance_cents) "
    "values (:call.new_id, :invoice_id, :amount_cents, coalesce(:date::date, :call.today::date), "
    ":reference, :advance_cents) returning " PAYMENT_COLUMNS);

SQL(get_paid_invoice, ListPaymentsRequest, Invoice, "select id from invoice where id = :id");

SQL(list_payments, ListPaymentsRequest, ListPaymentsReply,
    "select " PAYMENT_COLUMNS " from payment where invoice_id = :id :page");

void
invoicing_check_record_payment(struct call *call, const RecordPaymentRequest *request)
{
    call_refuse_zero(call, "amount_cents", request->has_amount_cents, request->amount_cents);
    call_refuse_future(call, "date", request->date);
}

/* The reference was used before: by this very payment, or by another one. */
static enum rpc_status
repeat(struct call *call, const RecordPaymentRequest *request, const Payment *recorded)
{
    if (recorded->amount_cents != request->amount_cents)
        return call_fail_code(call, RPC_CONFLICT, "reference_used", "reference",
                              "was recorded with %lld cents; use another one",
                              (long long)recorded->amount_cents);
    emit_none(call, "the payment was recorded before");
    return RPC_OK;
}

/* A credited invoice takes nothing in; what was paid of it can still be taken back from the advance. */
static enum rpc_status
check_target(struct call *call, const Settlement *settlement, int64_t amount_cents)
{
    TRY(invoice_check_kind(call, settlement->kind, "paid"));
    if (settlement->status != INVOICE_STATUS_CREDITED || amount_cents < 0)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "wrong_state", NULL,
                          "the invoice is credited; only what was paid of it can be taken back");
}

static enum rpc_status
refuse_amount(struct call *call, int64_t amount_cents, const Settlement *settlement)
{
    if (amount_cents > 0)
        return call_fail_code(
            call, RPC_CONFLICT, "overpayment", NULL,
            "only %lld cents of the invoice are open; with \"advance\": true what is beyond them "
            "becomes the client's advance",
            (long long)settlement_open_cents(settlement));
    return call_fail_code(call, RPC_CONFLICT, "never_paid", NULL,
                          "only %lld cents of the invoice are paid, and %lld became the client's "
                          "advance, which \"advance\": true takes back first",
                          (long long)settlement->paid_cents, (long long)settlement->advance_cents);
}

/* Writes the payment and what it makes of the invoice, and tells. */
static enum rpc_status
record(struct call *call, const RecordPaymentRequest *request, const Settlement *settlement,
       int64_t advance_cents, Payment *reply)
{
    InvoicePaid *event = NEW(call, InvoicePaid);
    Payment *payment = NEW(call, Payment);

    payment->invoice_id = request->id;
    SET(payment, amount_cents, request->amount_cents);
    payment->date = request->date;
    payment->reference = request->reference;
    SET(payment, advance_cents, advance_cents);
    TRY(sql_one(call, &insert_payment, payment, reply));
    TRY(settlement_write(call, settlement));
    event->invoice = NEW(call, Invoice);
    event->payment = reply;
    TRY(invoice_read(call, request->id, event->invoice));
    TRY(emit_invoice_paid(call, event));
    return client_advance_add(call, settlement, advance_cents);
}

enum rpc_status
invoicing_record_payment(struct call *call, const RecordPaymentRequest *request, Payment *reply)
{
    Settlement *settlement = NEW(call, Settlement);
    int64_t advance_cents;
    bool recorded;

    TRY(invoice_lock(call, request->id));
    TRY(sql_maybe(call, &find_payment, request, reply, &recorded));
    if (recorded)
        return repeat(call, request, reply);
    TRY(sql_one(call, &hold_payable, request, NEW(call, Invoice)));
    TRY(settlement_read(call, request->id, settlement));
    TRY(check_target(call, settlement, request->amount_cents));
    if (!settlement_pay(settlement, request->amount_cents, request->advance, &advance_cents))
        return refuse_amount(call, request->amount_cents, settlement);
    return record(call, request, settlement, advance_cents, reply);
}

enum rpc_status
invoicing_list_payments(struct call *call, const ListPaymentsRequest *request,
                        ListPaymentsReply *reply)
{
    TRY(sql_one(call, &get_paid_invoice, request, NEW(call, Invoice)));
    return sql_page(call, &list_payments, request, reply);
}
