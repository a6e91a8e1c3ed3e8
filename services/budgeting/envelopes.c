/* SPDX-License-Identifier: Apache-2.0
 * Envelopes: what a client entrusted to us; credits and their reversals (BUD-1). */
#include "ledger.h"
#include "money.h"
#include "sql.h"

#define CREDIT_COLUMNS                                                                             \
    "id, client_id, 'EUR' as currency, amount_cents, reason, date, reverses, created_at, "         \
    "created_at as updated_at, 1::bigint as version"

SQL(look_up_envelope, Id, Envelope,
    "select c.client_id as id, c.client_id, 'EUR' as currency, "
    "coalesce(-external_cents - receivable_cents, 0) as funded_cents, "
    "coalesce(-receivable_cents, 0) as of_which_unpaid_cents, "
    "coalesce(-external_cents - receivable_cents - envelope_cents, 0) as allocated_cents, "
    "coalesce(envelope_cents, 0) as available_cents, e.created_at, e.updated_at, coalesce(e.version, 1) as version, "
    "coalesce(e.revision, 0) as revision "
    "from (select :id::uuid as client_id) c left join envelope e on e.client_id = c.client_id");

SQL(insert_credit, CreateCreditRequest, Credit,
    "insert into credit (id, client_id, amount_cents, reason, date, reverses) "
    "values (:call.new_id, :client_id, :amount_cents, :reason, coalesce(:date::date, :call.today::date), :reverses) "
    "returning " CREDIT_COLUMNS);

SQL(get_reversed_credit, CreateCreditRequest, Credit,
    "select " CREDIT_COLUMNS ", (select r.id from credit r where r.reverses = c.id) as reversed_by "
    "from credit c where id = :reverses and client_id = :client_id");

SQL(list_credits, ListCreditsRequest, ListCreditsReply,
    "select " CREDIT_COLUMNS ", (select r.id from credit r where r.reverses = c.id) as reversed_by "
    "from credit c where client_id = :client_id :page");

SQL(list_obligations, Id, Obligations,
    "select array_remove(array["
    "(select case when count(*) > 0 then count(*) || ' project(s) are not closed' end from project "
    "where client_id = :id and status in ('open', 'closing')), "
    "(select case when envelope_cents <> 0 then 'money is left in the envelope' end from envelope "
    "where client_id = :id)], null) as reasons, "
    "(select count(*) from project where client_id = :id and status = 'closed') as closed_projects");

enum rpc_status
budgeting_get_envelope(struct call *call, const GetEnvelopeRequest *request, Envelope *reply)
{
    Id client = COMMON__ID__INIT;

    client.id = request->client_id;
    return sql_one(call, &look_up_envelope, &client, reply);
}

/* A reversal takes back one whole credit, once (BUD-1). */
static enum rpc_status
check_reversal(struct call *call, const CreateCreditRequest *request, const Envelope *envelope)
{
    Credit *reversed = NEW(call, Credit);
    bool found;

    TRY(sql_maybe(call, &get_reversed_credit, request, reversed, &found));
    if (!found) {
        call_violation(call, "reverses", "unknown_reference", "names no credit of this client");
        return call_violations(call);
    }
    if (reversed->reverses != NULL)
        call_violation(call, "reverses", "not_applicable",
                       "is a reversal itself; make a new credit instead");
    if (reversed->amount_cents != request->amount_cents)
        call_violation(call, "amount_cents", "mismatch", "must be the reversed credit's %lld cents",
                       (long long)reversed->amount_cents);
    TRY(call_violations(call));
    if (reversed->reversed_by != NULL)
        return call_fail_code(call, RPC_CONFLICT, "already_reversed", "reverses",
                              "was reversed before");
    return envelope_check(call, envelope, request->amount_cents);
}

void
budgeting_check_create_credit(struct call *call, const CreateCreditRequest *request)
{
    call_refuse_future(call, "date", request->date);
}

enum rpc_status
budgeting_create_credit(struct call *call, const CreateCreditRequest *request, Credit *reply)
{
    EnvelopeCredited event = BUDGETING__ENVELOPE_CREDITED__INIT;
    bool reversal = request->reverses != NULL;
    int64_t amount = reversal ? -request->amount_cents : request->amount_cents;
    Posting posting;

    event.envelope = NEW(call, Envelope);
    TRY(envelope_lock(call, request->client_id, event.envelope));
    if (reversal)
        TRY(check_reversal(call, request, event.envelope));
    TRY(sql_one(call, &insert_credit, request, reply));
    posting_start(&posting, reversal ? LEDGER_KIND_CREDIT_REVERSED : LEDGER_KIND_ENVELOPE_CREDITED,
                  request->client_id, NULL, reply->id);
    posting.effective_date = reply->date;
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_EXTERNAL, -amount},
                                                   {LEDGER_ACCOUNT_ENVELOPE, amount}},
                     2));
    TRY(ledger_post(call, &posting, NULL, NEW(call, LedgerTransaction)));
    TRY(envelope_lock(call, request->client_id, event.envelope));
    /* What came in stays an amount of the API, exact in every reader's JSON (MON-4). */
    if (!reversal && event.envelope->funded_cents > MONEY_CENTS_MAX)
        return ledger_overflow(call);
    event.credit = reply;
    return emit_envelope_credited(call, &event);
}

enum rpc_status
budgeting_list_credits(struct call *call, const ListCreditsRequest *request,
                       ListCreditsReply *reply)
{
    return sql_page(call, &list_credits, request, reply);
}

enum rpc_status
budgeting_look_up_envelope(struct call *call, const Id *request, Envelope *reply)
{
    return sql_one(call, &look_up_envelope, request, reply);
}

enum rpc_status
budgeting_get_client_obligations(struct call *call, const Id *request, Obligations *reply)
{
    return sql_one(call, &list_obligations, request, reply);
}
