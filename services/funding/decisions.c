/* SPDX-License-Identifier: Apache-2.0
 * Decisions on funding calls: taken once, by operators on the client's behalf, and undone when the
 * envelope could not give the money (FUN-4, BUD-8). */
#include "decisions.h"

#include "funding_calls.h"
#include "sql.h"
#include "states.h"

SQL(lock_funding_call, FundingCall, FundingCall,
    "select " FUNDING_CALL_COLUMNS " from funding_call where id = :id for update");

SQL(decide_funding_call, FundingCall, FundingCall,
    "update funding_call set status = :call.to, decision = :decision, granted_cents = :granted_cents, "
    "source = :source, decision_comment = :decision_comment, decision_reason = :decision_reason, "
    "decided_at = now(), updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " FUNDING_CALL_COLUMNS);

SQL(find_client_of_call, DecideFundingCallRequest, FundingCall,
    "select client_id from funding_call where id = :id");

/* It waits anew: reminders count from now, and a call whose time ran out meanwhile gets a new one. */
SQL(reopen_funding_call, Id, FundingCall,
    "update funding_call set status = :call.to, decision = null, granted_cents = null, source = null, "
    "decision_comment = null, decision_reason = null, decided_at = null, sent_at = now(), "
    "reminders = 0, reminded_at = null, reminded_day = 0, unanswered_told = false, "
    "expires_at = case when expires_at > now() then expires_at else " FUNDING_CALL_EXPIRY " end, "
    "updated_at = now(), version = version + 1 "
    "where id = :id and status = any(:call.from) and source = 'envelope' "
    "returning " FUNDING_CALL_COLUMNS);

void
decision_check(struct call *call, FundingDecision decision, bool has_granted_cents)
{
    bool adjusts = decision == FUNDING_DECISION_ADJUST;

    if (call_violates(call, "/decision"))
        return;
    if (adjusts && !has_granted_cents)
        call_violation(call, "granted_cents", "required",
                       "says how much is granted; give it with adjust");
    if (!adjusts && has_granted_cents)
        call_violation(call, "granted_cents", "not_applicable",
                       "goes with adjust only; leave it out");
}

static bool
is_same_answer(const FundingCall *decided, const FundingCall *answer)
{
    return decided->decision == answer->decision &&
           (!answer->has_source || decided->source == answer->source) &&
           (answer->decision != FUNDING_DECISION_ADJUST ||
            decided->granted_cents == answer->granted_cents);
}

/* A call that is not waiting for its decision: the answer it already has, or why it takes none. */
static enum rpc_status
answer_again(struct call *call, const FundingCall *present, const FundingCall *answer)
{
    if (!present->has_decision || !is_same_answer(present, answer))
        return state_check(call, &present->base);
    emit_none(call, "the same decision again");
    return RPC_OK;
}

static enum rpc_status
check_means(struct call *call, const Budgeting__Envelope *envelope, int64_t granted_cents)
{
    if (envelope == NULL || granted_cents <= envelope->available_cents)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "insufficient_funds", NULL,
                          "only %lld cents are available in the envelope; credit it first, or "
                          "record the grant as new funds",
                          (long long)envelope->available_cents);
}

enum rpc_status
decision_take(struct call *call, const FundingCall *answer, const Budgeting__Envelope *envelope,
              FundingCall *decided)
{
    FundingCall change = *answer;

    TRY(sql_one(call, &lock_funding_call, answer, decided));
    if (decided->status != FUNDING_CALL_STATUS_SENT)
        return answer_again(call, decided, answer);
    if (answer->decision == FUNDING_DECISION_DECLINE) {
        state_move(call, "FundingCall", "declined");
        TRY(sql_one(call, &decide_funding_call, &change, decided));
        return emit_funding_call_declined(call, decided);
    }
    state_move(call, "FundingCall", "accepted");
    SET(&change, source, answer->has_source ? answer->source : FUNDING_SOURCE_NEW_FUNDS);
    if (!answer->has_granted_cents)
        SET(&change, granted_cents, decided->requested_cents);
    TRY(check_means(call, envelope, change.granted_cents));
    TRY(sql_one(call, &decide_funding_call, &change, decided));
    return emit_funding_call_accepted(call, decided);
}

void
funding_check_decide_funding_call(struct call *call, const DecideFundingCallRequest *request)
{
    decision_check(call, request->decision, request->has_granted_cents);
    if (request->decision == FUNDING_DECISION_DECLINE && request->has_source)
        call_violation(call, "source", "not_applicable", "goes with a grant; leave it out");
}

enum rpc_status
funding_decide_funding_call(struct call *call, const DecideFundingCallRequest *request,
                            FundingCall *reply)
{
    FundingCall answer = FUNDING__FUNDING_CALL__INIT;
    bool declines = request->decision == FUNDING_DECISION_DECLINE;

    answer.id = request->id;
    SET(&answer, decision, request->decision);
    answer.has_granted_cents = request->has_granted_cents;
    answer.granted_cents = request->granted_cents;
    answer.has_source = !declines;
    answer.source = request->has_source ? request->source : FUNDING_SOURCE_NEW_FUNDS;
    answer.decision_comment = request->comment;
    answer.decision_reason = request->reason;
    return decision_take(call, &answer, (const Budgeting__Envelope *)call->answers[0], reply);
}

enum rpc_status
funding_on_funding_call_unfunded(struct call *call, const Budgeting__FundingCallUnfunded *event)
{
    FundingCall *reopened = NEW(call, FundingCall);
    Id id = COMMON__ID__INIT;
    bool found;

    id.id = event->funding_call_id;
    TRY(sql_maybe(call, &reopen_funding_call, &id, reopened, &found));
    if (!found) {
        emit_none(call, "the call is not one that was taken from the envelope");
        return RPC_OK;
    }
    return emit_funding_call_reopened(call, reopened);
}
