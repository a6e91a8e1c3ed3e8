/* SPDX-License-Identifier: Apache-2.0
 * The ledger: posts transactions, keeps the balances of envelopes and projects, lists them. */
#include "ledger.h"

#include "money.h"
#include "sql.h"
#include "uuid.h"

SQL(lock_project, Id, Project,
    "select " PROJECT_COLUMNS " from project where id = :id and status <> 'deleted' for update");

SQL(lock_project_even_deleted, Id, Project,
    "select " PROJECT_COLUMNS " from project where id = :id for update");

SQL(lock_envelope, Id, Envelope,
    "insert into envelope as e (client_id) values (:id) on conflict (client_id) do update set client_id = e.client_id "
    "returning client_id as id, client_id, 'EUR' as currency, -external_cents - receivable_cents as funded_cents, "
    "-receivable_cents as of_which_unpaid_cents, -external_cents - receivable_cents - envelope_cents as "
    "allocated_cents, envelope_cents as available_cents, created_at, updated_at, version, revision");

SQL(insert_transaction, Posting, LedgerTransaction,
    "with posted as (insert into ledger_transaction (id, client_id, project_id, kind, effective_date, reference, "
    "event_id) values (:id::uuid, :client_id::uuid, :project_id::uuid, :kind, coalesce(:effective_date::date, :call.today::date), "
    ":reference, :call.event_id) returning id, kind, effective_date, recorded_at, reference), "
    "entries as (insert into ledger_entry (transaction_id, position, client_id, project_id, account, amount_cents) "
    "select :id::uuid, e.position, :client_id::uuid, "
    "case when e.account in ('budget', 'planned', 'completed') then :project_id::uuid end, e.account, e.amount_cents "
    "from rows from (jsonb_to_recordset(:entries::jsonb) as (account text, amount_cents bigint)) "
    "with ordinality as e (account, amount_cents, position)), "
    "envelope_moved as (update envelope set external_cents = external_cents + :external_cents, "
    "receivable_cents = receivable_cents + :receivable_cents, envelope_cents = envelope_cents + :envelope_cents, "
    "revision = revision + 1, updated_at = now() where client_id = :client_id::uuid and "
    "(:external_cents::bigint, :receivable_cents::bigint, :envelope_cents::bigint) <> (0, 0, 0)), "
    "project_moved as (update project set budget_cents = budget_cents + :budget_cents, "
    "planned_cents = planned_cents + :planned_cents, completed_cents = completed_cents + :completed_cents, "
    "state = coalesce(:state, state), revision = revision + 1 where id = :project_id::uuid) "
    "select id, kind, effective_date, recorded_at, reference, 'EUR' as currency from posted");

SQL(list_transactions, ListLedgerTransactionsRequest, ListLedgerTransactionsReply,
    "select t.id, t.kind, t.effective_date, t.recorded_at, t.reference, 'EUR' as currency, "
    "(select jsonb_agg(jsonb_build_object('account', e.account, 'amount_cents', e.amount_cents) order by e.position) "
    "from ledger_entry e where e.transaction_id = t.id) as entries "
    "from ledger_transaction t where t.project_id = :project_id :page(t.id)");

SQL(find_project, ListLedgerTransactionsRequest, Project, "select id from project where id = :project_id and status <> 'deleted'");

enum rpc_status
ledger_overflow(struct call *call)
{
    return call_fail_code(
        call, RPC_INVALID, "out_of_range", "amount_cents",
        "would take a balance beyond what an account can hold; use a smaller amount");
}

enum rpc_status
project_finish(struct call *call, Project *project)
{
    project->budget->as_of = (char *)call->today;
    return figures_complete(project->budget, project->alert_threshold) ? RPC_OK
                                                                       : ledger_overflow(call);
}

static enum rpc_status
lock(struct call *call, struct sql_statement *statement, const char *id, Project *project)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    TRY(sql_one(call, statement, &key, project));
    return project_finish(call, project);
}

enum rpc_status
project_lock(struct call *call, const char *id, Project *project)
{
    return lock(call, &lock_project, id, project);
}

enum rpc_status
project_lock_even_deleted(struct call *call, const char *id, Project *project)
{
    return lock(call, &lock_project_even_deleted, id, project);
}

enum rpc_status
envelope_lock(struct call *call, const char *client_id, Envelope *envelope)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)client_id;
    return sql_one(call, &lock_envelope, &key, envelope);
}

enum rpc_status
envelope_check(struct call *call, const Envelope *envelope, int64_t amount_cents)
{
    if (amount_cents <= envelope->available_cents)
        return RPC_OK;
    return call_fail_code(
        call, RPC_CONFLICT, "insufficient_funds", NULL,
        "only %lld cents are available in the envelope; credit it first or use a smaller amount",
        (long long)envelope->available_cents);
}

enum rpc_status
ledger_lines(struct call *call, Posting *posting, const struct posting_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!posting_add(call->arena, posting, lines[i].account, lines[i].amount_cents))
            return ledger_overflow(call);
    return RPC_OK;
}

enum rpc_status
ledger_post(struct call *call, Posting *posting, Project *project, LedgerTransaction *transaction)
{
    char id[37];

    uuid_new(id);
    posting->id = arena_strdup(call->arena, id);
    if (project != NULL) {
        if (!figures_apply(project->budget, project->alert_threshold, posting))
            return ledger_overflow(call);
        SET(posting, state, project->budget->state);
        project->revision++;
        project->budget->revision++;
    }
    TRY(sql_one(call, &insert_transaction, posting, transaction));
    transaction->n_entries = posting->n_entries;
    transaction->entries = posting->entries;
    return RPC_OK;
}

enum rpc_status
budget_tell_crossing(struct call *call, const Project *project, BudgetState before,
                     bool asks_for_funds)
{
    BudgetState after = project->budget->state;

    if (after == BUDGET_STATE_OVERRUN && before != BUDGET_STATE_OVERRUN) {
        BudgetOverrun event = BUDGETING__BUDGET_OVERRUN__INIT;

        event.project = (Project *)project;
        SET(&event, overrun_cents, -project->budget->remaining_cents);
        return emit_budget_overrun(call, &event);
    }
    if (after == BUDGET_STATE_ALERT && before == BUDGET_STATE_OK) {
        BudgetThresholdReached event = BUDGETING__BUDGET_THRESHOLD_REACHED__INIT;

        event.project = (Project *)project;
        SET(&event, asks_for_funds, asks_for_funds);
        return emit_budget_threshold_reached(call, &event);
    }
    return RPC_OK;
}

enum rpc_status
project_post(struct call *call, Project *project, Posting *posting,
             const struct posting_line *lines, size_t count)
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

enum rpc_status
project_return_remaining(struct call *call, Project *project, LedgerKind kind)
{
    int64_t remaining = project->budget->remaining_cents;
    Posting posting;

    if (remaining <= 0)
        return RPC_OK;
    TRY(envelope_lock(call, project->client_id, NEW(call, Envelope)));
    posting_start(&posting, kind, project->client_id, project->id, project->id);
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_BUDGET, -remaining},
                                                   {LEDGER_ACCOUNT_ENVELOPE, remaining}},
                     2));
    return ledger_post(call, &posting, project, NEW(call, LedgerTransaction));
}

enum rpc_status
budgeting_list_ledger_transactions(struct call *call, const ListLedgerTransactionsRequest *request,
                                   ListLedgerTransactionsReply *reply)
{
    TRY(sql_one(call, &find_project, request, NEW(call, Project)));
    return sql_page(call, &list_transactions, request, reply);
}
