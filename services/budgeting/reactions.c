/* SPDX-License-Identifier: Apache-2.0
 * What happens in sessions, posted to the ledger (BUD-4 to BUD-6). */
#include "ledger.h"
#include "money.h"
#include "sql.h"

/* cost: what leaves the budget account for the account of planned sessions, negative the other way.
 * */
static enum rpc_status
post_planned(struct call *call, LedgerKind kind, const char *project_id, const char *reference,
             int64_t cost)
{
    Project *project = NEW(call, Project);
    Posting posting;

    TRY(project_lock_even_deleted(call, project_id, project));
    posting_start(&posting, kind, project->client_id, project->id, reference);
    return project_post(call, project, &posting,
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

    TRY(project_lock_even_deleted(call, session->project_id, project));
    posting_start(&posting, kind, project->client_id, project->id, session->id);
    return project_post(call, project, &posting,
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
