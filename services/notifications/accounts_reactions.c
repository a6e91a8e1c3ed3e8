/* SPDX-License-Identifier: Apache-2.0
 * What accounts' events make: security mails, and the erasure of an archived client. */
#include "alerts.h"
#include "mail_drafts.h"
#include "messages.h"
#include "sql.h"

/* What was never sent loses its words with its addresses; what was sent stays archived (NOT-4). */
SQL(cancel_mails, Id, Message,
    "update message set status = case when status in ('queued', 'held') then 'cancelled' else status end, "
    "last_error = 'its client was archived', recipient = null, recipient_name = null, "
    "words = '[]', subject = null, search_text = null, updated_at = now(), version = version + 1 "
    "where client_id = :id and status <> 'sent' and recipient is not null "
    "returning " MESSAGE_COLUMNS);

/* The archive keeps what was sent; only sending it again needs its words. */
SQL(forget_words, Id, Empty,
    "update message set words = '[]' where client_id = :id and status = 'sent'");

SQL(delete_sources, Id, Empty,
    "delete from message_source s using message m "
    "where m.id = s.id and m.client_id = :id and m.status <> 'sent'");

SQL(end_links, Id, Empty,
    "update message set link_expires_at = least(link_expires_at, now()) "
    "where object_id = :id and audience = 'user' and link_id is not null");

SQL(erase_mailing_lists, Id, Empty,
    "update project set mailing_list = '[]' where client_id = :id");

enum rpc_status
notifications_on_user_invited(struct call *call, const Accounts__UserInvited *event)
{
    struct mail_draft draft;

    mail_draft_user(call, MESSAGE_KIND_INVITATION, event->user, &draft);
    return mail_to_user(&draft, event->user, event->link_id);
}

enum rpc_status
notifications_on_password_reset_requested(struct call *call,
                                          const Accounts__PasswordResetRequested *event)
{
    struct mail_draft draft;

    mail_draft_user(call, MESSAGE_KIND_PASSWORD_RESET, event->user, &draft);
    return mail_to_user(&draft, event->user, event->link_id);
}

static enum rpc_status
end_user_links(struct call *call, const char *user_id)
{
    Id user = COMMON__ID__INIT;

    user.id = (char *)user_id;
    return sql_run(call, &end_links, &user, NULL);
}

enum rpc_status
notifications_on_password_changed(struct call *call, const Accounts__PasswordChanged *event)
{
    return end_user_links(call, event->user_id);
}

enum rpc_status
notifications_on_user_disabled(struct call *call, const Accounts__UserDisabled *event)
{
    return end_user_links(call, event->user->id);
}

static enum rpc_status
cancel_client_mails(struct call *call, const Id *client)
{
    Message **cancelled;
    size_t count;

    TRY(sql_rows(call, &cancel_mails, client, &cancelled, &count));
    for (size_t i = 0; i < count; i++)
        if (cancelled[i]->status == MESSAGE_STATUS_CANCELLED)
            TRY(emit_message_cancelled(call, cancelled[i]));
    TRY(sql_run(call, &forget_words, client, NULL));
    return sql_run(call, &delete_sources, client, NULL);
}

enum rpc_status
notifications_on_client_archived(struct call *call, const Accounts__ClientArchived *event)
{
    Id client = COMMON__ID__INIT;

    client.id = event->client->id;
    TRY(cancel_client_mails(call, &client));
    return sql_run(call, &erase_mailing_lists, &client, NULL);
}
