/* SPDX-License-Identifier: Apache-2.0
 * Projects: opened with money of the envelope, changed, read with their figures (BUD-2, BUD-11 to
 * BUD-16). */
#include "ledger.h"
#include "sql.h"

/* Held against the client's archiving. */
SQL(get_commission, CreateProjectRequest, ClientCommission,
    "select commission from client where id = :client_id and status = 'active' for share");

SQL(insert_project, CreateProjectRequest, Project,
    "insert into project (id, client_id, name, initial_budget_cents, alert_threshold, mailing_list, "
    "auto_funding_call, refill_bp, report_frequency, purchase_order) "
    "values (:call.new_id, :client_id, :name, :initial_budget_cents, :alert_threshold, :mailing_list, "
    "coalesce(:auto_funding_call, true), coalesce(:refill_bp, 2000), :report_frequency, :purchase_order) "
    "returning " PROJECT_COLUMNS);

SQL(get_project, GetProjectRequest, Project,
    "select " PROJECT_COLUMNS " from project where id = :id and status <> 'deleted'");

SQL(look_up_project, Id, Project,
    "select " PROJECT_COLUMNS " from project where id = :id and status <> 'deleted'");

SQL(list_projects, ListProjectsRequest, ListProjectsReply,
    "select " PROJECT_COLUMNS " from project where status <> 'deleted' :filter(client_id, status, state) "
    ":search(name, purchase_order) :page");

/* Only an open project changes; version says whether it is the one that was read. */
SQL(update_project, UpdateProjectRequest, Project,
    "update project set :patch(name, alert_threshold, mailing_list, auto_funding_call, refill_bp, report_frequency, "
    "purchase_order), updated_at = now(), version = version + 1 where id = :id and :guard(status) "
    "returning " PROJECT_COLUMNS);

SQL(set_state, Project, Empty, "update project set state = :budget.state where id = :id");

SQL(get_budget_at, GetBudgetRequest, Budget,
    "select 'EUR' as currency, p.initial_budget_cents as initial_cents, "
    "coalesce(sum(e.amount_cents) filter (where e.account = 'budget'), 0)::bigint as remaining_cents, "
    "coalesce(sum(e.amount_cents) filter (where e.account = 'planned'), 0)::bigint as planned_cents, "
    "coalesce(sum(e.amount_cents) filter (where e.account = 'completed'), 0)::bigint as completed_cents, "
    "coalesce(:at::date, :call.today::date) as as_of, p.version, p.revision "
    "from project p left join ledger_transaction t on t.project_id = p.id "
    "and t.effective_date <= coalesce(:at::date, :call.today::date) "
    "left join ledger_entry e on e.transaction_id = t.id and e.project_id = p.id where p.id = :id group by p.id");

/* Money that projects are opened with leaves the envelope (BUD-2). */
static enum rpc_status
open_with(struct call *call, Project *project)
{
    Envelope *envelope = NEW(call, Envelope);
    int64_t amount = project->initial_budget_cents;
    Posting posting;

    TRY(envelope_lock(call, project->client_id, envelope));
    TRY(envelope_check(call, envelope, amount));
    if (amount == 0)
        return RPC_OK;
    posting_start(&posting, LEDGER_KIND_PROJECT_OPENED, project->client_id, project->id,
                  project->id);
    TRY(ledger_lines(call, &posting,
                     (const struct posting_line[]){{LEDGER_ACCOUNT_ENVELOPE, -amount},
                                                   {LEDGER_ACCOUNT_BUDGET, amount}},
                     2));
    return ledger_post(call, &posting, project, NEW(call, LedgerTransaction));
}

enum rpc_status
budgeting_create_project(struct call *call, const CreateProjectRequest *request, Project *reply)
{
    ProjectCreated event = BUDGETING__PROJECT_CREATED__INIT;
    ClientCommission *client = NEW(call, ClientCommission);

    TRY(sql_one(call, &get_commission, request, client));
    TRY(sql_one(call, &insert_project, request, reply));
    TRY(project_finish(call, reply));
    TRY(open_with(call, reply));
    event.project = reply;
    event.commission = client->commission;
    return emit_project_created(call, &event);
}

enum rpc_status
budgeting_get_project(struct call *call, const GetProjectRequest *request, Project *reply)
{
    TRY(sql_one(call, &get_project, request, reply));
    return project_finish(call, reply);
}

enum rpc_status
budgeting_look_up_project(struct call *call, const Id *request, Project *reply)
{
    TRY(sql_one(call, &look_up_project, request, reply));
    return project_finish(call, reply);
}

enum rpc_status
budgeting_list_projects(struct call *call, const ListProjectsRequest *request,
                        ListProjectsReply *reply)
{
    TRY(sql_page(call, &list_projects, request, reply));
    for (size_t i = 0; i < reply->n_projects; i++)
        TRY(project_finish(call, reply->projects[i]));
    return RPC_OK;
}

enum rpc_status
budgeting_update_project(struct call *call, const UpdateProjectRequest *request, Project *reply)
{
    Project *present = NEW(call, Project);
    BudgetState before;

    TRY(project_lock(call, request->id, present));
    before = present->budget->state;
    TRY(sql_one(call, &update_project, request, reply));
    TRY(project_finish(call, reply));
    if (reply->budget->state != before)
        TRY(sql_run(call, &set_state, reply, NULL));
    TRY(emit_project_updated(call, reply));
    /* A threshold that was moved alerts, but asks nobody for money (BUD-14). */
    return budget_tell_crossing(call, reply, before, false);
}

enum rpc_status
budgeting_get_budget(struct call *call, const GetBudgetRequest *request, Budget *reply)
{
    Project *project = NEW(call, Project);
    Id key = COMMON__ID__INIT;

    key.id = request->id;
    TRY(sql_one(call, &look_up_project, &key, project));
    TRY(sql_one(call, &get_budget_at, request, reply));
    if (!figures_complete(reply, project->alert_threshold))
        return call_fail(call, RPC_INTERNAL, NULL,
                         "the figures of this day are beyond what money holds");
    return RPC_OK;
}
