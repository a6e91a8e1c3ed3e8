/* SPDX-License-Identifier: Apache-2.0
 * The money of funding calls, posted when they are decided and paid (BUD-7 to BUD-9, BUD-14,
 * BUD-17). */
#include "ledger.h"
#include "sql.h"

/* A decision that leaves the budget short is told (BUD-14). */
static enum rpc_status
tell_shortage(struct call *call, const Project *project, const char *funding_call_id)
{
    BudgetShortAfterDecision event = BUDGETING__BUDGET_SHORT_AFTER_DECISION__INIT;
    int64_t overrun = -project->budget->remaining_cents;

    if (project->status != PROJECT_STATUS_OPEN || project->budget->state == BUDGET_STATE_OK) {
        emit_none(call, "the budget suffices");
        return RPC_OK;
    }
    event.project = (Project *)project;
    event.funding_call_id = (char *)funding_call_id;
    SET(&event, overrun_cents, overrun > 0 ? overrun : 0);
    return emit_budget_short_after_decision(call, &event);
}

static bool
is_from_envelope(const Funding__FundingCall *funding_call)
{
    return funding_call->source == FUNDING__FUNDING_SOURCE__FUNDING_SOURCE_ENVELOPE;
}

/* Accepted when the project is not open any more: the envelope gets new money, or keeps its own
 * (BUD-17). */
static enum rpc_status
keep_in_envelope(struct call *call, Project *project, const Funding__FundingCall *funding_call)
{
    FundsKeptInEnvelope event = BUDGETING__FUNDS_KEPT_IN_ENVELOPE__INIT;
    int64_t granted = funding_call->granted_cents;
    Posting posting;

    event.project = project;
    event.funding_call_id = funding_call->id;
    SET(&event, granted_cents, granted);
    if (is_from_envelope(funding_call))
        return emit_funds_kept_in_envelope(call, &event);
    posting_start(&posting, LEDGER_KIND_FUNDING_CALL_ACCEPTED, project->client_id, project->id,
                  funding_call->id);
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_RECEIVABLE, -granted},
                                                   {LEDGER_ACCOUNT_ENVELOPE, granted}},
                     2));
    event.transaction = NEW(call, LedgerTransaction);
    TRY(ledger_post(call, &posting, project, event.transaction));
    return emit_funds_kept_in_envelope(call, &event);
}

/* The money was there when funding asked, and is gone now (BUD-8). */
static enum rpc_status
tell_unfunded(struct call *call, Project *project, const Envelope *envelope,
              const Funding__FundingCall *funding_call)
{
    FundingCallUnfunded event = BUDGETING__FUNDING_CALL_UNFUNDED__INIT;

    event.funding_call_id = funding_call->id;
    event.project = project;
    SET(&event, granted_cents, funding_call->granted_cents);
    SET(&event, available_cents, envelope->available_cents);
    return emit_funding_call_unfunded(call, &event);
}

enum rpc_status
budgeting_on_funding_call_accepted(struct call *call, const Funding__FundingCallAccepted *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    int64_t granted = funding_call->granted_cents;
    const struct posting_line lines[] = {{LEDGER_ACCOUNT_ENVELOPE, -granted},
                                         {LEDGER_ACCOUNT_BUDGET, granted},
                                         {LEDGER_ACCOUNT_RECEIVABLE, -granted},
                                         {LEDGER_ACCOUNT_ENVELOPE, granted}};
    Envelope *envelope = NEW(call, Envelope);
    Project *project = NEW(call, Project);
    Posting posting;

    TRY(project_lock_even_deleted(call, funding_call->project_id, project));
    TRY(envelope_lock(call, project->client_id, envelope));
    if (project->status != PROJECT_STATUS_OPEN)
        return keep_in_envelope(call, project, funding_call);
    if (is_from_envelope(funding_call) && granted > envelope->available_cents)
        return tell_unfunded(call, project, envelope, funding_call);
    posting_start(&posting, LEDGER_KIND_FUNDING_CALL_ACCEPTED, project->client_id, project->id,
                  funding_call->id);
    TRY(project_post(call, project, &posting, lines, is_from_envelope(funding_call) ? 2 : 4));
    return tell_shortage(call, project, funding_call->id);
}

/* A call that brings nothing is a decision too (BUD-14). */
static enum rpc_status
look_after_refusal(struct call *call, const Funding__FundingCall *funding_call)
{
    Project *project = NEW(call, Project);

    TRY(project_lock_even_deleted(call, funding_call->project_id, project));
    return tell_shortage(call, project, funding_call->id);
}

enum rpc_status
budgeting_on_funding_call_declined(struct call *call, const Funding__FundingCallDeclined *event)
{
    return look_after_refusal(call, event->funding_call);
}

enum rpc_status
budgeting_on_funding_call_expired(struct call *call, const Funding__FundingCallExpired *event)
{
    return look_after_refusal(call, event->funding_call);
}

enum rpc_status
budgeting_on_funding_call_paid(struct call *call, const Funding__FundingCallPaid *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    EnvelopePaid paid = BUDGETING__ENVELOPE_PAID__INIT;
    int64_t amount = event->payment->amount_cents;
    Posting posting;

    paid.envelope = NEW(call, Envelope);
    TRY(envelope_lock(call, funding_call->client_id, paid.envelope));
    posting_start(&posting, LEDGER_KIND_FUNDING_CALL_PAID, funding_call->client_id, NULL,
                  funding_call->id);
    posting.effective_date = event->payment->date;
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_EXTERNAL, -amount},
                                                   {LEDGER_ACCOUNT_RECEIVABLE, amount}},
                     2));
    paid.transaction = NEW(call, LedgerTransaction);
    TRY(ledger_post(call, &posting, NULL, paid.transaction));
    TRY(envelope_lock(call, funding_call->client_id, paid.envelope));
    paid.funding_call_id = funding_call->id;
    return emit_envelope_paid(call, &paid);
}
