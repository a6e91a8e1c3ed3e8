/* SPDX-License-Identifier: Apache-2.0
 * What funding's events make: history, mails to billing contact and mailing list, alerts. */
#include "alerts.h"
#include "history.h"
#include "mail_drafts.h"
#include "messages.h"
#include "sql.h"

enum { BUDGET_WAIT_S = 60 /* for the budget that an accepted call makes */ };

/* What nobody has read yet need not be said and taken back. */
SQL(cancel_receipts, Id, Message,
    "update message set status = 'cancelled', last_error = 'the decision could not be carried out', "
    "updated_at = now(), version = version + 1 where object_id = :id "
    "and kind = 'funding_call_decision' and status = 'queued' and claims = 0 "
    "returning " MESSAGE_COLUMNS);

static const char *
reason_words(Funding__FundingReason reason)
{
    if (reason == FUNDING__FUNDING_REASON__FUNDING_REASON_THRESHOLD)
        return "because the alert threshold was reached";
    if (reason == FUNDING__FUNDING_REASON__FUNDING_REASON_OVERRUN)
        return "because the budget was overrun";
    return "by an operator";
}

enum rpc_status
notifications_on_funding_call_created(struct call *call, const Funding__FundingCallCreated *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;

    return history_note(call, funding_call->requested_cents, "Funding call for %s opened %s",
                        history_money(call, funding_call->requested_cents),
                        reason_words(funding_call->reason));
}

enum rpc_status
notifications_on_funding_call_updated(struct call *call, const Funding__FundingCallUpdated *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;

    return history_note(call, funding_call->requested_cents, "Funding call changed: it asks for %s",
                        history_money(call, funding_call->requested_cents));
}

/* ---- sent */

static void
say_figures(struct mail_draft *draft)
{
    const ProjectContacts *contacts = draft->contacts;

    if (!contacts->has_budget_cents || !contacts->has_consumed_cents) {
        mail_say(draft, "budget", NULL);
        mail_say(draft, "consumed", NULL);
        return;
    }
    mail_say_money(draft, "budget", contacts->budget_cents);
    mail_say_money(draft, "consumed", contacts->consumed_cents);
}

/* The review link goes to the billing contact alone (FUN-4). */
static enum rpc_status
mail_call(struct call *call, MessageKind kind, const Funding__FundingCall *funding_call)
{
    struct mail_draft draft;

    TRY(mail_draft_project(call, kind, funding_call->id, &draft));
    mail_say_money(&draft, "requested", funding_call->requested_cents);
    say_figures(&draft);
    mail_say_day(&draft, "sent", funding_call->sent_at);
    mail_say(&draft, "message", funding_call->comment);
    TRY(mail_to_contact(&draft, funding_call->id, NULL));
    mail_say_day(&draft, "expires", funding_call->expires_at);
    return mail_to_list(&draft, NULL);
}

enum rpc_status
notifications_on_funding_call_sent(struct call *call, const Funding__FundingCallSent *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;

    TRY(history_note(call, funding_call->requested_cents, "Funding call for %s sent",
                     history_money(call, funding_call->requested_cents)));
    return mail_call(call, MESSAGE_KIND_FUNDING_CALL, funding_call);
}

/* FUN-5. */
enum rpc_status
notifications_on_funding_call_reminded(struct call *call, const Funding__FundingCallReminded *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;

    TRY(history_note(call, funding_call->requested_cents,
                     "Client reminded of the funding call for %s",
                     history_money(call, funding_call->requested_cents)));
    return mail_call(call, MESSAGE_KIND_FUNDING_CALL_REMINDER, funding_call);
}

enum rpc_status
notifications_on_funding_call_unanswered(struct call *call,
                                         const Funding__FundingCallUnanswered *event)
{
    const char *requested = history_money(call, event->funding_call->requested_cents);
    ProjectContacts *contacts;

    TRY(project_contacts(call, &contacts));
    TRY(history_note(call, event->funding_call->requested_cents,
                     "Funding call for %s not answered after the last reminder", requested));
    return alert_raise(
        call, ALERT_KIND_FUNDING_CALL_UNANSWERED, ALERT_SEVERITY_WARNING,
        "%s has not answered the last reminder of the funding call for %s of project "
        "%s; call the client.",
        contacts->client_name, requested, contacts->project_name);
}

/* ---- decided */

static void
say_granted(struct mail_draft *draft, const Funding__FundingCall *funding_call)
{
    mail_say_money(draft, "granted", funding_call->granted_cents);
    mail_say(draft, "declined", NULL);
    if (funding_call->source == FUNDING__FUNDING_SOURCE__FUNDING_SOURCE_ENVELOPE)
        mail_say_money(draft, "from_envelope", funding_call->granted_cents);
    else
        mail_say(draft, "from_envelope", NULL);
    SET(&draft->mail, wait_s, BUDGET_WAIT_S);
}

static void
say_declined(struct mail_draft *draft, const Funding__FundingCall *funding_call)
{
    mail_say(draft, "granted", NULL);
    mail_say(draft, "from_envelope", NULL);
    mail_say_money(draft, "declined", funding_call->requested_cents);
}

static enum rpc_status
mail_decision(struct call *call, const Funding__FundingCall *funding_call, bool granted,
              const char **project_name)
{
    struct mail_draft draft;

    TRY(mail_draft_project(call, MESSAGE_KIND_FUNDING_CALL_DECISION, funding_call->id, &draft));
    *project_name = draft.contacts->project_name;
    if (granted)
        say_granted(&draft, funding_call);
    else
        say_declined(&draft, funding_call);
    mail_say_money(&draft, "requested", funding_call->requested_cents);
    mail_say_day(&draft, "decided", funding_call->decided_at);
    mail_say(&draft, "comment", funding_call->decision_comment);
    mail_say(&draft, "reason", funding_call->decision_reason);
    TRY(mail_to_contact(&draft, NULL, NULL));
    return mail_to_list(&draft, NULL);
}

