/* SPDX-License-Identifier: Apache-2.0
 * Triggers: each fires once, then is billed, yields nothing, or waits until nothing is missing; those
 * of a project are billed in the order in which they fired (INV-2, INV-5, INV-6). */
#include "triggers.h"

#include "billing_bases.h"
#include "invoice_parties.h"
#include "invoices.h"
#include "log.h"
#include "milestones.h"
#include "service.h"
#include "sql.h"
#include "uuid.h"

#include <inttypes.h>
#include <string.h>

#define FIRED_TRIGGER_COLUMNS                                                                      \
    "id, project_id, client_id, trigger, occurrence, service_date, remaining_cents, "              \
    "completed_cents, status, session_id"

SQL(insert_trigger, FiredTrigger, FiredTrigger,
    "insert into fired_trigger (id, project_id, client_id, trigger, occurrence, service_date, "
    "remaining_cents, completed_cents, status, session_id) values (:id, :project_id, :client_id, "
    ":trigger, :occurrence, :service_date, :remaining_cents, :completed_cents, "
    "coalesce(:status, 'waiting'), :session_id) "
    "on conflict on constraint fired_trigger_occurrence_key do nothing "
    "returning " FIRED_TRIGGER_COLUMNS);

SQL(settle_trigger, FiredTrigger, Empty,
    "update fired_trigger set status = :status, updated_at = now() where id = :id");

SQL(list_waiting_projects, Empty, FiredTrigger,
    "select project_id, client_id from fired_trigger where status = 'waiting' "
    "group by project_id, client_id order by min(created_at) limit 1000");

SQL(lock_waiting, FiredTrigger, FiredTrigger,
    "select " FIRED_TRIGGER_COLUMNS " from fired_trigger "
    "where project_id = :project_id and status = 'waiting' order by id for update");

/* What sessions tell may arrive before the event that brings the project's plan. */
SQL(await_plan, FiredTrigger, Id,
    "select id from project where id = :project_id and not deleted "
    "and not exists (select from billing_plan b where b.project_id = :project_id)");

static enum rpc_status
tell_nothing(struct call *call, const FiredTrigger *trigger)
{
    TriggerYieldedNothing *event = NEW(call, TriggerYieldedNothing);

    event->project_id = trigger->project_id;
    event->client_id = trigger->client_id;
    event->session_id = trigger->session_id;
    SET(event, trigger, trigger->trigger);
    return emit_trigger_yielded_nothing(call, event);
}

/* Only when it begins to wait: a look that finds it still waiting tells nothing. */
static enum rpc_status
tell_waiting(struct call *call, const FiredTrigger *trigger, TriggerWaiting *event)
{
    event->project_id = trigger->project_id;
    event->client_id = trigger->client_id;
    SET(event, trigger, trigger->trigger);
    return emit_trigger_waiting(call, event);
}

static enum rpc_status
settle(struct call *call, FiredTrigger *trigger, FiredTriggerStatus status)
{
    SET(trigger, status, status);
    return sql_run(call, &settle_trigger, trigger, NULL);
}

/* Settles a trigger, unless its invoice would lack what is added to waiting->missing. */
static enum rpc_status
bill(struct call *call, FiredTrigger *trigger, TriggerWaiting *waiting)
{
    Invoice *invoice = NEW(call, Invoice);
    struct billing billing;

    TRY(billing_gather(call, trigger, &billing));
    if (billing.plan != NULL && !billing_plan_fires(billing.plan, trigger->trigger))
        return settle(call, trigger, FIRED_TRIGGER_STATUS_NOTHING);
    TRY(billing_draft(call, &billing, invoice));
    if (invoice->n_lines == 0) {
        TRY(settle(call, trigger, FIRED_TRIGGER_STATUS_NOTHING));
        return tell_nothing(call, trigger);
    }
    invoice_parties_missing(call->arena, billing.settings, billing.client, invoice, waiting);
    if (waiting->n_missing > 0)
        return RPC_OK;
    TRY(settle(call, trigger, FIRED_TRIGGER_STATUS_BILLED));
    return invoice_issue(call, &billing, invoice);
}

