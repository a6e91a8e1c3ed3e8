/* SPDX-License-Identifier: Apache-2.0
 * What invoicing's events make: history, mails that carry invoices and credit notes, their notices,
 * alerts. */
#include "alerts.h"
#include "history.h"
#include "mail_drafts.h"
#include "sql.h"
#include "words.h"

SQL(find_project_of_invoice, Id, ProjectContacts,
    "select p.id as project_id, p.name as project_name, c.name as client_name from invoice i "
    "join project p on p.id = i.project_id join client c on c.id = i.client_id where i.id = :id");

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

static bool
is_credit_note(const Invoicing__Invoice *invoice)
{
    return invoice->kind == INVOICING__INVOICE_KIND__INVOICE_KIND_CREDIT_NOTE;
}

enum rpc_status
notifications_on_invoice_issued(struct call *call, const Invoicing__InvoiceIssued *event)
{
    const Invoicing__Invoice *invoice = event->invoice;
    const char *net = history_money(call, invoice->net_cents);
    const char *gross = history_money(call, invoice->gross_cents);

    if (is_credit_note(invoice))
        return history_note(call, -invoice->gross_cents,
                            "Credit note %s issued for invoice %s: %s, %s incl. VAT",
                            invoice->number, invoice->credits_number, net, gross);
    return history_note(call, invoice->gross_cents, "Invoice %s issued: %s, %s incl. VAT",
                        invoice->number, net, gross);
}

/* ---- their mails (NOT: invoice, credit note) */

/* What is asked for: all, the rest, or nothing once the invoice is paid or credited. */
static void
say_what_is_due(struct mail_draft *draft, const Invoicing__Invoice *invoice)
{
    const Accounts__Seller *seller = invoice->seller;
    int64_t open_cents = invoice->gross_cents - invoice->credited_cents - invoice->paid_cents;
    bool settled = open_cents <= 0;

    mail_say(draft, "settled", settled ? invoice->number : NULL);
    mail_say(draft, "reference", settled ? NULL : invoice->number);
    mail_say_date(draft, "due", settled ? NULL : invoice->due_date);
    mail_say(draft, "iban",
             settled || seller == NULL || seller->iban == NULL
                 ? NULL
                 : iban_text(draft->call->arena, seller->iban));
    if (settled || open_cents == invoice->gross_cents)
        mail_say(draft, "open", NULL);
    else
        mail_say_money(draft, "open", open_cents);
}

static void
say_invoice(struct mail_draft *draft, const Invoicing__Invoice *invoice)
{
    mail_say(draft, "number", invoice->number);
    mail_say_money(draft, "net", invoice->net_cents);
    mail_say_money(draft, "gross", invoice->gross_cents);
    if (is_credit_note(invoice)) {
        mail_say(draft, "original", invoice->credits_number);
        mail_say(draft, "reason", invoice->reason);
        return;
    }
    say_what_is_due(draft, invoice);
}

static enum rpc_status
draft_invoice(struct call *call, const Invoicing__Invoice *invoice, struct mail_draft *draft)
{
    TRY(mail_draft_project(
        call, is_credit_note(invoice) ? MESSAGE_KIND_CREDIT_NOTE : MESSAGE_KIND_INVOICE,
        invoice->id, draft));
    say_invoice(draft, invoice);
    return RPC_OK;
}

/* The PDF is archived: it can be sent. */
enum rpc_status
notifications_on_invoice_rendered(struct call *call, const Invoicing__InvoiceRendered *event)
{
    struct mail_draft draft;

    TRY(draft_invoice(call, event->invoice, &draft));
    TRY(mail_to_contact(&draft, NULL, event->invoice->id));
    return mail_to_list(&draft, event->invoice->id);
}

/* To the billing contact alone: the mailing list was told. */
enum rpc_status
notifications_on_invoice_resent(struct call *call, const Invoicing__InvoiceResent *event)
{
    const Invoicing__Invoice *invoice = event->invoice;
    struct mail_draft draft;

    TRY(history_note(call, invoice->gross_cents, "%s %s is mailed once more",
                     is_credit_note(invoice) ? "Credit note" : "Invoice", invoice->number));
    TRY(draft_invoice(call, invoice, &draft));
    return mail_to_contact(&draft, NULL, invoice->id);
}

enum rpc_status
notifications_on_invoice_sent(struct call *call, const Invoicing__InvoiceSent *event)
{
    const Invoicing__Invoice *invoice = event->invoice;

    return history_note(call, invoice->gross_cents, "%s %s sent to the billing contact",
                        is_credit_note(invoice) ? "Credit note" : "Invoice", invoice->number);
}

/* ---- what comes back */

/* INV-7. */
enum rpc_status
notifications_on_invoice_paid(struct call *call, const Invoicing__InvoicePaid *event)
{
    const Invoicing__Invoice *invoice = event->invoice;
    int64_t cents = event->payment->amount_cents;

    if (cents < 0)
        return history_note(call, cents, "Payment of %s on invoice %s reversed; %s of %s paid",
                            history_money(call, -cents), invoice->number,
                            history_money(call, invoice->paid_cents),
                            history_money(call, invoice->gross_cents));
    return history_note(call, cents, "Payment of %s on invoice %s received; %s of %s paid",
                        history_money(call, cents), invoice->number,
                        history_money(call, invoice->paid_cents),
                        history_money(call, invoice->gross_cents));
}

/* INV-8: the amounts are in the entry of the credit note. */
enum rpc_status
notifications_on_invoice_credited(struct call *call, const Invoicing__InvoiceCredited *event)
{
    const Invoicing__Invoice *invoice = event->invoice;
    bool whole = invoice->status == INVOICING__INVOICE_STATUS__INVOICE_STATUS_CREDITED;

    return history_note(call, HISTORY_NO_AMOUNT, "Invoice %s credited %s: %s", invoice->number,
                        whole ? "as a whole" : "in part",
                        event->reason == NULL ? "no reason given" : event->reason);
}

/* INV-7, INV-8: someone must use the advance or pay it back. */
enum rpc_status
notifications_on_client_advance_changed(struct call *call,
                                        const Invoicing__ClientAdvanceChanged *event)
{
    const char *advance = history_money(call, event->advance_cents);
    ProjectContacts *project = NEW(call, ProjectContacts);
    Id id = COMMON__ID__INIT;
    bool found;

    id.id = event->invoice_id;
    TRY(sql_maybe(call, &find_project_of_invoice, &id, project, &found));
    if (!found)
        return RPC_OK; /* its first event came before this service followed invoices */
    TRY(history_note_in(call, project->project_id, event->amount_cents,
                        "The client's advance is now %s", advance));
    if (event->amount_cents <= 0)
        return RPC_OK;
    return alert_raise(call, ALERT_KIND_CLIENT_ADVANCE, ALERT_SEVERITY_WARNING,
                       "%s has paid %s more than it owes; use it or pay it back.",
                       project->client_name, advance);
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
    TRY(history_note(call, HISTORY_NO_AMOUNT,
                     "The invoice for %s waits for what the law wants on it",
                     trigger_words(event->trigger)));
    return alert_raise(
        call, ALERT_KIND_INVOICE_WAITING, ALERT_SEVERITY_CRITICAL,
        "The invoice of project %s waits until the settings are complete; missing: %s.",
        contacts->project_name, missing.bytes);
}
