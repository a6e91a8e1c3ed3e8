/* SPDX-License-Identifier: Apache-2.0
 * Milestones: days and shares of the budget, each of which fires once (INV-2). A milestone that waits
 * for its time is a row, which whoever fires it deletes; a day that was missed is still due. */
#include "milestones.h"

#include "log.h"
#include "service.h"
#include "sql.h"
#include "triggers.h"

#define TAKEN                                                                                      \
    "returning project_id, client_id, occurrence, due_on, consumed_bp) "                           \
    "select project_id, client_id, occurrence, due_on, consumed_bp from taken "                    \
    "order by due_on, consumed_bp"

SQL(forget_milestones, PendingMilestone, Empty,
    "delete from milestone where project_id = :project_id");

/* A share that is reached already is due today; a day before the project was opened never is. */
SQL(insert_milestones, BillingPlan, Empty,
    "insert into milestone (project_id, client_id, occurrence, due_on, consumed_bp) "
    "select p.project_id, p.client_id, coalesce(m.date, m.consumed_bp::text), "
    "coalesce(m.date::date, case when m.consumed_bp <= c.consumed_bp then :call.today::date end), "
    "m.consumed_bp from billing_plan p "
    "cross join lateral jsonb_to_recordset(p.milestones) as m (date text, consumed_bp bigint) "
    "left join consumption c on c.project_id = p.project_id where p.id = :id "
    "and (m.date is null or m.date::date >= (p.created_at at time zone 'Europe/Paris')::date) "
    "and not exists (select from fired_trigger f where f.project_id = p.project_id "
    "and f.trigger = 'milestones' and f.occurrence = coalesce(m.date, m.consumed_bp::text)) "
    "on conflict (project_id, occurrence) do nothing");

SQL(note_consumption, PendingMilestone, Empty,
    "insert into consumption (project_id, consumed_bp) values (:project_id, :consumed_bp) "
    "on conflict (project_id) do update set consumed_bp = excluded.consumed_bp");

SQL(take_reached, PendingMilestone, PendingMilestone,
    "with taken as (delete from milestone "
    "where project_id = :project_id and consumed_bp <= :consumed_bp " TAKEN);

SQL(take_due, PendingMilestone, PendingMilestone,
    "with taken as (delete from milestone "
    "where project_id = :project_id and due_on <= :due_on " TAKEN);

SQL(list_due_projects, Empty, PendingMilestone,
    "select project_id from milestone where due_on <= :call.today::date "
    "group by project_id order by min(due_on) limit 1000");

enum rpc_status
milestones_expect(struct call *call, const BillingPlan *plan)
{
    PendingMilestone *of_project = NEW(call, PendingMilestone);

    of_project->project_id = plan->project_id;
    TRY(sql_run(call, &forget_milestones, of_project, NULL));
    if (plan->n_milestones == 0)
        return RPC_OK;
    call_wake_jobs(call);
    return sql_run(call, &insert_milestones, plan, NULL);
}

static enum rpc_status
fire(struct call *call, PendingMilestone *const *milestones, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const PendingMilestone *milestone = milestones[i];
        FiredTrigger *trigger = NEW(call, FiredTrigger);

        trigger->project_id = milestone->project_id;
        trigger->client_id = milestone->client_id;
        SET(trigger, trigger, INVOICE_TRIGGER_MILESTONES);
        trigger->occurrence = milestone->occurrence;
        trigger->service_date = milestone->due_on != NULL ? milestone->due_on : (char *)call->today;
        TRY(trigger_fire(call, trigger));
    }
    return RPC_OK;
}

static enum rpc_status
fire_due(struct call *call, const char *project_id, const char *day)
{
    PendingMilestone *due = NEW(call, PendingMilestone), **milestones;
    size_t count;

    due->project_id = (char *)project_id;
    due->due_on = (char *)day;
    TRY(sql_rows(call, &take_due, due, &milestones, &count));
    return fire(call, milestones, count);
}

enum rpc_status
milestones_end(struct call *call, const Budgeting__Project *project)
{
    PendingMilestone *of_project = NEW(call, PendingMilestone);

    of_project->project_id = project->id;
    TRY(fire_due(call, project->id, project->closed_date));
    return sql_run(call, &forget_milestones, of_project, NULL);
}

/* The project's figures moved; a budget of 0 has no consumed share (BUD-15). */
static enum rpc_status
look_at_figures(struct call *call, const Budgeting__Project *project)
{
    PendingMilestone *now = NEW(call, PendingMilestone), **milestones;
    size_t count;

    now->project_id = project->id;
    now->has_consumed_bp = project->budget->has_consumed_bp;
    now->consumed_bp = project->budget->consumed_bp;
    TRY(sql_run(call, &note_consumption, now, NULL));
    TRY(sql_rows(call, &take_reached, now, &milestones, &count));
    return fire(call, milestones, count);
}

enum rpc_status
invoicing_on_budget_changed(struct call *call, const Budgeting__BudgetChanged *event)
{
    return look_at_figures(call, event->project);
}

enum rpc_status
invoicing_on_project_allocated(struct call *call, const Budgeting__ProjectAllocated *event)
{
    return look_at_figures(call, event->project);
}

static enum rpc_status
fire_today(struct call *call, void *state)
{
    const PendingMilestone *of_project = state;

    return fire_due(call, of_project->project_id, call->today);
}

bool
milestones_fire_due(struct call *call)
{
    PendingMilestone **projects;
    size_t count;

    if (sql_rows(call, &list_due_projects, NEW(call, Empty), &projects, &count) != RPC_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (job_transaction(call, fire_today, projects[i]) == RPC_OK)
            return true;
        log_error("the milestones of the project %s could not fire: %s", projects[i]->project_id,
                  call->problem.detail);
    }
    return false;
}
