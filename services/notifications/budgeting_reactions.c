/* SPDX-License-Identifier: Apache-2.0
 * What budgeting's events make: history, budget mails and alerts. */
#include "alerts.h"
#include "history.h"
#include "mail_drafts.h"
#include "sql.h"
#include "words.h"

SQL(release_decision, AwaitedWords, Empty,
    "update message set words = words || :words, due_at = now() where object_id = :funding_call_id "
    "and kind = 'funding_call_decision' and status = 'queued' and claims = 0");

/* ---- projects */

enum rpc_status
notifications_on_project_created(struct call *call, const Budgeting__ProjectCreated *event)
{
    int64_t cents = event->project->initial_budget_cents;

    return history_note(call, cents, "Project opened with %s", history_money(call, cents));
}

enum rpc_status
notifications_on_project_updated(struct call *call, const Budgeting__ProjectUpdated *event)
{
    return history_note(call, HISTORY_NO_AMOUNT, "Project changed: %s", event->project->name);
}

enum rpc_status
notifications_on_project_allocated(struct call *call, const Budgeting__ProjectAllocated *event)
{
    int64_t cents = event->allocation->amount_cents;

    if (cents < 0)
        return history_note(call, cents, "%s taken back to the envelope",
                            history_money(call, -cents));
    return history_note(call, cents, "%s allocated from the envelope", history_money(call, cents));
}

enum rpc_status
notifications_on_project_closing(struct call *call, const Budgeting__ProjectClosing *event)
{
    (void)event;
    return history_note(call, HISTORY_NO_AMOUNT, "Project is being closed");
}

enum rpc_status
notifications_on_project_closing_delayed(struct call *call,
                                         const Budgeting__ProjectClosingDelayed *event)
{
    TRY(history_note(call, HISTORY_NO_AMOUNT, "Closing takes more than a minute"));
    return alert_raise(call, ALERT_KIND_CLOSING_DELAYED, ALERT_SEVERITY_WARNING,
                       "Project %s has been closing for more than a minute; it goes on waiting.",
                       event->project->name);
}

enum rpc_status
notifications_on_project_reopened(struct call *call, const Budgeting__ProjectReopened *event)
{
    const char *reason = event->reason == BUDGETING__REOPEN_REASON__REOPEN_REASON_SKIPPED
                             ? "its sealing was skipped"
                             : "a session was planned in the meantime";

    TRY(history_note(call, HISTORY_NO_AMOUNT, "Project is open again: %s", reason));
    return alert_raise(call, ALERT_KIND_PROJECT_REOPENED, ALERT_SEVERITY_WARNING,
                       "Project %s could not be closed: %s.", event->project->name, reason);
}

/* ACC-3. */
enum rpc_status
notifications_on_project_left_open(struct call *call, const Budgeting__ProjectLeftOpen *event)
{
    TRY(history_note(call, HISTORY_NO_AMOUNT, "Project is open though its client is archived"));
    return alert_raise(call, ALERT_KIND_PROJECT_OF_ARCHIVED_CLIENT, ALERT_SEVERITY_CRITICAL,
                       "Project %s is open though its client is archived; close the project.",
                       event->project->name);
}

enum rpc_status
notifications_on_project_closed(struct call *call, const Budgeting__ProjectClosed *event)
{
    int64_t remaining_cents = event->remaining_cents;

    if (remaining_cents > 0)
        return history_note(call, remaining_cents, "Project closed; %s went back to the envelope",
                            history_money(call, remaining_cents));
    if (remaining_cents < 0)
        return history_note(call, remaining_cents, "Project closed with an overrun of %s",
                            history_money(call, -remaining_cents));
    return history_note(call, 0, "Project closed; nothing remained");
}

/* BUD-18. */
enum rpc_status
notifications_on_project_deleted(struct call *call, const Budgeting__ProjectDeleted *event)
{
    return history_note(call, HISTORY_NO_AMOUNT, "Project deleted: %s", event->project->name);
}

/* ---- budgets (NOT: threshold reached, overrun) */

static enum rpc_status
mail_threshold(struct call *call, const Budgeting__Project *project)
{
    const Budgeting__Budget *budget = project->budget;
    struct mail_draft draft;

    TRY(mail_draft_project(call, MESSAGE_KIND_BUDGET_THRESHOLD, project->id, &draft));
    mail_say_money(&draft, "budget", budget->budget_cents);
    mail_say_money(&draft, "consumed", budget->consumed_cents);
    mail_say(&draft, "consumed_percent",
             budget->has_consumed_bp
                 ? percent_text(call->arena, budget->consumed_bp, draft.mail.locale)
                 : NULL);
    mail_say_money(&draft, "threshold", budget->threshold_cents);
    mail_say_money(&draft, "remaining", budget->remaining_cents);
    return mail_to_list(&draft, NULL);
}

