/* SPDX-License-Identifier: Apache-2.0
 * From what an event tells to rows of the queue, one per recipient. */
#include "mail_drafts.h"

#include "dates.h"
#include "mail_kinds.h"
#include "messages.h"
#include "notice_gathering.h"
#include "sql.h"
#include "uuid.h"
#include "words.h"

#include <assert.h>

SQL(get_contacts, Id, ProjectContacts,
    "select p.id as project_id, p.name as project_name, c.id as client_id, c.name as client_name, "
    "c.locale, c.billing_contact_name as contact_name, c.billing_contact_email as contact_email, "
    "p.mailing_list, p.budget_cents, p.consumed_cents "
    "from project p join client c on c.id = p.client_id where p.id = :id");

SQL(hold_client, Id, Id, "select id from client where id = :id for no key update");

SQL(insert_mail, StoredMail, Message,
    "insert into message (id, event_id, kind, audience, recipient, recipient_name, locale, "
    "object_id, project_id, client_id, link_id, document_id, words, message_id, status, due_at, "
    "gathered_kind, resends) "
    "values (:id::uuid, coalesce(:call.event_id, :id::uuid), :kind, :audience, :recipient, :recipient_name, :locale, "
    ":object_id, :project_id, :client_id, :link_id, :document_id, :words, "
    ":id::uuid || '@' || coalesce((select split_part(mail_from, '@', 2) from settings), "
    "'localhost.localdomain'), coalesce(:status, 'queued'), "
    "coalesce(:due_at, now() + coalesce(:wait_s::int, 0) * interval '1 second'), :gathered_kind, "
    ":resends) "
    "on conflict (event_id, kind, recipient) do nothing returning " MESSAGE_COLUMNS);

void
mail_draft(struct mail_draft *draft, struct call *call, MessageKind kind, const char *object_id,
           const char *locale)
{
    *draft = (struct mail_draft){.call = call};
    notifications__stored_mail__init(&draft->mail);
    SET(&draft->mail, kind, kind);
    draft->mail.object_id = (char *)object_id;
    draft->mail.locale = (char *)locale;
    draft->mail.words = draft->words;
}

enum rpc_status
project_contacts(struct call *call, ProjectContacts **contacts)
{
    Id id = COMMON__ID__INIT;

    id.id = call->event->project;
    *contacts = NEW(call, ProjectContacts);
    return sql_one(call, &get_contacts, &id, *contacts);
}

enum rpc_status
mail_draft_project(struct call *call, MessageKind kind, const char *object_id,
                   struct mail_draft *draft)
{
    ProjectContacts *contacts;

    TRY(project_contacts(call, &contacts));
    mail_draft(draft, call, kind, object_id, contacts->locale);
    draft->contacts = contacts;
    draft->mail.project_id = contacts->project_id;
    draft->mail.client_id = contacts->client_id;
    mail_say(draft, "project", contacts->project_name);
    mail_say(draft, "client", contacts->client_name);
    return RPC_OK;
}

void
mail_draft_user(struct call *call, MessageKind kind, const Accounts__User *user,
                struct mail_draft *draft)
{
    mail_draft(draft, call, kind, user->id, "fr");
    mail_say(draft, "name", user->first_name);
}

void
mail_say(struct mail_draft *draft, const char *name, const char *text)
{
    MailWord *word = NEW(draft->call, MailWord);

    assert(draft->mail.n_words < MAIL_PLACEHOLDERS_MAX);
    word->name = (char *)name;
    word->text = (char *)(text == NULL ? "" : text);
    draft->words[draft->mail.n_words++] = word;
}

void
mail_say_money(struct mail_draft *draft, const char *name, int64_t cents)
{
    mail_say(draft, name, money_text(draft->call->arena, cents, draft->mail.locale));
}

void
mail_say_date(struct mail_draft *draft, const char *name, const char *date)
{
    mail_say(draft, name,
             date == NULL ? NULL : date_text(draft->call->arena, date, draft->mail.locale));
}

void
mail_say_day(struct mail_draft *draft, const char *name, const char *instant)
{
    char day[11];

    mail_say_date(draft, name, instant != NULL && date_of_instant(instant, day) ? day : NULL);
}

enum rpc_status
mail_hold_client(struct call *call, const char *client_id)
{
    Id client = COMMON__ID__INIT;
    bool found;

    if (client_id == NULL)
        return RPC_OK;
    client.id = (char *)client_id;
    return sql_maybe(call, &hold_client, &client, NEW(call, Id), &found);
}

enum rpc_status
mail_queue(struct call *call, StoredMail *mail, Message *message)
{
    char id[37];
    bool first;

    uuid_new(id);
    mail->id = id;
    TRY(sql_maybe(call, &insert_mail, mail, message, &first));
    mail->id = NULL;
    if (!first)
        return RPC_OK;
    call_wake_jobs(call);
    return emit_message_queued(call, message);
}

static enum rpc_status
queue_mail(struct mail_draft *draft, MessageAudience audience, const char *recipient,
           const char *name)
{
    struct call *call = draft->call;

    SET(&draft->mail, audience, audience);
    draft->mail.recipient = (char *)recipient;
    draft->mail.recipient_name = (char *)name;
    if (audience == MESSAGE_AUDIENCE_MAILING_LIST)
        TRY(notice_hold(call, &draft->mail));
    return mail_queue(call, &draft->mail, NEW(call, Message));
}

enum rpc_status
mail_to_user(struct mail_draft *draft, const Accounts__User *user, const char *link_id)
{
    if (user->email == NULL)
        return RPC_OK;
    draft->mail.link_id = (char *)link_id;
    return queue_mail(draft, MESSAGE_AUDIENCE_USER, user->email,
                      arena_printf(draft->call->arena, "%s %s", user->first_name, user->last_name));
}

enum rpc_status
mail_to_contact(struct mail_draft *draft, const char *link_id, const char *document_id)
{
    const ProjectContacts *contacts = draft->contacts;
    struct mail_draft own = *draft;

    if (contacts->contact_email == NULL)
        return RPC_OK;
    own.mail.words = own.words;
    own.mail.link_id = (char *)link_id;
    own.mail.document_id = (char *)document_id;
    mail_say(&own, "contact", contacts->contact_name);
    return queue_mail(&own, MESSAGE_AUDIENCE_BILLING_CONTACT, contacts->contact_email,
                      contacts->contact_name);
}

enum rpc_status
mail_to_list(struct mail_draft *draft, const char *document_id)
{
    const ProjectContacts *contacts = draft->contacts;

    for (size_t i = 0; i < contacts->n_mailing_list; i++) {
        const MailingListEntry *entry = contacts->mailing_list[i];
        enum mailing mailing = mailing_of(entry, draft->mail.kind);

        if (mailing == MAILING_NOTHING)
            continue;
        draft->mail.document_id = (char *)(mailing == MAILING_DOCUMENT ? document_id : NULL);
        TRY(queue_mail(draft, MESSAGE_AUDIENCE_MAILING_LIST, entry->email, entry->name));
    }
    return RPC_OK;
}
