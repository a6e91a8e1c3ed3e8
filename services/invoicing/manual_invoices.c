/* SPDX-License-Identifier: Apache-2.0
 * The manual trigger: an operator bills what of a project is completed and unbilled (INV-1, INV-2). */
#include "invoice_parties.h"
#include "invoices.h"
#include "sql.h"
#include "triggers.h"

SQL(get_project_to_bill, IssueInvoiceRequest, FiredTrigger,
    "select id as project_id, client_id from project where id = :project_id");

/* What remained at a closing whose invoices are all credited by now, the first and those that
 * operators asked for since. */
SQL(find_credited_closing, IssueInvoiceRequest, FiredTrigger,
    "select c.remaining_cents, c.completed_cents from fired_trigger c "
    "where c.project_id = :project_id and c.trigger = 'project_closed' and c.status = 'billed' "
    "and not exists (select from fired_trigger f join invoice i on i.fired_trigger_id = f.id "
    "join invoice_state s on s.id = i.id where f.project_id = c.project_id "
    "and f.trigger in ('project_closed', 'manual') and f.id >= c.id and s.status <> 'credited')");

SQL(get_known_work, IssueInvoiceRequest, Sessions__CompletedWork,
    "select count(*) as session_count, coalesce(sum(version), 0)::bigint as version_sum "
    "from session where project_id = :project_id and status = 'completed' and not deleted");

/* Whoever completes a session and bills at once means that session as well. */
static enum rpc_status
check_all_known(struct call *call, const IssueInvoiceRequest *request)
{
    const Sessions__CompletedWork *work = (const Sessions__CompletedWork *)call->answers[0];
    Sessions__CompletedWork *known = NEW(call, Sessions__CompletedWork);

    TRY(sql_one(call, &get_known_work, request, known));
    if (known->session_count == work->session_count && known->version_sum == work->version_sum)
        return RPC_OK;
    SET(&call->problem, retry_after_s, 1);
    return call_fail_code(
        call, RPC_CONFLICT, "not_ready", NULL,
        "a session was completed or reopened a moment ago; try again in a second");
}

/* Nothing is left waiting: whoever asks by hand reads what is missing. */
static enum rpc_status
check_identity(struct call *call, const struct billing *billing, const Invoice *invoice)
{
    TriggerWaiting *waiting = NEW(call, TriggerWaiting);
    struct buffer missing;

    invoice_parties_missing(call->arena, billing->settings, billing->client, invoice, waiting);
    if (waiting->n_missing == 0)
        return RPC_OK;
    buffer_init(&missing, call->arena);
    for (size_t i = 0; i < waiting->n_missing; i++)
        buffer_printf(&missing, "%s%s", i == 0 ? "" : ", ", waiting->missing[i]);
    return call_fail_code(call, RPC_CONFLICT, "identity_incomplete", NULL,
                          "the invoice would lack what the law wants on it: %s; complete the "
                          "settings or the client first",
                          missing.bytes);
}

static enum rpc_status
fail_nothing(struct call *call, const struct billing *billing)
{
    bool closed = billing->project->status == BUDGETING__PROJECT_STATUS__PROJECT_STATUS_CLOSED;

    return call_fail_code(call, RPC_CONFLICT, "nothing_to_bill", NULL,
                          closed
                              ? "the project is closed, and nothing of it is left to bill by hand"
                              : "by its billing plan the project has nothing to bill now; "
                                "complete a session, or close the project");
}

static enum rpc_status
find_remaining(struct call *call, const IssueInvoiceRequest *request, FiredTrigger *trigger)
{
    FiredTrigger *closing = NEW(call, FiredTrigger);
    bool credited;

    TRY(sql_maybe(call, &find_credited_closing, request, closing, &credited));
    trigger->has_remaining_cents = credited;
    trigger->remaining_cents = closing->remaining_cents;
    trigger->has_completed_cents = credited;
    trigger->completed_cents = closing->completed_cents;
    return RPC_OK;
}

enum rpc_status
invoicing_issue_invoice(struct call *call, const IssueInvoiceRequest *request, Invoice *reply)
{
    FiredTrigger *trigger = NEW(call, FiredTrigger);
    Invoice *invoice = NEW(call, Invoice);
    struct billing billing;
    bool fired;

    TRY(sql_one(call, &get_project_to_bill, request, trigger));
    SET(trigger, trigger, INVOICE_TRIGGER_MANUAL);
    SET(trigger, status, FIRED_TRIGGER_STATUS_BILLED);
    trigger->service_date = (char *)call->today;
    TRY(check_all_known(call, request));
    TRY(billing_gather(call, trigger, &billing));
    TRY(find_remaining(call, request, trigger));
    TRY(billing_draft(call, &billing, invoice));
    if (invoice->n_lines == 0)
        return fail_nothing(call, &billing);
    TRY(check_identity(call, &billing, invoice));
    TRY(trigger_write(call, trigger, &fired));
    TRY(invoice_issue(call, &billing, invoice));
    return invoice_read(call, invoice->id, reply);
}