enum rpc_status
notifications_on_budget_threshold_reached(struct call *call,
                                          const Budgeting__BudgetThresholdReached *event)
{
    const Budgeting__Project *project = event->project;
    int64_t consumed_cents = project->budget->consumed_cents;
    int64_t threshold_cents = project->budget->threshold_cents;

    TRY(history_note(call, consumed_cents, "Alert threshold of %s reached: %s consumed",
                     history_money(call, threshold_cents), history_money(call, consumed_cents)));
    TRY(alert_raise(call, ALERT_KIND_BUDGET_THRESHOLD, ALERT_SEVERITY_WARNING,
                    "Project %s has consumed %s and reached its alert threshold of %s.",
                    project->name, history_money(call, consumed_cents),
                    history_money(call, threshold_cents)));
    return mail_threshold(call, project);
}

static enum rpc_status
mail_overrun(struct call *call, const Budgeting__BudgetOverrun *event)
{
    const Budgeting__Project *project = event->project;
    struct mail_draft draft;

    TRY(mail_draft_project(call, MESSAGE_KIND_BUDGET_OVERRUN, project->id, &draft));
    mail_say_money(&draft, "budget", project->budget->budget_cents);
    mail_say_money(&draft, "consumed", project->budget->consumed_cents);
    mail_say_money(&draft, "overrun", event->overrun_cents);
    return mail_to_list(&draft, NULL);
}

enum rpc_status
notifications_on_budget_overrun(struct call *call, const Budgeting__BudgetOverrun *event)
{
    TRY(history_note(call, event->overrun_cents, "Budget overrun by %s",
                     history_money(call, event->overrun_cents)));
    TRY(alert_raise(call, ALERT_KIND_BUDGET_OVERRUN, ALERT_SEVERITY_CRITICAL,
                    "Project %s has overrun its budget by %s.", event->project->name,
                    history_money(call, event->overrun_cents)));
    return mail_overrun(call, event);
}

enum rpc_status
notifications_on_budget_short_after_decision(struct call *call,
                                             const Budgeting__BudgetShortAfterDecision *event)
{
    const Budgeting__Project *project = event->project;

    TRY(history_note(call, project->budget->remaining_cents,
                     "Budget is still short after the decision: %s remain",
                     history_money(call, project->budget->remaining_cents)));
    return alert_raise(call, ALERT_KIND_BUDGET_SHORT, ALERT_SEVERITY_WARNING,
                       "Project %s is still short of money after the client's decision: %s remain.",
                       project->name, history_money(call, project->budget->remaining_cents));
}

/* ---- the money of a decision */

/* The mails of an accepted funding call wait for the budget that it makes. */
enum rpc_status
notifications_on_budget_changed(struct call *call, const Budgeting__BudgetChanged *event)
{
    AwaitedWords awaited = NOTIFICATIONS__AWAITED_WORDS__INIT;
    struct mail_draft draft;

    if (event->transaction->kind != BUDGETING__LEDGER_KIND__LEDGER_KIND_FUNDING_CALL_ACCEPTED)
        return RPC_OK;
    TRY(mail_draft_project(call, MESSAGE_KIND_FUNDING_CALL_DECISION, event->transaction->reference,
                           &draft));
    mail_say_money(&draft, "budget", event->project->budget->budget_cents);
    awaited.funding_call_id = event->transaction->reference;
    awaited.words = &draft.words[draft.mail.n_words - 1];
    awaited.n_words = 1;
    call_wake_jobs(call);
    return sql_run(call, &release_decision, &awaited, NULL);
}

enum rpc_status
notifications_on_funds_kept_in_envelope(struct call *call,
                                        const Budgeting__FundsKeptInEnvelope *event)
{
    AwaitedWords awaited = NOTIFICATIONS__AWAITED_WORDS__INIT;
    int64_t cents = event->granted_cents;

    TRY(history_note(call, cents, "%s granted after closing began; kept in the envelope",
                     history_money(call, cents)));
    TRY(alert_raise(call, ALERT_KIND_FUNDS_KEPT, ALERT_SEVERITY_WARNING,
                    "The client granted %s to project %s, which is no longer open; the envelope "
                    "keeps the money.",
                    history_money(call, cents), event->project->name));
    awaited.funding_call_id = event->funding_call_id;
    call_wake_jobs(call);
    return sql_run(call, &release_decision, &awaited, NULL);
}

/* BUD-8: funding puts the call back and writes to the client. */
enum rpc_status
notifications_on_funding_call_unfunded(struct call *call,
                                       const Budgeting__FundingCallUnfunded *event)
{
    const char *granted = history_money(call, event->granted_cents);
    const char *available = history_money(call, event->available_cents);

    TRY(history_note(call, event->granted_cents,
                     "%s granted from the envelope, which holds %s: nothing was posted", granted,
                     available));
    return alert_raise(call, ALERT_KIND_FUNDING_CALL_UNFUNDED, ALERT_SEVERITY_CRITICAL,
                       "The envelope holds %s and could not give the %s granted to project %s; the "
                       "funding call waits for a decision again.",
                       available, granted, event->project->name);
}
