/* SPDX-License-Identifier: Apache-2.0
 * Billing plans: a project starts with its client's commission and keeps its plan from the first
 * invoice on (INV-1). */
#include "commission.h"
#include "milestones.h"
#include "sql.h"

#define BILLING_PLAN_COLUMNS                                                                       \
    "id, project_id, client_id, 'EUR' as currency, basis, rate_bp, fixed_fee_cents, triggers, "    \
    "milestones, created_at, updated_at, version"

SQL(get_billing_plan, GetBillingPlanRequest, BillingPlan,
    "select " BILLING_PLAN_COLUMNS " from billing_plan where project_id = :project_id");

SQL(insert_first_plan, Budgeting__ProjectCreated, BillingPlan,
    "insert into billing_plan (id, project_id, client_id, basis, rate_bp, fixed_fee_cents, "
    "triggers, milestones, created_at) values (:call.new_id, :project.id, :project.client_id, "
    ":commission.basis, :commission.rate_bp, :commission.fixed_fee_cents, :commission.triggers, "
    ":commission.milestones, :call.occurred_at::timestamptz) on conflict (project_id) do nothing "
    "returning " BILLING_PLAN_COLUMNS);

SQL(insert_billing_plan, SetBillingPlanRequest, BillingPlan,
    "insert into billing_plan (id, project_id, client_id, basis, rate_bp, fixed_fee_cents, "
    "triggers, milestones) select :call.new_id, p.id, p.client_id, :basis, :rate_bp, "
    ":fixed_fee_cents, :triggers, :milestones from project p where p.id = :project_id "
    "on conflict (project_id) do nothing returning " BILLING_PLAN_COLUMNS);

SQL(lock_billing_plan, SetBillingPlanRequest, BillingPlan,
    "select " BILLING_PLAN_COLUMNS " from billing_plan where project_id = :project_id for update");

SQL(find_first_invoice, SetBillingPlanRequest, Invoice,
    "select id, number from invoice where project_id = :project_id order by id limit 1");

SQL(update_billing_plan, BillingPlan, BillingPlan,
    "update billing_plan set basis = :basis, rate_bp = :rate_bp, "
    "fixed_fee_cents = :fixed_fee_cents, triggers = :triggers, milestones = :milestones, "
    "updated_at = now(), version = version + 1 where id = :id and :guard "
    "returning " BILLING_PLAN_COLUMNS);

/* A project that was opened a moment ago has its plan as soon as its event arrives. */
static enum rpc_status
fail_not_ready(struct call *call)
{
    SET(&call->problem, retry_after_s, 1);
    return call_fail_code(call, RPC_CONFLICT, "not_ready", NULL,
                          "the project's billing plan is on its way; try again in a second");
}

/* A project that was deleted had no invoice (BUD-18); one made in that instant keeps its plan. */
SQL(delete_plan, Budgeting__ProjectDeleted, Empty,
    "delete from billing_plan p where p.project_id = :project.id "
    "and not exists (select from invoice i where i.project_id = p.project_id)");

SQL(delete_consumption, Budgeting__ProjectDeleted, Empty,
    "delete from consumption where project_id = :project.id");

/* What follows when a project has another plan. */
static enum rpc_status
tell_plan(struct call *call, const BillingPlan *plan)
{
    TRY(milestones_expect(call, plan));
    return emit_billing_plan_set(call, plan);
}

enum rpc_status
invoicing_get_billing_plan(struct call *call, const GetBillingPlanRequest *request,
                           BillingPlan *reply)
{
    bool found;

    TRY(sql_maybe(call, &get_billing_plan, request, reply, &found));
    return found ? RPC_OK : fail_not_ready(call);
}

void
invoicing_check_set_billing_plan(struct call *call, const SetBillingPlanRequest *request)
{
    Commission commission = COMMON__COMMISSION__INIT;

    commission.has_basis = request->has_basis;
    commission.basis = request->basis;
    commission.has_rate_bp = request->has_rate_bp;
    commission.rate_bp = request->rate_bp;
    commission.has_fixed_fee_cents = request->has_fixed_fee_cents;
    commission.fixed_fee_cents = request->fixed_fee_cents;
    commission.n_triggers = request->n_triggers;
    commission.triggers = request->triggers;
    commission.n_milestones = request->n_milestones;
    commission.milestones = request->milestones;
    commission_check(call, "", &commission);
}

/* The plan with what the request says of it. */
static void
replace_plan(BillingPlan *plan, const SetBillingPlanRequest *request)
{
    SET(plan, basis, request->basis);
    plan->has_rate_bp = request->has_rate_bp;
    plan->rate_bp = request->rate_bp;
    plan->has_fixed_fee_cents = request->has_fixed_fee_cents;
    plan->fixed_fee_cents = request->fixed_fee_cents;
    plan->n_triggers = request->n_triggers;
    plan->triggers = request->triggers;
    plan->n_milestones = request->n_milestones;
    plan->milestones = request->milestones;
}

enum rpc_status
invoicing_set_billing_plan(struct call *call, const SetBillingPlanRequest *request,
                           BillingPlan *reply)
{
    BillingPlan *plan = NEW(call, BillingPlan);
    Invoice *first = NEW(call, Invoice);
    bool inserted, billed;

    TRY(sql_maybe(call, &insert_billing_plan, request, reply, &inserted));
    if (inserted)
        return tell_plan(call, reply);
    /* Billing locks the plan as well: an invoice is either seen here or sees the new plan. */
    TRY(sql_one(call, &lock_billing_plan, request, plan));
    TRY(sql_maybe(call, &find_first_invoice, request, first, &billed));
    if (billed)
        return call_fail_code(
            call, RPC_CONFLICT, "already_billed", NULL,
            "the project has the invoice %s; its billing plan can no longer change", first->number);
    replace_plan(plan, request);
    TRY(sql_one(call, &update_billing_plan, plan, reply));
    return tell_plan(call, reply);
}

enum rpc_status
invoicing_on_project_created(struct call *call, const Budgeting__ProjectCreated *event)
{
    BillingPlan *plan = NEW(call, BillingPlan);
    bool inserted;

    if (event->commission == NULL) {
        emit_none(call, "the client has no commission yet; an operator sets the plan");
        return RPC_OK;
    }
    TRY(sql_maybe(call, &insert_first_plan, event, plan, &inserted));
    if (inserted)
        return tell_plan(call, plan);
    emit_none(call, "an operator was faster than the event");
    return RPC_OK;
}

enum rpc_status
invoicing_on_project_deleted(struct call *call, const Budgeting__ProjectDeleted *event)
{
    TRY(sql_run(call, &delete_plan, event, NULL));
    TRY(sql_run(call, &delete_consumption, event, NULL));
    emit_none(call, "the project is gone, and its plan with it");
    return RPC_OK;
}
