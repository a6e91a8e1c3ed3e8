/* SPDX-License-Identifier: Apache-2.0
 * The NOT table: kinds of mail, their audiences, templates, and what an entry must choose. */
#include "mail_kinds.h"

/* Not chosen by entries of mailing lists. */
#define NOT_CHOSEN ((NoticeKind)0)

static const struct {
    MessageKind kind;
    MessageAudience audience;
    const char *template;
    NoticeKind notice;
} kinds[] = {
    {MESSAGE_KIND_INVITATION, MESSAGE_AUDIENCE_USER, "invitation", NOT_CHOSEN},
    {MESSAGE_KIND_PASSWORD_RESET, MESSAGE_AUDIENCE_USER, "password_reset", NOT_CHOSEN},
    {MESSAGE_KIND_BUDGET_THRESHOLD, MESSAGE_AUDIENCE_MAILING_LIST, "threshold_reached",
     NOTICE_KIND_BUDGET},
    {MESSAGE_KIND_BUDGET_OVERRUN, MESSAGE_AUDIENCE_MAILING_LIST, "overrun", NOTICE_KIND_BUDGET},
    {MESSAGE_KIND_SESSION_PLANNED, MESSAGE_AUDIENCE_MAILING_LIST, "session_planned",
     NOTICE_KIND_SESSION},
    {MESSAGE_KIND_SESSION_COMPLETED, MESSAGE_AUDIENCE_MAILING_LIST, "session_completed",
     NOTICE_KIND_SESSION},
    {MESSAGE_KIND_SESSION_CANCELLED, MESSAGE_AUDIENCE_MAILING_LIST, "session_cancelled",
     NOTICE_KIND_SESSION},
    {MESSAGE_KIND_SESSIONS_GATHERED, MESSAGE_AUDIENCE_MAILING_LIST, "sessions_gathered",
     NOTICE_KIND_SESSION},
    {MESSAGE_KIND_BUDGETS_GATHERED, MESSAGE_AUDIENCE_MAILING_LIST, "budgets_gathered",
     NOTICE_KIND_BUDGET},
    {MESSAGE_KIND_FUNDING_CALL, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_call", NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL, MESSAGE_AUDIENCE_MAILING_LIST, "funding_call_notice",
     NOTICE_KIND_FUNDING_CALL},
    {MESSAGE_KIND_FUNDING_CALL_REMINDER, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_reminder",
     NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL_REMINDER, MESSAGE_AUDIENCE_MAILING_LIST, "funding_reminder_notice",
     NOTICE_KIND_FUNDING_CALL},
    {MESSAGE_KIND_FUNDING_CALL_REOPENED, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_reopened",
     NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL_REOPENED, MESSAGE_AUDIENCE_MAILING_LIST, "funding_reopened_notice",
     NOTICE_KIND_DECISION},
    {MESSAGE_KIND_FUNDING_CALL_EXPIRED, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_expired",
     NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL_EXPIRED, MESSAGE_AUDIENCE_MAILING_LIST, "funding_expired_notice",
     NOTICE_KIND_DECISION},
    {MESSAGE_KIND_FUNDING_CALL_DECISION, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_decision",
     NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL_DECISION, MESSAGE_AUDIENCE_MAILING_LIST, "funding_decision_notice",
     NOTICE_KIND_DECISION},
    {MESSAGE_KIND_INVOICE, MESSAGE_AUDIENCE_BILLING_CONTACT, "invoice", NOT_CHOSEN},
    {MESSAGE_KIND_INVOICE, MESSAGE_AUDIENCE_MAILING_LIST, "invoice_notice", NOTICE_KIND_INVOICE},
    {MESSAGE_KIND_CREDIT_NOTE, MESSAGE_AUDIENCE_BILLING_CONTACT, "credit_note", NOT_CHOSEN},
    {MESSAGE_KIND_CREDIT_NOTE, MESSAGE_AUDIENCE_MAILING_LIST, "credit_note_notice",
     NOTICE_KIND_INVOICE},
};

static size_t
find_kind(MessageKind kind, MessageAudience audience)
{
    size_t i = 0;

    while (i < sizeof kinds / sizeof *kinds &&
           (kinds[i].kind != kind || kinds[i].audience != audience))
        i++;
    return i;
}

const char *
mail_template_of(MessageKind kind, MessageAudience audience)
{
    size_t i = find_kind(kind, audience);

    return i < sizeof kinds / sizeof *kinds ? kinds[i].template : NULL;
}

static bool
chooses(const MailingListEntry *entry, NoticeKind notice)
{
    for (size_t i = 0; i < entry->n_kinds; i++)
        if (entry->kinds[i] == notice)
            return true;
    return false;
}

enum mailing
mailing_of(const MailingListEntry *entry, MessageKind kind)
{
    size_t i = find_kind(kind, MESSAGE_AUDIENCE_MAILING_LIST);

    if (i == sizeof kinds / sizeof *kinds)
        return MAILING_NOTHING;
    if (kinds[i].notice == NOTICE_KIND_INVOICE && chooses(entry, NOTICE_KIND_INVOICE_PDF))
        return MAILING_DOCUMENT;
    return entry->n_kinds == 0 || chooses(entry, kinds[i].notice) ? MAILING_NOTICE
                                                                  : MAILING_NOTHING;
}

MessageKind
mail_gathered_as(MessageKind kind)
{
    size_t i = find_kind(kind, MESSAGE_AUDIENCE_MAILING_LIST);

    if (i == sizeof kinds / sizeof *kinds)
        return MAIL_NEVER_GATHERED;
    if (kinds[i].notice == NOTICE_KIND_SESSION)
        return MESSAGE_KIND_SESSIONS_GATHERED;
    return kinds[i].notice == NOTICE_KIND_BUDGET ? MESSAGE_KIND_BUDGETS_GATHERED
                                                 : MAIL_NEVER_GATHERED;
}
