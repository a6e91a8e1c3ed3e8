/* SPDX-License-Identifier: Apache-2.0
 * Funding calls that a project's budget opens by itself: what it entered, not what an operator does
 * (FUN-2, BUD-14). */
#include "events.h"
#include "funding_calls.h"
#include "refill.h"
#include "sql.h"

/* Held against calls that operators write meanwhile, and against a project that begins to close. */
SQL(lock_open_project, Id, Id, "select id from project where id = :id and status = 'open' for update");

SQL(look_at_earlier_calls, EarlierCalls, EarlierCalls,
    "select coalesce(bool_or(status in ('draft', 'sent')), false) as undecided, "
    "coalesce(bool_or(reason = 'threshold' and created_at > now() - interval '24 hours'), false) "
    "as threshold_of_late from funding_call where project_id = :project_id");

/* Nobody sees it as a draft. A crossing opens at most one, however often its event is handled. */
SQL(open_funding_call, FundingCall, FundingCall,
    "insert into funding_call (id, project_id, client_id, reason, status, requested_cents, call_date, "
    "sent_at, expires_at, opened_by) values (:call.new_id, :project_id, :client_id, :reason, 'sent', "
    ":requested_cents, :call.today::date, now(), " FUNDING_CALL_EXPIRY ", :call.event_id::uuid) "
    "on conflict (opened_by) do nothing returning " FUNDING_CALL_COLUMNS);

SQL(get_decided_call, Id, FundingCall,
    "select requested_cents, granted_cents from funding_call where id = :id");

SQL(find_refusal, Id, FundingCall,
    "select requested_cents from (select status, requested_cents from funding_call "
    "where project_id = :id and status in ('accepted', 'declined', 'expired') "
    "order by decided_at desc nulls last, id desc limit 1) last "
    "where status <> 'accepted'");

/* Why no call is opened, or NULL. */
static enum rpc_status
find_obstacle(struct call *call, const Budgeting__Project *project, FundingReason reason,
              const char **obstacle)
{
    EarlierCalls *earlier = NEW(call, EarlierCalls);
    Id id = COMMON__ID__INIT;
    bool open, granted_meanwhile;

    *obstacle = NULL;
    earlier->project_id = id.id = project->id;
    TRY(sql_maybe(call, &lock_open_project, &id, &id, &open));
    TRY(sql_one(call, &look_at_earlier_calls, earlier, earlier));
    TRY(events_crossed(call, &funding__funding_call_accepted__descriptor, &granted_meanwhile));
    if (!project->auto_funding_call)
        *obstacle = "the project opens no calls by itself";
    else if (!open)
        *obstacle = "the project is not open any more";
    else if (earlier->undecided)
        *obstacle = "an earlier call is undecided";
    else if (
        granted_meanwhile) /* where that is not enough, budgeting says so when it has posted it */
        *obstacle = "an accepted call is not yet in the budget";
    else if (reason == FUNDING_REASON_THRESHOLD && earlier->threshold_of_late)
        *obstacle = "the threshold has opened a call within 24 hours";
    return RPC_OK;
}

static enum rpc_status
tell_not_opened(struct call *call, const Budgeting__Project *project, FundingReason reason)
{
    FundingCallNotOpened event = FUNDING__FUNDING_CALL_NOT_OPENED__INIT;

    event.project_id = project->id;
    event.client_id = project->client_id;
    SET(&event, reason, reason);
    return emit_funding_call_not_opened(call, &event);
}

static enum rpc_status
open_and_send(struct call *call, const FundingCall *wanted)
{
    FundingCall *opened = NEW(call, FundingCall);
    bool fresh;

    TRY(sql_maybe(call, &open_funding_call, wanted, opened, &fresh));
    if (!fresh) {
        emit_none(call, "this crossing has opened its call before");
        return RPC_OK;
    }
    TRY(emit_funding_call_created(call, opened));
    return emit_funding_call_sent(call, opened);
}

static enum rpc_status
ask_for_funds(struct call *call, const Budgeting__Project *project, FundingReason reason,
              int64_t overrun_cents)
{
    FundingCall *wanted = NEW(call, FundingCall);
    const char *obstacle;

    TRY(find_obstacle(call, project, reason, &obstacle));
    if (obstacle != NULL) {
        emit_none(call, obstacle);
        return RPC_OK;
    }
    wanted->project_id = project->id;
    wanted->client_id = project->client_id;
    SET(wanted, reason, reason);
    SET(wanted, requested_cents,
        refill_requested_cents(project->initial_budget_cents, project->refill_bp, overrun_cents));
    if (wanted->requested_cents == 0)
        return tell_not_opened(call, project, reason);
    return open_and_send(call, wanted);
}

enum rpc_status
funding_on_budget_threshold_reached(struct call *call,
                                    const Budgeting__BudgetThresholdReached *event)
{
    if (!event->asks_for_funds) {
        emit_none(call, "a take-back or a changed threshold asks for no funds");
        return RPC_OK;
    }
    return ask_for_funds(call, event->project, FUNDING_REASON_THRESHOLD, 0);
}

enum rpc_status
funding_on_budget_overrun(struct call *call, const Budgeting__BudgetOverrun *event)
{
    return ask_for_funds(call, event->project, FUNDING_REASON_OVERRUN, event->overrun_cents);
}

/* One more call only if the overrun has grown beyond what the decided one asked for (BUD-14). */
enum rpc_status
funding_on_budget_short_after_decision(struct call *call,
                                       const Budgeting__BudgetShortAfterDecision *event)
{
    FundingCall *decided = NEW(call, FundingCall);
    Id id = COMMON__ID__INIT;

    id.id = event->funding_call_id;
    TRY(sql_one(call, &get_decided_call, &id, decided));
    if (!refill_is_outgrown(event->overrun_cents, decided->granted_cents,
                            decided->requested_cents)) {
        emit_none(call, "the overrun is within what was last asked for");
        return RPC_OK;
    }
    return ask_for_funds(call, event->project, FUNDING_REASON_OVERRUN, event->overrun_cents);
}

/* While it was closing nobody could be asked, and who had been asked was told that it is over (BUD-17). */
enum rpc_status
funding_on_project_reopened(struct call *call, const Budgeting__ProjectReopened *event)
{
    const Budgeting__Project *project = event->project;
    FundingCall *refused = NEW(call, FundingCall);
    int64_t overrun_cents = -project->budget->remaining_cents;
    Id id = COMMON__ID__INIT;
    bool found;

    id.id = project->id;
    if (overrun_cents <= 0) {
        emit_none(call, "the budget is not overrun");
        return RPC_OK;
    }
    TRY(sql_maybe(call, &find_refusal, &id, refused, &found));
    if (found && refused->requested_cents >= overrun_cents) {
        emit_none(call, "the client has answered that no more comes");
        return RPC_OK;
    }
    return ask_for_funds(call, project, FUNDING_REASON_OVERRUN, overrun_cents);
}
