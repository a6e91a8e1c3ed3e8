/* SPDX-License-Identifier: Apache-2.0
 * Posting to the ledger, and the locks under which it is done: the project's row first, then the
 * envelope's, always in this order. */
#ifndef ESCARCELLE_LEDGER_H
#define ESCARCELLE_LEDGER_H

#include "figures.h"

#define PROJECT_COLUMNS                                                                                        \
    "id, client_id, name, status, 'EUR' as currency, initial_budget_cents, alert_threshold, mailing_list, "    \
    "auto_funding_call, refill_bp, report_frequency, purchase_order, 'EUR' as \"budget.currency\", "           \
    "initial_budget_cents as \"budget.initial_cents\", budget_cents as \"budget.remaining_cents\", "           \
    "planned_cents as \"budget.planned_cents\", completed_cents as \"budget.completed_cents\", "               \
    "state as \"budget.state\", version as \"budget.version\", revision as \"budget.revision\", closed_date, " \
    "created_at, updated_at, version, revision"

/* One entry of a posting. */
struct posting_line {
    LedgerAccount account;
    int64_t amount_cents;
};

/* Locks a project's row and reads it with its figures; 404 when there is none. */
enum rpc_status project_lock(struct call *call, const char *id, Project *project) RPC_CHECKED;
/* The same for reactions, which tell the past: also a project that was deleted meanwhile. */
enum rpc_status project_lock_even_deleted(struct call *call, const char *id,
                                          Project *project) RPC_CHECKED;
/* Derives a project's figures after reading it. */
enum rpc_status project_finish(struct call *call, Project *project) RPC_CHECKED;
/* Locks (and if need be opens) a client's envelope and reads it. */
enum rpc_status envelope_lock(struct call *call, const char *client_id,
                              Envelope *envelope) RPC_CHECKED;
/* Refuses with 409 when less than amount_cents is available in a locked envelope. */
enum rpc_status envelope_check(struct call *call, const Envelope *envelope,
                               int64_t amount_cents) RPC_CHECKED;

/* Posts a transaction under the locks of what it moves, and moves the balances: project may be NULL
 * when no project's money moves. Fills transaction for events. */
enum rpc_status ledger_post(struct call *call, Posting *posting, Project *project,
                            LedgerTransaction *transaction) RPC_CHECKED;
/* The lines of a posting; 422 when an account's sum overflows. */
enum rpc_status ledger_lines(struct call *call, Posting *posting, const struct posting_line *lines,
                             size_t count) RPC_CHECKED;

/* Posts lines to a locked project and tells it, crossings included: the common end of reactions. */
enum rpc_status project_post(struct call *call, Project *project, Posting *posting,
                             const struct posting_line *lines, size_t count) RPC_CHECKED;
/* What remains of a locked project goes back to the envelope; an overrun stays (BUD-10, BUD-18). */
enum rpc_status project_return_remaining(struct call *call, Project *project,
                                         LedgerKind kind) RPC_CHECKED;

/* 422: an amount grew beyond what can be counted. */
enum rpc_status ledger_overflow(struct call *call);

/* Raises what entering alert or overrun raises (BUD-13, BUD-14). asks_for_funds: the crossing may
 * open a funding call. */
enum rpc_status budget_tell_crossing(struct call *call, const Project *project, BudgetState before,
                                     bool asks_for_funds) RPC_CHECKED;

#endif
