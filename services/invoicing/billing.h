/* SPDX-License-Identifier: Apache-2.0
 * From a trigger to the draft of its invoice: what is known, and what of it is to be billed. */
#ifndef ESCARCELLE_BILLING_H
#define ESCARCELLE_BILLING_H

#include "invoicing.rpc.h"

/* All that billing a trigger needs, as it is in this transaction. */
struct billing {
    const FiredTrigger *trigger;
    const BillingPlan *plan; /* locked; NULL when the project has none */
    const Accounts__Client *client;
    const Accounts__Settings *settings;
    const Budgeting__Project *project;
    UnbilledSession *const *sessions; /* by last day; of session_completed, its own at most */
    size_t session_count;
};

/* Locks the plan, so that a project is billed by one transaction at a time. *planned: it has one. */
enum rpc_status billing_lock_plan(struct call *call, const FiredTrigger *trigger, BillingPlan *plan,
                                  bool *planned) RPC_CHECKED;
/* Everything else of a trigger's project besides; locks the plan. */
enum rpc_status billing_gather(struct call *call, const FiredTrigger *trigger,
                               struct billing *billing) RPC_CHECKED;
/* Language, basis and lines of an invoice; no line where there is nothing to bill (INV-5). */
enum rpc_status billing_draft(struct call *call, const struct billing *billing,
                              Invoice *invoice) RPC_CHECKED;

#endif