/* Bills what waits in a project, up to the first that must go on waiting; all does until it has a plan. */
static enum rpc_status
bill_in_order(struct call *call, const FiredTrigger *of_project, TriggerWaiting *waiting,
              size_t *settled)
{
    FiredTrigger **triggers;
    size_t count;
    bool awaited;

    *settled = 0;
    TRY(sql_maybe(call, &await_plan, of_project, NEW(call, Id), &awaited));
    if (awaited)
        return RPC_OK;
    TRY(sql_rows(call, &lock_waiting, of_project, &triggers, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(bill(call, triggers[i], waiting));
        if (waiting->n_missing > 0)
            return RPC_OK;
        ++*settled;
    }
    return RPC_OK;
}

enum rpc_status
trigger_write(struct call *call, FiredTrigger *trigger, bool *fired)
{
    char id[37];

    uuid_new(id);
    trigger->id = arena_strdup(call->arena, id);
    if (trigger->occurrence == NULL)
        trigger->occurrence = trigger->id;
    return sql_maybe(call, &insert_trigger, trigger, trigger, fired);
}

enum rpc_status
trigger_fire(struct call *call, FiredTrigger *trigger)
{
    TriggerWaiting *waiting = NEW(call, TriggerWaiting);
    bool planned, fired;
    size_t settled;

    TRY(billing_lock_plan(call, trigger, NEW(call, BillingPlan), &planned));
    TRY(trigger_write(call, trigger, &fired));
    if (!fired)
        return RPC_OK;
    TRY(bill_in_order(call, trigger, waiting, &settled));
    return waiting->n_missing > 0 ? tell_waiting(call, trigger, waiting) : RPC_OK;
}

/* Completing a session again, once it was reopened, is another occurrence (SES-5). */
enum rpc_status
invoicing_on_session_completed(struct call *call, const Sessions__SessionCompleted *event)
{
    const Sessions__Session *session = event->session;
    FiredTrigger *trigger = NEW(call, FiredTrigger);

    trigger->project_id = session->project_id;
    trigger->client_id = session->client_id;
    trigger->session_id = session->id;
    SET(trigger, trigger, INVOICE_TRIGGER_SESSION_COMPLETED);
    trigger->occurrence = arena_printf(call->arena, "%s.%" PRId64, session->id, session->version);
    trigger->service_date = session->end_date;
    return trigger_fire(call, trigger);
}

/* Sessions and shares of the budget have fired before, by the order of events: what is left is the
 * milestones of days, then the closing (INV-2). */
enum rpc_status
invoicing_on_project_closed(struct call *call, const Budgeting__ProjectClosed *event)
{
    FiredTrigger *trigger = NEW(call, FiredTrigger);

    trigger->project_id = event->project->id;
    trigger->client_id = event->project->client_id;
    SET(trigger, trigger, INVOICE_TRIGGER_PROJECT_CLOSED);
    trigger->occurrence = (char *)"closed";
    trigger->service_date = event->project->closed_date;
    SET(trigger, remaining_cents, event->remaining_cents);
    SET(trigger, completed_cents, event->completed_cents);
    TRY(milestones_end(call, event->project));
    return trigger_fire(call, trigger);
}

/* A project with triggers that wait, and how many of them could be settled. */
struct look {
    const FiredTrigger *of_project;
    size_t settled;
};

static enum rpc_status
look_again(struct call *call, void *state)
{
    struct look *look = state;
    bool planned;

    TRY(billing_lock_plan(call, look->of_project, NEW(call, BillingPlan), &planned));
    return bill_in_order(call, look->of_project, NEW(call, TriggerWaiting), &look->settled);
}

bool
triggers_bill_waiting(struct call *call)
{
    FiredTrigger **projects;
    size_t count;

    if (sql_rows(call, &list_waiting_projects, NEW(call, Empty), &projects, &count) != RPC_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct look look = {projects[i], 0};

        if (job_transaction(call, look_again, &look) != RPC_OK)
            log_error("what waits in the project %s could not be billed: %s",
                      projects[i]->project_id, call->problem.detail);
        else if (look.settled > 0)
            return true;
    }
    return false;
}
