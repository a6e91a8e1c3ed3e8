/* SPDX-License-Identifier: Apache-2.0
 * What happens in sessions and funding, posted to the ledger (BUD-4 to BUD-8, BUD-14). */
#include "ledger.h"
#include "money.h"
#include "sql.h"

/* Posts lines to a locked project and tells it: the common end of every reaction. */
static enum rpc_status
post(struct call *call, Project *project, Posting *posting, const struct posting_line *lines,
     size_t count)
{
    BudgetChanged changed = BUDGETING__BUDGET_CHANGED__INIT;
    BudgetState before = project->budget->state;

    TRY(ledger_lines(call, posting, lines, count));
    if (posting->n_entries == 0) {
        emit_none(call, "no money moved");
        return RPC_OK;
    }
    changed.project = project;
    changed.transaction = NEW(call, LedgerTransaction);
    TRY(ledger_post(call, posting, project, changed.transaction));
    TRY(emit_budget_changed(call, &changed));
    return budget_tell_crossing(call, project, before, true);
}

/* cost: what leaves the budget account for the account of planned sessions, negative the other way.
 * */
static enum rpc_status
post_planned(struct call *call, LedgerKind kind, const char *project_id, const char *reference,
             int64_t cost)
{
    Project *project = NEW(call, Project);
    Posting posting;

    TRY(project_lock(call, project_id, project));
    posting_start(&posting, kind, project->client_id, project->id, reference);
    return post(call, project, &posting,
                (const struct posting_line[]){{LEDGER_ACCOUNT_BUDGET, -cost},
                                              {LEDGER_ACCOUNT_PLANNED, cost}},
                2);
}

enum rpc_status
budgeting_on_training_added(struct call *call, const Sessions__TrainingAdded *event)
{
    return post_planned(call, LEDGER_KIND_TRAINING_ADDED, event->session->project_id,
                        event->training->id, event->training->cost_cents);
}

static enum rpc_status
post_new_cost(struct call *call, const char *project_id, const Sessions__Training *training,
              int64_t previous_cents)
{
    int64_t difference;

    if (!money_subtract(training->cost_cents, previous_cents, &difference))
        return ledger_overflow(call);
    return post_planned(call, LEDGER_KIND_TRAINING_CHANGED, project_id, training->id, difference);
}

enum rpc_status
budgeting_on_training_changed(struct call *call, const Sessions__TrainingChanged *event)
{
    return post_new_cost(call, event->session->project_id, event->training,
                         event->previous_cost_cents);
}

enum rpc_status
budgeting_on_training_moved(struct call *call, const Sessions__TrainingMoved *event)
{
    return post_new_cost(call, event->session->project_id, event->training,
                         event->previous_cost_cents);
}

enum rpc_status
budgeting_on_training_removed(struct call *call, const Sessions__TrainingRemoved *event)
{
    return post_planned(call, LEDGER_KIND_TRAINING_REMOVED, event->session->project_id,
                        event->training->id, -event->training->cost_cents);
}

enum rpc_status
budgeting_on_session_cancelled(struct call *call, const Sessions__SessionCancelled *event)
{
    return post_planned(call, LEDGER_KIND_SESSION_CANCELLED, event->session->project_id,
                        event->session->id, -event->session->total_cost_cents);
}

/* amount: what moves from planned to completed, negative when a session is reopened (BUD-6). */
static enum rpc_status
post_completed(struct call *call, LedgerKind kind, const Sessions__Session *session, int64_t amount)
{
    Project *project = NEW(call, Project);
    Posting posting;

    TRY(project_lock(call, session->project_id, project));
    posting_start(&posting, kind, project->client_id, project->id, session->id);
    return post(call, project, &posting,
                (const struct posting_line[]){{LEDGER_ACCOUNT_PLANNED, -amount},
                                              {LEDGER_ACCOUNT_COMPLETED, amount}},
                2);
}

enum rpc_status
budgeting_on_session_completed(struct call *call, const Sessions__SessionCompleted *event)
{
    return post_completed(call, LEDGER_KIND_SESSION_COMPLETED, event->session,
                          event->session->total_cost_cents);
}

enum rpc_status
budgeting_on_session_reopened(struct call *call, const Sessions__SessionReopened *event)
{
    return post_completed(call, LEDGER_KIND_SESSION_REOPENED, event->session,
                          -event->session->total_cost_cents);
}

/* A decision that leaves the budget short is told (BUD-14). */
static enum rpc_status
tell_shortage(struct call *call, const Project *project, const Funding__FundingCall *funding_call)
{
    BudgetShortAfterDecision event = BUDGETING__BUDGET_SHORT_AFTER_DECISION__INIT;
    int64_t overrun = -project->budget->remaining_cents;

    if (project->status != PROJECT_STATUS_OPEN || project->budget->state == BUDGET_STATE_OK) {
        emit_none(call, "the budget suffices");
        return RPC_OK;
    }
    event.project = (Project *)project;
    event.funding_call_id = funding_call->id;
    SET(&event, overrun_cents, overrun > 0 ? overrun : 0);
    return emit_budget_short_after_decision(call, &event);
}

/* Accepted while the project closes: the envelope gets the money, the project doesn't (BUD-17). */
static enum rpc_status
keep_in_envelope(struct call *call, Project *project, const Funding__FundingCall *funding_call)
{
    FundsKeptInEnvelope event = BUDGETING__FUNDS_KEPT_IN_ENVELOPE__INIT;
    int64_t granted = funding_call->granted_cents;
    Posting posting;

    posting_start(&posting, LEDGER_KIND_FUNDING_CALL_ACCEPTED, project->client_id, project->id,
                  funding_call->id);
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_RECEIVABLE, -granted},
                                                   {LEDGER_ACCOUNT_ENVELOPE, granted}},
                     2));
    event.transaction = NEW(call, LedgerTransaction);
    TRY(ledger_post(call, &posting, project, event.transaction));
    event.project = project;
    event.funding_call_id = funding_call->id;
    return emit_funds_kept_in_envelope(call, &event);
}

enum rpc_status
budgeting_on_funding_call_accepted(struct call *call, const Funding__FundingCallAccepted *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    int64_t granted = funding_call->granted_cents;
    Project *project = NEW(call, Project);
    Posting posting;

    TRY(project_lock(call, funding_call->project_id, project));
    TRY(envelope_lock(call, project->client_id, NEW(call, Envelope)));
    if (project->status != PROJECT_STATUS_OPEN)
        return keep_in_envelope(call, project, funding_call);
    posting_start(&posting, LEDGER_KIND_FUNDING_CALL_ACCEPTED, project->client_id, project->id,
                  funding_call->id);
    TRY(post(call, project, &posting,
             (const struct posting_line[]){{LEDGER_ACCOUNT_RECEIVABLE, -granted},
                                           {LEDGER_ACCOUNT_ENVELOPE, granted},
                                           {LEDGER_ACCOUNT_ENVELOPE, -granted},
                                           {LEDGER_ACCOUNT_BUDGET, granted}},
             4));
    return tell_shortage(call, project, funding_call);
}

enum rpc_status
budgeting_on_funding_call_declined(struct call *call, const Funding__FundingCallDeclined *event)
{
    Project *project = NEW(call, Project);

    TRY(project_lock(call, event->funding_call->project_id, project));
    return tell_shortage(call, project, event->funding_call);
}
