/* SPDX-License-Identifier: Apache-2.0
 * The queue of mails as a whole: paused, nothing is claimed; what is handed over at that moment goes. */
#include "mail_queue.h"

#include "alerts.h"
#include "messages.h"
#include "notifications.rpc.h"
#include "sql.h"
#include "states.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_COLUMNS "id, status, reason, created_at, updated_at, version"

enum { MESSAGE_ID_BYTES_MAX = 1000 /* a line of RFC 5322 holds 998 */ };

SQL(get_queue, GetMailQueueRequest, MailQueue,
    "select " QUEUE_COLUMNS ", (select count(*) from message where status = 'queued') as waiting "
    "from mail_queue");

SQL(pause_queue, PauseMailQueueRequest, MailQueue,
    "update mail_queue set status = :call.to, reason = :reason, updated_at = now(), "
    "version = version + 1 where :guard(status) returning " QUEUE_COLUMNS);

SQL(release_queue, ReleaseMailQueueRequest, MailQueue,
    "update mail_queue set status = :call.to, reason = null, updated_at = now(), "
    "version = version + 1 where :guard(status) returning " QUEUE_COLUMNS);

SQL(hold_queue, PauseMailQueueRequest, MailQueue,
    "update mail_queue set status = 'paused', reason = :reason, updated_at = now(), "
    "version = version + 1 returning " QUEUE_COLUMNS);

/* When it went out is not known any more. */
SQL(note_gone_out, MailGoneOut, Message,
    "update message set status = 'sent', sent_at = now(), updated_at = now(), "
    "version = version + 1 where message_id = :message_id and status in ('queued', 'held') "
    "returning " MESSAGE_COLUMNS);

enum rpc_status
notifications_get_mail_queue(struct call *call, const GetMailQueueRequest *request,
                             MailQueue *reply)
{
    return sql_one(call, &get_queue, request, reply);
}

static enum rpc_status
tell_paused(struct call *call, const MailQueue *queue)
{
    TRY(emit_mail_queue_paused(call, queue));
    return alert_mails_paused(call, queue);
}

enum rpc_status
notifications_pause_mail_queue(struct call *call, const PauseMailQueueRequest *request,
                               MailQueue *reply)
{
    GetMailQueueRequest nothing = NOTIFICATIONS__GET_MAIL_QUEUE_REQUEST__INIT;
    MailQueue *queue = NEW(call, MailQueue);

    TRY(sql_one(call, &pause_queue, request, queue));
    TRY(tell_paused(call, queue));
    return sql_one(call, &get_queue, &nothing, reply);
}

enum rpc_status
notifications_release_mail_queue(struct call *call, const ReleaseMailQueueRequest *request,
                                 MailQueue *reply)
{
    GetMailQueueRequest nothing = NOTIFICATIONS__GET_MAIL_QUEUE_REQUEST__INIT;
    MailQueue *queue = NEW(call, MailQueue);

    TRY(sql_one(call, &release_queue, request, queue));
    call_wake_jobs(call);
    TRY(emit_mail_queue_released(call, queue));
    return sql_one(call, &get_queue, &nothing, reply);
}

/* ---- after a restore */

static enum rpc_status
note_gone(struct call *call, const char *message_id)
{
    MailGoneOut gone = NOTIFICATIONS__MAIL_GONE_OUT__INIT;
    Message *message = NEW(call, Message);
    bool waited;

    gone.message_id = (char *)message_id;
    TRY(sql_maybe(call, &note_gone_out, &gone, message, &waited));
    return waited ? emit_message_sent(call, message) : RPC_OK;
}

static void
close_file(void *file)
{
    fclose(file);
}

static enum rpc_status
note_all_gone(struct call *call, const char *path)
{
    char line[MESSAGE_ID_BYTES_MAX];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return call_fail(call, RPC_INVALID, NULL, "%s can't be read", path);
    arena_defer(call->arena, close_file, file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        TRY(note_gone(call, line));
    }
    return ferror(file) ? call_fail(call, RPC_INVALID, NULL, "%s can't be read", path) : RPC_OK;
}

enum rpc_status
mail_queue_restored(struct call *call, const struct restored *restored,
                    Ops__DatabaseRestored *event)
{
    PauseMailQueueRequest pause = NOTIFICATIONS__PAUSE_MAIL_QUEUE_REQUEST__INIT;
    MailQueue *queue = NEW(call, MailQueue);

    (void)event;
    job_enter(call, "hold_mails");
    pause.reason = (char *)"The database was restored: what waits may have been sent before.";
    TRY(sql_one(call, &hold_queue, &pause, queue));
    TRY(tell_paused(call, queue));
    return restored->mails == NULL ? RPC_OK : note_all_gone(call, restored->mails);
}
