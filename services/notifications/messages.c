/* SPDX-License-Identifier: Apache-2.0
 * The archive of messages (NOT-3); security mails are shown to administrators only. */
#include "messages.h"

#include "mail_drafts.h"
#include "notifications.rpc.h"
#include "service.h"
#include "sql.h"
#include "states.h"

#define MESSAGE_IS_FOR_CALLER                                                                      \
    "(kind not in ('invitation', 'password_reset') or :call.caller_role = 'admin')"

SQL(list_messages, ListMessagesRequest, ListMessagesReply,
    "select " MESSAGE_COLUMNS " from message where " MESSAGE_IS_FOR_CALLER
    " and (lower(recipient) = lower(:recipient) or :recipient is null) "
    ":filter(kind, status, project_id) :search(search_text, recipient) "
    ":between(created_day, from, to) :page");

SQL(get_message, GetMessageRequest, Message,
    "select " MESSAGE_COLUMNS " from message where id = :id and " MESSAGE_IS_FOR_CALLER);

SQL(get_source, GetMessageRequest, MessageSource,
    "select content, sha256, id || '.eml' as file_name from message_source where id = :id");

/* Accounts and funding decide when it is sent; this spares a message that would be cancelled. */
SQL(get_stored, GetMessageRequest, StoredMail,
    "select id as resends, kind, audience, recipient, recipient_name, locale, object_id, "
    "project_id, client_id, link_id, document_id, words, link_id is not null and coalesce("
    "(select f.status <> 'sent' or f.expires_at <= now() from funding_call f where f.id = link_id), "
    "link_expires_at <= now(), false) as link_over from message where id = :id");

/* NOT-4: five years. */
SQL(forget_messages, Empty, Empty,
    "with over as (select id from message where created_at <= now() - interval '5 years' limit 200), "
    "sources as (delete from message_source where id in (select id from over)) "
    "delete from message where id in (select id from over)");

enum rpc_status
notifications_list_messages(struct call *call, const ListMessagesRequest *request,
                            ListMessagesReply *reply)
{
    return sql_page(call, &list_messages, request, reply);
}

enum rpc_status
notifications_get_message(struct call *call, const GetMessageRequest *request, Message *reply)
{
    return sql_one(call, &get_message, request, reply);
}

enum rpc_status
notifications_get_message_source(struct call *call, const GetMessageRequest *request,
                                 MessageSource *reply)
{
    bool written;

    TRY(sql_one(call, &get_message, request, NEW(call, Message)));
    TRY(sql_maybe(call, &get_source, request, reply, &written));
    if (!written)
        return call_fail_code(
            call, RPC_CONFLICT, "not_ready", NULL,
            "the message is not written yet, or was never sent; look at its status");
    return RPC_OK;
}

enum rpc_status
notifications_resend_message(struct call *call, const GetMessageRequest *request, Message *reply)
{
    Message *message = NEW(call, Message);
    StoredMail *mail = NEW(call, StoredMail);

    TRY(sql_one(call, &get_message, request, message));
    TRY(state_check(call, &message->base));
    TRY(mail_hold_client(call, message->client_id));
    TRY(sql_one(call, &get_stored, request, mail));
    if (mail->link_over)
        return call_fail(call, RPC_CONFLICT, NULL,
                         "its link was used or has expired; send a new one from where it came");
    if (mail->recipient == NULL || mail->n_words == 0)
        return call_fail(call, RPC_CONFLICT, NULL,
                         "what it said was erased with its client; it can't be sent again");
    return mail_queue(call, mail, reply);
}

static enum rpc_status
forget(struct call *call, void *state)
{
    return sql_run(call, &forget_messages, NEW(call, Empty), state);
}

bool
messages_forget(struct call *call)
{
    long forgotten = 0;

    return job_transaction(call, forget, &forgotten) == RPC_OK && forgotten > 0;
}
