/* SPDX-License-Identifier: Apache-2.0
 * What funding's events make: history, mails to billing contact and mailing list, alerts. */
#include "alerts.h"
#include "history.h"
#include "mail_drafts.h"

enum { BUDGET_WAIT_S = 60 /* for the budget that an accepted call makes */ };

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
enum rpc_status
notifications_on_funding_call_sent(struct call *call, const Funding__FundingCallSent *event)
{
    const Funding__FundingCall *funding_call = event->funding_call;
    struct mail_draft draft;

    TRY(history_note(call, funding_call->requested_cents, "Funding call for %s sent",
                     history_money(call, funding_call->requested_cents)));
    TRY(mail_draft_project(call, MESSAGE_KIND_FUNDING_CALL, funding_call->id, &draft));
    mail_say_money(&draft, "requested", funding_call->requested_cents);
    say_figures(&draft);
    mail_say(&draft, "message", funding_call->comment);
    TRY(mail_to_contact(&draft, funding_call->id, NULL));
    mail_say_day(&draft, "expires", funding_call->expires_at);
    return mail_to_list(&draft, NULL);
}

/* ---- decided */

static enum rpc_status
mail_decision(struct call *call, const Funding__FundingCall *funding_call, bool granted,
              const char **project_name)
{
    struct mail_draft draft;

    TRY(mail_draft_project(call, MESSAGE_KIND_FUNDING_CALL_DECISION, funding_call->id, &draft));
    *project_name = draft.contacts->project_name;
    if (granted) {
        mail_say_money(&draft, "granted", funding_call->granted_cents);
        mail_say(&draft, "declined", NULL);
        SET(&draft.mail, wait_s, BUDGET_WAIT_S);
    } else {
        mail_say(&draft, "granted", NULL);
        mail_say_money(&draft, "declined", funding_call->requested_cents);
    }
    mail_say_money(&draft, "requested", funding_call->requested_cents);
    mail_say_day(&draft, "decided", funding_call->decided_at);
    mail_say(&draft, "comment", funding_call->decision_comment);
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
                       "rate is 0.",
                       contacts->project_name);
}