enum rpc_status
notifications_on_funding_call_accepted(struct call *call, const Funding__FundingCallAccepted *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    const char *granted = history_money(call, funding_call->granted_cents);
    const char *requested = history_money(call, funding_call->requested_cents), *project_name;

    TRY(history_note(call, funding_call->granted_cents, "Funding call accepted: %s granted of %s",
                     granted, requested));
    TRY(mail_decision(call, funding_call, true, &project_name));
    return alert_raise(call, ALERT_KIND_FUNDING_CALL_DECISION, ALERT_SEVERITY_INFO,
                       "The client granted %s of the %s asked for project %s.", granted, requested,
                       project_name);
}

enum rpc_status
notifications_on_funding_call_declined(struct call *call, const Funding__FundingCallDeclined *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    const char *requested = history_money(call, funding_call->requested_cents), *project_name;

    TRY(history_note(call, funding_call->requested_cents, "Funding call for %s declined",
                     requested));
    TRY(mail_decision(call, funding_call, false, &project_name));
    return alert_raise(call, ALERT_KIND_FUNDING_CALL_DECISION, ALERT_SEVERITY_WARNING,
                       "The client declined the funding call for %s of project %s.", requested,
                       project_name);
}

/* ---- expired */

static enum rpc_status
mail_expiry(struct call *call, const Funding__FundingCall *funding_call, const char **project_name)
{
    struct mail_draft draft;

    TRY(mail_draft_project(call, MESSAGE_KIND_FUNDING_CALL_EXPIRED, funding_call->id, &draft));
    *project_name = draft.contacts->project_name;
    mail_say_money(&draft, "requested", funding_call->requested_cents);
    mail_say_day(&draft, "sent", funding_call->sent_at);
    mail_say_day(&draft, "expired", funding_call->expires_at);
    TRY(mail_to_contact(&draft, NULL, NULL));
    return mail_to_list(&draft, NULL);
}

/* FUN-5: all are told. */
enum rpc_status
notifications_on_funding_call_expired(struct call *call, const Funding__FundingCallExpired *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    const char *requested = history_money(call, funding_call->requested_cents), *project_name;

    TRY(history_note(call, funding_call->requested_cents, "Funding call for %s expired",
                     requested));
    TRY(mail_expiry(call, funding_call, &project_name));
    return alert_raise(call, ALERT_KIND_FUNDING_CALL_EXPIRED, ALERT_SEVERITY_WARNING,
                       "The funding call for %s of project %s expired without an answer.",
                       requested, project_name);
}

/* ---- reopened (BUD-8) */

static enum rpc_status
cancel_decision_mails(struct call *call, const char *funding_call_id)
{
    Id id = COMMON__ID__INIT;
    Message **cancelled;
    size_t count;

    id.id = (char *)funding_call_id;
    TRY(sql_rows(call, &cancel_receipts, &id, &cancelled, &count));
    for (size_t i = 0; i < count; i++)
        TRY(emit_message_cancelled(call, cancelled[i]));
    return RPC_OK;
}

/* Operators hear it from budgeting's FundingCallUnfunded, which knows the amounts. */
enum rpc_status
notifications_on_funding_call_reopened(struct call *call, const Funding__FundingCallReopened *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;

    TRY(history_note(call, funding_call->requested_cents,
                     "Funding call for %s waits for a decision again",
                     history_money(call, funding_call->requested_cents)));
    TRY(cancel_decision_mails(call, funding_call->id));
    return mail_call(call, MESSAGE_KIND_FUNDING_CALL_REOPENED, funding_call);
}

/* ---- paid (BUD-9) */

enum rpc_status
notifications_on_funding_call_paid(struct call *call, const Funding__FundingCallPaid *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    int64_t cents = event->payment->amount_cents;

    if (cents < 0)
        return history_note(call, cents, "Payment of %s on a funding call reversed; %s of %s paid",
                            history_money(call, -cents),
                            history_money(call, funding_call->paid_cents),
                            history_money(call, funding_call->granted_cents));
    return history_note(call, cents, "Payment of %s on a funding call received; %s of %s paid",
                        history_money(call, cents), history_money(call, funding_call->paid_cents),
                        history_money(call, funding_call->granted_cents));
}

/* ---- neither */

enum rpc_status
notifications_on_funding_call_cancelled(struct call *call,
                                        const Funding__FundingCallCancelled *event)
{
    return history_note(call, event->funding_call->requested_cents, "Funding call for %s cancelled",
                        history_money(call, event->funding_call->requested_cents));
}

enum rpc_status
notifications_on_funding_call_not_opened(struct call *call,
                                         const Funding__FundingCallNotOpened *event)
{
    ProjectContacts *contacts;

    (void)event;
    TRY(project_contacts(call, &contacts));
    TRY(history_note(call, HISTORY_NO_AMOUNT,
                     "No funding call was opened: it would have asked for nothing"));
    return alert_raise(call, ALERT_KIND_FUNDING_CALL_NOT_OPENED, ALERT_SEVERITY_WARNING,
                       "Project %s is short of money, but no funding call was opened: its refill "
                       "rate or its initial budget is 0.",
                       contacts->project_name);
}
