/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of budgets (BUD-11, BUD-12, BUD-15, MON-3). Pure: no database, no call. */
#ifndef ESCARCELLE_FIGURES_H
#define ESCARCELLE_FIGURES_H

#include "budgeting.rpc.h"

/* Derives budget, consumed, share, threshold and state from remaining, planned and completed. The
 * threshold is a share of the current budget or an amount. False on overflow: the figures are then
 * beyond what money holds, and the change must be refused. */
bool figures_complete(Budget *budget, const AlertThreshold *threshold);
/* Adds what a posting moves to the project's balances and derives again. False on overflow. */
bool figures_apply(Budget *budget, const AlertThreshold *threshold, const Posting *posting);

/* An empty posting of this kind with its entries yet to come. */
void posting_start(Posting *posting, LedgerKind kind, const char *client_id, const char *project_id,
                   const char *reference);
/* Adds an entry; amounts of 0 are left out. False on overflow of the account's sum. */
bool posting_add(struct arena *arena, Posting *posting, LedgerAccount account,
                 int64_t amount_cents);

#endif
