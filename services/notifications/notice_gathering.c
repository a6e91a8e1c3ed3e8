/* SPDX-License-Identifier: Apache-2.0
 * Holds notices to mailing lists that come thick, and joins them into one mail (NOT-1). Rows hold all of it, so
 * that a crash at any moment neither loses a notice nor tells it twice. */
#include "notice_gathering.h"

#include "log.h"
#include "mail_assembly.h"
#include "mail_drafts.h"
#include "mail_kinds.h"
#include "mails.h"
#include "messages.h"
#include "service.h"
#include "sql.h"
#include "words.h"

#include <string.h>

/* Joins the notices that are held already, or starts to hold after three. */
SQL(find_hold, StoredMail, StoredMail,
    "select coalesce((select min(due_at) from message where status = 'held' and due_at > now() "
    "and client_id = :client_id and lower(recipient) = lower(:recipient) "
    "and gathered_kind = :gathered_kind), "
    "case when (select count(*) from (select from message where client_id = :client_id "
    "and lower(recipient) = lower(:recipient) and gathered_kind = :gathered_kind "
    "and created_at > now() - interval '10 minutes' limit 3) recent) >= 3 "
    "then now() + interval '10 minutes' end) as due_at");

SQL(find_batch, Empty, StoredMail,
    "select client_id, recipient, gathered_kind from message "
    "where status = 'held' and due_at <= now() order by due_at limit 1");

SQL(list_batch, StoredMail, StoredMail,
    "select id, kind, audience, recipient, recipient_name, locale, project_id, client_id, words, "
    "gathered_kind from message where status = 'held' and client_id = :client_id "
    "and lower(recipient) = lower(:recipient) and gathered_kind = :gathered_kind "
    "order by id limit 100 for update");

SQL(release_notice, StoredMail, Empty,
    "update message set status = 'queued', due_at = now(), updated_at = now(), "
    "version = version + 1 where id = :id");

SQL(close_notice, StoredMail, Message,
    "update message set status = 'gathered', gathered_in = :gathered_in, updated_at = now(), "
    "version = version + 1 where id = :id returning " MESSAGE_COLUMNS);

enum rpc_status
notice_hold(struct call *call, StoredMail *notice)
{
    MessageKind gathered_kind = mail_gathered_as(notice->kind);
    StoredMail *hold = NEW(call, StoredMail);

    notice->has_status = 0;
    notice->due_at = NULL;
    if (gathered_kind == MAIL_NEVER_GATHERED)
        return RPC_OK;
    SET(notice, gathered_kind, gathered_kind);
    TRY(sql_one(call, &find_hold, notice, hold));
    if (hold->due_at == NULL)
        return RPC_OK;
    SET(notice, status, MESSAGE_STATUS_HELD);
    notice->due_at = hold->due_at;
    return RPC_OK;
}

/* ---- joining */

static bool
add_digest(struct call *call, struct buffer *notices, const StoredMail *notice)
{
    const char *digest =
        mail_digest(call->arena, mail_template_of(notice->kind, notice->audience), notice->locale,
                    mail_values(call->arena, notice), notice->n_words);

    if (digest == NULL)
        log_error("notice %s can't be written: it lacks a word", notice->id);
    else
        buffer_printf(notices, "%s%s", notices->length == 0 ? "" : "\n\n", digest);
    return digest != NULL;
}

static const char *
shared_project(StoredMail *const *notices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(notices[i]->project_id, notices[0]->project_id) != 0)
            return NULL;
    return notices[0]->project_id;
}

static void
address_mail(struct mail_draft *draft, StoredMail *const *notices, size_t count)
{
    StoredMail *mail = &draft->mail;
    const StoredMail *last = notices[count - 1];

    mail->recipient = last->recipient;
    mail->recipient_name = last->recipient_name;
    mail->client_id = last->client_id;
    mail->project_id = (char *)shared_project(notices, count);
    mail->object_id = mail->project_id == NULL ? mail->client_id : mail->project_id;
    SET(mail, audience, MESSAGE_AUDIENCE_MAILING_LIST);
}

static enum rpc_status
join(struct call *call, StoredMail *const *notices, size_t count)
{
    struct mail_draft draft;
    struct buffer text;
    Message *message = NEW(call, Message);

    buffer_init(&text, call->arena);
    for (size_t i = 0; i < count; i++)
        if (!add_digest(call, &text, notices[i]))
            return RPC_INTERNAL;
    mail_draft(&draft, call, notices[0]->gathered_kind, NULL, notices[0]->locale);
    address_mail(&draft, notices, count);
    mail_say(&draft, "count", number_text(call->arena, (int64_t)count, draft.mail.locale));
    mail_say(&draft, "notices", text.bytes);
    TRY(mail_queue(call, &draft.mail, message));
    for (size_t i = 0; i < count; i++) {
        Message *closed = NEW(call, Message);

        notices[i]->gathered_in = message->id;
        TRY(sql_one(call, &close_notice, notices[i], closed));
        TRY(emit_message_gathered(call, closed));
    }
    return RPC_OK;
}

static enum rpc_status
gather(struct call *call, void *state)
{
    StoredMail *batch = NEW(call, StoredMail), **notices;
    bool *found = state;
    size_t count;

    TRY(sql_maybe(call, &find_batch, NEW(call, Empty), batch, found));
    if (!*found)
        return RPC_OK;
    TRY(mail_hold_client(call, batch->client_id));
    TRY(sql_rows(call, &list_batch, batch, &notices, &count));
    if (count == 0) /* another process has just joined them, or their client is archived */
        return RPC_OK;
    /* A notice that stayed alone is told as itself. */
    return count == 1 ? sql_run(call, &release_notice, notices[0], NULL)
                      : join(call, notices, count);
}

bool
notices_gather(struct call *call)
{
    bool found = false;

    return job_transaction(call, gather, &found) == RPC_OK && found;
}
