/* SPDX-License-Identifier: Apache-2.0
 * What invoicing's events make: history, the mail that carries an invoice, its notices, alerts. */
#include "alerts.h"
#include "history.h"
#include "mail_drafts.h"
#include "words.h"

enum rpc_status
notifications_on_billing_plan_set(struct call *call, const Invoicing__BillingPlanSet *event)
{
    const Invoicing__BillingPlan *plan = event->billing_plan;

    if (plan->basis == COMMON__BASIS__BASIS_FIXED_FEE)
        return history_note(call, plan->fixed_fee_cents, "Billing plan: a fixed fee of %s",
                            history_money(call, plan->fixed_fee_cents));
    return history_note(call, HISTORY_NO_AMOUNT, "Billing plan: %s of the %s",
                        percent_text(call->arena, plan->rate_bp, "en"),
                        plan->basis == COMMON__BASIS__BASIS_CONSUMED_VALUE ? "consumed value"
                                                                           : "unconsumed funds");
}

/* ---- invoices */

enum rpc_status
notifications_on_invoice_issued(struct call *call, const Invoicing__InvoiceIssued *event)
{
    const Invoicing__Invoice *invoice = event->invoice;

    return history_note(call, invoice->gross_cents, "Invoice %s issued: %s, %s incl. VAT",
                        invoice->number, history_money(call, invoice->net_cents),
                        history_money(call, invoice->gross_cents));
}

/* The PDF is archived: it can be sent (NOT: invoice). */
enum rpc_status
notifications_on_invoice_rendered(struct call *call, const Invoicing__InvoiceRendered *event)
{
    const Invoicing__Invoice *invoice = event->invoice;
    struct mail_draft draft;

    if (invoice->kind != INVOICING__INVOICE_KIND__INVOICE_KIND_INVOICE)
        return RPC_OK; /* credit notes have no mail of their own yet */
    TRY(mail_draft_project(call, MESSAGE_KIND_INVOICE, invoice->id, &draft));
    mail_say(&draft, "number", invoice->number);
    mail_say_money(&draft, "net", invoice->net_cents);
    mail_say_money(&draft, "gross", invoice->gross_cents);
    mail_say_date(&draft, "due", invoice->due_date);
    mail_say(&draft, "iban",
             invoice->seller == NULL || invoice->seller->iban == NULL
                 ? NULL
                 : iban_text(call->arena, invoice->seller->iban));
    TRY(mail_to_contact(&draft, NULL, invoice->id));
    return mail_to_list(&draft, invoice->id);
}

enum rpc_status
notifications_on_invoice_sent(struct call *call, const Invoicing__InvoiceSent *event)
{
    return history_note(call, event->invoice->gross_cents, "Invoice %s sent to the billing contact",
                        event->invoice->number);
}

/* ---- triggers without an invoice */

static const char *
trigger_words(Invoicing__InvoiceTrigger trigger)
{
    if (trigger == INVOICING__INVOICE_TRIGGER__INVOICE_TRIGGER_PROJECT_CLOSED)
        return "the closing of the project";
    if (trigger == INVOICING__INVOICE_TRIGGER__INVOICE_TRIGGER_SESSION_COMPLETED)
        return "the completed session";
    if (trigger == INVOICING__INVOICE_TRIGGER__INVOICE_TRIGGER_MILESTONES)
        return "the milestone";
    return "an operator's request";
}

/* INV-5. */
enum rpc_status
notifications_on_trigger_yielded_nothing(struct call *call,
                                         const Invoicing__TriggerYieldedNothing *event)
{
    return history_note(call, 0, "No invoice for %s: there is nothing to bill",
                        trigger_words(event->trigger));
}

/* INV-6. */
enum rpc_status
notifications_on_trigger_waiting(struct call *call, const Invoicing__TriggerWaiting *event)
{
    ProjectContacts *contacts;
    struct buffer missing;

    TRY(project_contacts(call, &contacts));
    buffer_init(&missing, call->arena);
    buffer_text(&missing, "");
    for (size_t i = 0; i < event->n_missing; i++)
        buffer_printf(&missing, "%s%s", i == 0 ? "" : ", ", event->missing[i]);
    TRY(history_note(call, HISTORY_NO_AMOUNT, "The invoice for %s waits for the seller's identity",
                     trigger_words(event->trigger)));
    return alert_raise(
        call, ALERT_KIND_INVOICE_WAITING, ALERT_SEVERITY_CRITICAL,
        "The invoice of project %s waits until the settings are complete; missing: %s.",
        contacts->project_name, missing.bytes);
}
