/* SPDX-License-Identifier: Apache-2.0
 * Mails being queued by reactions, in the transaction of the event that they tell of. */
#ifndef ESCARCELLE_MAIL_DRAFTS_H
#define ESCARCELLE_MAIL_DRAFTS_H

#include "mails.h"
#include "notifications.rpc.h"

/* What one event tells, in one language; then queued once per recipient. */
struct mail_draft {
    struct call *call;
    ProjectContacts *contacts; /* NULL for mails to users */
    StoredMail mail;
    MailWord *words[MAIL_PLACEHOLDERS_MAX];
};

/* A mail of which nothing is said yet. */
void mail_draft(struct mail_draft *draft, struct call *call, MessageKind kind,
                const char *object_id, const char *locale);
/* Who is told of the project of the event being handled, and how mails speak of it. */
enum rpc_status project_contacts(struct call *call, ProjectContacts **contacts) RPC_CHECKED;
/* A mail about a project's matter, in the client's language; "project" and "client" are said. */
enum rpc_status mail_draft_project(struct call *call, MessageKind kind, const char *object_id,
                                   struct mail_draft *draft) RPC_CHECKED;
/* A mail to a user of ours, in French; "name" is said. */
void mail_draft_user(struct call *call, MessageKind kind, const Accounts__User *user,
                     struct mail_draft *draft);

/* Say the value of a placeholder (mails.h); NULL is empty. */
void mail_say(struct mail_draft *draft, const char *name, const char *text);
void mail_say_money(struct mail_draft *draft, const char *name, int64_t cents);
void mail_say_date(struct mail_draft *draft, const char *name, const char *date);
/* The Paris day of an instant. */
void mail_say_day(struct mail_draft *draft, const char *name, const char *instant);

/* Queue the draft; who has it for this event already gets no second one. With the secret link of
 * link_id and the PDF of document_id, unless NULL. A client without contact gets none. */
enum rpc_status mail_to_user(struct mail_draft *draft, const Accounts__User *user,
                             const char *link_id) RPC_CHECKED;
enum rpc_status mail_to_contact(struct mail_draft *draft, const char *link_id,
                                const char *document_id) RPC_CHECKED;
/* document_id: for the entries that ask for it. */
enum rpc_status mail_to_list(struct mail_draft *draft, const char *document_id) RPC_CHECKED;
/* Before mails of a client (NULL: none) are read to queue others from them, outside its events: what is queued is
 * there when its archiving cancels all, or what it has erased is seen to be gone. */
enum rpc_status mail_hold_client(struct call *call, const char *client_id) RPC_CHECKED;
/* Queues a mail as it is, under an id of its own; *message stays empty when its recipient has it for
 * this event already. */
enum rpc_status mail_queue(struct call *call, StoredMail *mail, Message *message) RPC_CHECKED;

#endif
