/* SPDX-License-Identifier: Apache-2.0
 * Payments of accepted funding calls that bring new funds, and their reversals (BUD-9). What
 * exceeds the grant is no payment of the call: it is a credit of the envelope. */
#include "funding_calls.h"
#include "money.h"
#include "sql.h"
#include "states.h"

#define PAYMENT_COLUMNS                                                                            \
    "id, funding_call_id, 'EUR' as currency, amount_cents, date, reference, created_at, "          \
    "created_at as updated_at, 1::bigint as version"

SQL(lock_paid_call, CreateFundingPaymentRequest, FundingCall,
    "select " FUNDING_CALL_COLUMNS " from funding_call where id = :funding_call_id for update");

SQL(find_payment, CreateFundingPaymentRequest, FundingPayment,
    "select " PAYMENT_COLUMNS " from funding_payment "
    "where funding_call_id = :funding_call_id and reference = :reference");

SQL(insert_payment, CreateFundingPaymentRequest, FundingPayment,
    "insert into funding_payment (id, funding_call_id, amount_cents, date, reference) "
    "values (:call.new_id, :funding_call_id, :amount_cents, coalesce(:date::date, :call.today::date), "
    ":reference) returning " PAYMENT_COLUMNS);

SQL(add_to_paid, CreateFundingPaymentRequest, FundingCall,
    "update funding_call set paid_cents = paid_cents + :amount_cents, updated_at = now(), "
    "version = version + 1 where id = :funding_call_id returning " FUNDING_CALL_COLUMNS);

SQL(find_paid_call, ListFundingPaymentsRequest, FundingCall,
    "select id from funding_call where id = :funding_call_id");

SQL(list_payments, ListFundingPaymentsRequest, ListFundingPaymentsReply,
    "select " PAYMENT_COLUMNS " from funding_payment where funding_call_id = :funding_call_id :page");

/* The same reference names the same payment, whenever it is sent again. */
static enum rpc_status
repeat(struct call *call, const CreateFundingPaymentRequest *request, const FundingPayment *known)
{
    if (known->amount_cents != request->amount_cents)
        return call_fail_code(call, RPC_CONFLICT, "reference_used", "reference",
                              "was used for a payment of %lld cents; give this one its own",
                              (long long)known->amount_cents);
    emit_none(call, "the payment was recorded before");
    return RPC_OK;
}

static enum rpc_status
check_payable(struct call *call, const FundingCall *funding_call)
{
    TRY(state_check(call, &funding_call->base));
    if (funding_call->source != FUNDING_SOURCE_NEW_FUNDS)
        return call_fail_code(call, RPC_CONFLICT, "wrong_state", NULL,
                              "the grant was taken from the envelope; nothing of it is to be paid");
    return RPC_OK;
}

/* What is paid stays between nothing and the grant. */
static enum rpc_status
check_amount(struct call *call, const FundingCall *funding_call, int64_t amount_cents)
{
    int64_t paid, open;

    if (!money_add(funding_call->paid_cents, amount_cents, &paid) ||
        !money_subtract(funding_call->granted_cents, funding_call->paid_cents, &open))
        return call_fail(call, RPC_INTERNAL, NULL, "the amounts are beyond what money holds");
    if (paid < 0)
        return call_fail_code(call, RPC_CONFLICT, "never_paid", "amount_cents",
                              "reverses more than the %lld cents that are paid",
                              (long long)funding_call->paid_cents);
    if (paid > funding_call->granted_cents)
        return call_fail_code(call, RPC_CONFLICT, "overpayment", "amount_cents",
                              "is more than the %lld cents that are open; credit the envelope with "
                              "the rest",
                              (long long)open);
    return RPC_OK;
}

static enum rpc_status
record(struct call *call, const CreateFundingPaymentRequest *request, FundingPayment *payment)
{
    FundingCallPaid event = FUNDING__FUNDING_CALL_PAID__INIT;

    event.funding_call = NEW(call, FundingCall);
    TRY(sql_one(call, &insert_payment, request, payment));
    TRY(sql_one(call, &add_to_paid, request, event.funding_call));
    event.payment = payment;
    return emit_funding_call_paid(call, &event);
}

enum rpc_status
funding_list_funding_payments(struct call *call, const ListFundingPaymentsRequest *request,
                              ListFundingPaymentsReply *reply)
{
    TRY(sql_one(call, &find_paid_call, request, NEW(call, FundingCall)));
    return sql_page(call, &list_payments, request, reply);
}

void
funding_check_create_funding_payment(struct call *call, const CreateFundingPaymentRequest *request)
{
    call_refuse_zero(call, "amount_cents", request->has_amount_cents, request->amount_cents);
    call_refuse_future(call, "date", request->date);
}

enum rpc_status
funding_create_funding_payment(struct call *call, const CreateFundingPaymentRequest *request,
                               FundingPayment *reply)
{
    FundingCall *funding_call = NEW(call, FundingCall);
    bool known;

    TRY(sql_one(call, &lock_paid_call, request, funding_call));
    TRY(sql_maybe(call, &find_payment, request, reply, &known));
    if (known)
        return repeat(call, request, reply);
    TRY(check_payable(call, funding_call));
    TRY(check_amount(call, funding_call, request->amount_cents));
    return record(call, request, reply);
}
