/* SPDX-License-Identifier: Apache-2.0
 * Figures of a project and postings that move them. */
#include "figures.h"

#include "money.h"

#include <string.h>

/* Entered from a lower state at exactly the product, never at a rounded value (MON-3). */
static BudgetState
state_of(const Budget *budget, const AlertThreshold *threshold)
{
    if (budget->consumed_cents > budget->budget_cents)
        return BUDGET_STATE_OVERRUN;
    if (budget->consumed_cents <= 0)
        return BUDGET_STATE_OK;
    if (threshold->has_amount_cents)
        return budget->consumed_cents >= threshold->amount_cents ? BUDGET_STATE_ALERT
                                                                 : BUDGET_STATE_OK;
    return money_reaches(budget->consumed_cents, budget->budget_cents, threshold->percent_bp)
               ? BUDGET_STATE_ALERT
               : BUDGET_STATE_OK;
}

bool
figures_complete(Budget *budget, const AlertThreshold *threshold)
{
    int64_t consumed, whole, limit, share = 0;

    if (!money_add(budget->planned_cents, budget->completed_cents, &consumed) ||
        !money_add(budget->remaining_cents, consumed, &whole))
        return false;
    SET(budget, consumed_cents, consumed);
    SET(budget, budget_cents, whole);
    if (threshold->has_amount_cents)
        limit = threshold->amount_cents;
    else if (!money_share_up(whole, threshold->percent_bp, &limit))
        return false;
    SET(budget, threshold_cents, limit);
    budget->has_consumed_bp = whole > 0;
    if (whole > 0 && !money_ratio_bp(consumed, whole, &share))
        return false;
    budget->consumed_bp = share;
    SET(budget, state, state_of(budget, threshold));
    return true;
}

bool
figures_apply(Budget *budget, const AlertThreshold *threshold, const Posting *posting)
{
    return money_add(budget->remaining_cents, posting->budget_cents, &budget->remaining_cents) &&
           money_add(budget->planned_cents, posting->planned_cents, &budget->planned_cents) &&
           money_add(budget->completed_cents, posting->completed_cents, &budget->completed_cents) &&
           figures_complete(budget, threshold);
}

void
posting_start(Posting *posting, LedgerKind kind, const char *client_id, const char *project_id,
              const char *reference)
{
    budgeting__posting__init(posting);
    SET(posting, kind, kind);
    posting->client_id = (char *)client_id;
    posting->project_id = (char *)project_id;
    posting->reference = (char *)reference;
    posting->has_external_cents = posting->has_receivable_cents = posting->has_envelope_cents = 1;
    posting->has_budget_cents = posting->has_planned_cents = posting->has_completed_cents = 1;
}

/* Where a posting sums the entries of each account. */
static const size_t sums[] = {
    [LEDGER_ACCOUNT_EXTERNAL] = offsetof(Posting, external_cents),
    [LEDGER_ACCOUNT_RECEIVABLE] = offsetof(Posting, receivable_cents),
    [LEDGER_ACCOUNT_ENVELOPE] = offsetof(Posting, envelope_cents),
    [LEDGER_ACCOUNT_BUDGET] = offsetof(Posting, budget_cents),
    [LEDGER_ACCOUNT_PLANNED] = offsetof(Posting, planned_cents),
    [LEDGER_ACCOUNT_COMPLETED] = offsetof(Posting, completed_cents),
};

bool
posting_add(struct arena *arena, Posting *posting, LedgerAccount account, int64_t amount_cents)
{
    int64_t *sum = (int64_t *)(void *)((char *)posting + sums[account]);
    LedgerEntry *entry, **entries;

    if (amount_cents == 0)
        return true;
    entry = (LedgerEntry *)message_new(arena, &LedgerEntry_descriptor);
    SET(entry, account, account);
    SET(entry, amount_cents, amount_cents);
    entries = arena_array(arena, posting->n_entries + 1, sizeof *entries);
    if (posting->n_entries > 0)
        memcpy(entries, posting->entries, posting->n_entries * sizeof *entries);
    entries[posting->n_entries++] = entry;
    posting->entries = entries;
    return money_add(*sum, amount_cents, sum);
}
