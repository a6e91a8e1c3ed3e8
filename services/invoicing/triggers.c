/* SPDX-License-Identifier: Apache-2.0
 * Triggers: each fires once, then is billed, yields nothing, or waits until nothing is missing
 * (INV-2, INV-5, INV-6). */
#include "triggers.h"

#include "billing_bases.h"
#include "invoice_parties.h"
#include "invoices.h"
#include "log.h"
#include "service.h"
#include "sql.h"

#define FIRED_TRIGGER_COLUMNS                                                                      \
    "id, project_id, client_id, trigger, occurrence, service_date, remaining_cents, "              \
    "completed_cents, status"

SQL(insert_trigger, FiredTrigger, FiredTrigger,
    "insert into fired_trigger (id, project_id, client_id, trigger, occurrence, service_date, "
    "remaining_cents, completed_cents) values (:call.new_id, :project_id, :client_id, :trigger, "
    ":occurrence, coalesce(:service_date::date, :call.today::date), :remaining_cents, "
    ":completed_cents) "
    "on conflict on constraint fired_trigger_occurrence_key do nothing "
    "returning " FIRED_TRIGGER_COLUMNS);

SQL(settle_trigger, FiredTrigger, Empty,
    "update fired_trigger set status = :status, updated_at = now() where id = :id");

SQL(list_waiting, Empty, FiredTrigger,
    "select id from fired_trigger where status = 'waiting' order by id limit 1000");

SQL(lock_waiting, FiredTrigger, FiredTrigger,
    "select " FIRED_TRIGGER_COLUMNS " from fired_trigger where id = :id and status = 'waiting' "
    "for update skip locked");

SQL(lock_plan, FiredTrigger, BillingPlan,
    "select id, project_id, client_id, basis, rate_bp, fixed_fee_cents, triggers, milestones "
    "from billing_plan where project_id = :project_id for update");

SQL(get_client, FiredTrigger, Accounts__Client,
    "select id, name, siren, vat_number, address, billing_address, billing_contact, "
    "payment_terms_days, locale from client where id = :client_id");

SQL(get_settings, Empty, Accounts__Settings,
    "select id, seller, commission_vat_rates, late_penalty_rates, legal_sentences from settings");

SQL(get_project, FiredTrigger, Budgeting__Project,
    "select id, name, purchase_order from project where id = :project_id");

static enum rpc_status
gather(struct call *call, const FiredTrigger *trigger, struct billing *billing)
{
    BillingPlan *plan = NEW(call, BillingPlan);
    Accounts__Client *client = NEW(call, Accounts__Client);
    Accounts__Settings *settings = NEW(call, Accounts__Settings);
    Budgeting__Project *project = NEW(call, Budgeting__Project);
    bool planned, known;

    TRY(sql_maybe(call, &lock_plan, trigger, plan, &planned));
    TRY(sql_maybe(call, &get_client, trigger, client, &known));
    TRY(sql_maybe(call, &get_settings, NEW(call, Empty), settings, &known));
    TRY(sql_one(call, &get_project, trigger, project));
    *billing = (struct billing){trigger, planned ? plan : NULL, client, settings, project};
    return RPC_OK;
}

static enum rpc_status
tell_nothing(struct call *call, const FiredTrigger *trigger)
{
    TriggerYieldedNothing *event = NEW(call, TriggerYieldedNothing);

    event->project_id = trigger->project_id;
    event->client_id = trigger->client_id;
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

/* Language, basis and lines; a project without a plan has none. */
static enum rpc_status
draft(struct call *call, const struct billing *billing, Invoice *invoice)
{
    SET(invoice, locale,
        billing->client->has_locale ? billing->client->locale : ACCOUNTS__LOCALE__LOCALE_FR);
    if (billing->plan == NULL ||
        billing_lines(call->arena, billing->plan, billing->trigger, invoice))
        return RPC_OK;
    return call_fail(call, RPC_INTERNAL, NULL, "the commission is beyond what can be computed");
}

/* Bills a trigger, at first or after it waited; *settled: it waits no longer. */
static enum rpc_status
bill(struct call *call, FiredTrigger *trigger, bool first, bool *settled)
{
    Invoice *invoice = NEW(call, Invoice);
    TriggerWaiting *waiting = NEW(call, TriggerWaiting);
    struct billing billing;

    TRY(gather(call, trigger, &billing));
    *settled = true;
    if (billing.plan != NULL && !billing_plan_fires(billing.plan, trigger->trigger))
        return settle(call, trigger, FIRED_TRIGGER_STATUS_NOTHING);
    TRY(draft(call, &billing, invoice));
    if (invoice->n_lines == 0) {
        TRY(settle(call, trigger, FIRED_TRIGGER_STATUS_NOTHING));
        return tell_nothing(call, trigger);
    }
    invoice_parties_missing(call->arena, billing.settings, billing.client, trigger->service_date,
                            waiting);
    if (waiting->n_missing > 0) {
        *settled = false;
        return first ? tell_waiting(call, trigger, waiting) : RPC_OK;
    }
    TRY(settle(call, trigger, FIRED_TRIGGER_STATUS_BILLED));
    return invoice_issue(call, &billing, invoice);
}

enum rpc_status
invoicing_on_project_closed(struct call *call, const Budgeting__ProjectClosed *event)
{
    FiredTrigger *trigger = NEW(call, FiredTrigger);
    bool fired, settled;

    trigger->project_id = event->project->id;
    trigger->client_id = event->project->client_id;
    SET(trigger, trigger, INVOICE_TRIGGER_PROJECT_CLOSED);
    trigger->occurrence = (char *)"closed";
    trigger->service_date = event->project->closed_date;
    SET(trigger, remaining_cents, event->remaining_cents);
    SET(trigger, completed_cents, event->completed_cents);
    TRY(sql_maybe(call, &insert_trigger, trigger, trigger, &fired));
    return fired ? bill(call, trigger, true, &settled) : RPC_OK;
}

/* One waiting trigger and whether it could be billed. */
struct look {
    const FiredTrigger *waiting;
    bool settled;
};

static enum rpc_status
look_again(struct call *call, void *state)
{
    struct look *look = state;
    FiredTrigger *trigger = NEW(call, FiredTrigger);
    bool locked;

    look->settled = false;
    TRY(sql_maybe(call, &lock_waiting, look->waiting, trigger, &locked));
    return locked ? bill(call, trigger, false, &look->settled) : RPC_OK;
}

bool
triggers_bill_waiting(struct call *call)
{
    FiredTrigger **waiting;
    size_t count;

    if (sql_rows(call, &list_waiting, NEW(call, Empty), &waiting, &count) != RPC_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct look look = {waiting[i], false};
        enum rpc_status status = job_transaction(call, look_again, &look);

        if (status != RPC_OK)
            log_error("the trigger %s could not be billed: %s", waiting[i]->id,
                      call->problem.detail);
        else if (look.settled)
            return true;
    }
    return false;
}
