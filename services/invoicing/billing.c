/* SPDX-License-Identifier: Apache-2.0
 * What is known of a trigger's project, read under the lock of its billing plan. */
#include "billing.h"

#include "billing_bases.h"
#include "sql.h"

SQL(lock_plan, FiredTrigger, BillingPlan,
    "select id, project_id, client_id, basis, rate_bp, fixed_fee_cents, triggers, milestones "
    "from billing_plan where project_id = :project_id for update");

SQL(get_client, FiredTrigger, Accounts__Client,
    "select id, name, siren, vat_number, address, billing_address, billing_contact, "
    "payment_terms_days, locale from client where id = :client_id");

SQL(get_settings, Empty, Accounts__Settings,
    "select id, seller, commission_vat_rates, late_penalty_rates, legal_sentences from settings");

SQL(get_project, FiredTrigger, Budgeting__Project,
    "select id, name, purchase_order, status from project where id = :project_id");

SQL(list_unbilled, FiredTrigger, UnbilledSession,
    "select s.id, s.title, s.start_date, s.end_date, sum(t.cost_cents)::bigint as cost_cents, "
    "array_agg(t.id order by t.id) as training_ids "
    "from session s join training t on t.session_id = s.id and not t.deleted "
    "where s.project_id = :project_id and s.status = 'completed' and not s.deleted "
    "and (:session_id::uuid is null or s.id = :session_id) "
    "and not exists (select from billed_training b where b.training_id = t.id) "
    "group by s.id order by s.end_date, s.id");

enum rpc_status
billing_lock_plan(struct call *call, const FiredTrigger *trigger, BillingPlan *plan, bool *planned)
{
    return sql_maybe(call, &lock_plan, trigger, plan, planned);
}

enum rpc_status
billing_gather(struct call *call, const FiredTrigger *trigger, struct billing *billing)
{
    BillingPlan *plan = NEW(call, BillingPlan);
    Accounts__Client *client = NEW(call, Accounts__Client);
    Accounts__Settings *settings = NEW(call, Accounts__Settings);
    Budgeting__Project *project = NEW(call, Budgeting__Project);
    UnbilledSession **sessions;
    bool planned, known;

    *billing = (struct billing){trigger, NULL, client, settings, project, NULL, 0};
    TRY(billing_lock_plan(call, trigger, plan, &planned));
    billing->plan = planned ? plan : NULL;
    TRY(sql_maybe(call, &get_client, trigger, client, &known));
    TRY(sql_maybe(call, &get_settings, NEW(call, Empty), settings, &known));
    TRY(sql_one(call, &get_project, trigger, project));
    TRY(sql_rows(call, &list_unbilled, trigger, &sessions, &billing->session_count));
    billing->sessions = sessions;
    return RPC_OK;
}

enum rpc_status
billing_draft(struct call *call, const struct billing *billing, Invoice *invoice)
{
    SET(invoice, locale,
        billing->client->has_locale ? billing->client->locale : ACCOUNTS__LOCALE__LOCALE_FR);
    if (billing->plan == NULL || billing_lines(call->arena, billing, invoice))
        return RPC_OK;
    return call_fail(call, RPC_INTERNAL, NULL, "the commission is beyond what can be computed");
}
