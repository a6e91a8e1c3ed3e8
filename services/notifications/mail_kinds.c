/* SPDX-License-Identifier: Apache-2.0
 * The NOT table: kinds of mail, their audiences, templates and what an entry must want to get them. */
#include "mail_kinds.h"

#define NOTICE(name) COMMON__NOTICE_KIND__NOTICE_KIND_##name
/* Not chosen by entries of mailing lists. */
#define NOT_CHOSEN ((Common__NoticeKind)0)

static const struct {
    MessageKind kind;
    MessageAudience audience;
    const char *template;
    Common__NoticeKind notice;
} kinds[] = {
    {MESSAGE_KIND_INVITATION, MESSAGE_AUDIENCE_USER, "invitation", NOT_CHOSEN},
    {MESSAGE_KIND_PASSWORD_RESET, MESSAGE_AUDIENCE_USER, "password_reset", NOT_CHOSEN},
    {MESSAGE_KIND_BUDGET_THRESHOLD, MESSAGE_AUDIENCE_MAILING_LIST, "threshold_reached",
     NOTICE(BUDGET)},
    {MESSAGE_KIND_BUDGET_OVERRUN, MESSAGE_AUDIENCE_MAILING_LIST, "overrun", NOTICE(BUDGET)},
    {MESSAGE_KIND_SESSION_PLANNED, MESSAGE_AUDIENCE_MAILING_LIST, "session_planned",
     NOTICE(SESSION)},
    {MESSAGE_KIND_SESSION_COMPLETED, MESSAGE_AUDIENCE_MAILING_LIST, "session_completed",
     NOTICE(SESSION)},
    {MESSAGE_KIND_SESSION_CANCELLED, MESSAGE_AUDIENCE_MAILING_LIST, "session_cancelled",
     NOTICE(SESSION)},
    {MESSAGE_KIND_FUNDING_CALL, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_call", NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL, MESSAGE_AUDIENCE_MAILING_LIST, "funding_call_notice",
     NOTICE(FUNDING_CALL)},
    {MESSAGE_KIND_FUNDING_CALL_DECISION, MESSAGE_AUDIENCE_BILLING_CONTACT, "funding_decision",
     NOT_CHOSEN},
    {MESSAGE_KIND_FUNDING_CALL_DECISION, MESSAGE_AUDIENCE_MAILING_LIST, "funding_decision_notice",
     NOTICE(DECISION)},
    {MESSAGE_KIND_INVOICE, MESSAGE_AUDIENCE_BILLING_CONTACT, "invoice", NOT_CHOSEN},
    {MESSAGE_KIND_INVOICE, MESSAGE_AUDIENCE_MAILING_LIST, "invoice_notice", NOTICE(INVOICE)},
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
chooses(const Common__MailingListEntry *entry, Common__NoticeKind notice)
{
    for (size_t i = 0; i < entry->n_kinds; i++)
        if (entry->kinds[i] == notice)
            return true;
    return false;
}

enum mailing
mailing_of(const Common__MailingListEntry *entry, MessageKind kind)
{
    size_t i = find_kind(kind, MESSAGE_AUDIENCE_MAILING_LIST);

    if (i == sizeof kinds / sizeof *kinds)
        return MAILING_NOTHING;
    if (kinds[i].notice == NOTICE(INVOICE) && chooses(entry, NOTICE(INVOICE_PDF)))
        return MAILING_DOCUMENT;
    return entry->n_kinds == 0 || chooses(entry, kinds[i].notice) ? MAILING_NOTICE
                                                                  : MAILING_NOTHING;
}
