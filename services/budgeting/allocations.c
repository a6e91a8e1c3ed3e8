/* SPDX-License-Identifier: Apache-2.0
 * Allocations: money moved between a client's envelope and an open project, both ways (BUD-2,
 * BUD-3). */
#include "ledger.h"
#include "sql.h"
#include "states.h"

#define ALLOCATION_COLUMNS                                                                            \
    "id, project_id, 'EUR' as currency, amount_cents, reason, created_at, created_at as updated_at, " \
    "1::bigint as version"

SQL(insert_allocation, CreateAllocationRequest, Allocation,
    "insert into allocation (id, project_id, amount_cents, reason) "
    "values (:call.new_id, :project_id, :amount_cents, :reason) returning " ALLOCATION_COLUMNS);

SQL(list_allocations, ListAllocationsRequest, ListAllocationsReply,
    "select " ALLOCATION_COLUMNS " from allocation where project_id = :project_id :page");

SQL(find_allocated_project, ListAllocationsRequest, Project, "select id from project where id = :project_id and status <> 'deleted'");

void
budgeting_check_create_allocation(struct call *call, const CreateAllocationRequest *request)
{
    call_refuse_zero(call, "amount_cents", request->has_amount_cents, request->amount_cents);
}

/* Neither the envelope nor what remains of the project may go below zero. */
static enum rpc_status
check_allocation(struct call *call, const Project *project, int64_t amount)
{
    Envelope *envelope = NEW(call, Envelope);

    TRY(state_check(call, &project->base));
    TRY(envelope_lock(call, project->client_id, envelope));
    if (amount > 0)
        return envelope_check(call, envelope, amount);
    if (-amount <= project->budget->remaining_cents)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "insufficient_funds", NULL,
                          "only %lld cents remain in the project; take back less",
                          (long long)project->budget->remaining_cents);
}

enum rpc_status
budgeting_create_allocation(struct call *call, const CreateAllocationRequest *request,
                            Allocation *reply)
{
    ProjectAllocated event = BUDGETING__PROJECT_ALLOCATED__INIT;
    Project *project = NEW(call, Project);
    int64_t amount = request->amount_cents;
    BudgetState before;
    Posting posting;

    TRY(project_lock(call, request->project_id, project));
    TRY(check_allocation(call, project, amount));
    before = project->budget->state;
    TRY(sql_one(call, &insert_allocation, request, reply));
    posting_start(&posting,
                  amount > 0 ? LEDGER_KIND_PROJECT_ALLOCATED : LEDGER_KIND_PROJECT_TAKEN_BACK,
                  project->client_id, project->id, reply->id);
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_ENVELOPE, -amount},
                                                   {LEDGER_ACCOUNT_BUDGET, amount}},
                     2));
    TRY(ledger_post(call, &posting, project, NEW(call, LedgerTransaction)));
    event.project = project;
    event.allocation = reply;
    TRY(emit_project_allocated(call, &event));
    return budget_tell_crossing(call, project, before, false);
}

enum rpc_status
budgeting_list_allocations(struct call *call, const ListAllocationsRequest *request,
                           ListAllocationsReply *reply)
{
    TRY(sql_one(call, &find_allocated_project, request, NEW(call, Project)));
    return sql_page(call, &list_allocations, request, reply);
}
