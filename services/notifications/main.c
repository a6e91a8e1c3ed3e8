/* SPDX-License-Identifier: Apache-2.0
 * The notifications service: mails, alerts, the history of projects, the dashboard. */
#include "db.h"
#include "mail_queue.h"
#include "mail_sending.h"
#include "messages.h"
#include "notice_gathering.h"
#include "notifications.rpc.h"
#include "ops_watch.h"
#include "service.h"

extern const struct migration notifications_migrations[];

static const struct db_statement check_mails = {
    .name = "check_mails",
    .text =
        "select 'mails', case status when 'paused' then 'no mail is sent until an administrator "
        "releases the queue (/v1/ops/mail-queue): ' || reason end from mail_queue",
};
DB_PROVED(check_mails);

static const struct db_statement count_mails = {
    .name = "count_mails",
    .text = "select 'mails', count(*) from message where status = 'queued'",
};
DB_PROVED(count_mails);

int
main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"send_mail", mail_send_one, MAIL_SENDING_PERIOD_MS, JOB_WOKEN},
        {"watch_services", ops_watch_next, OPS_WATCH_PERIOD_MS, JOB_TIMED},
        {"gather_notices", notices_gather, NOTICE_GATHERING_PERIOD_MS, JOB_TIMED},
        {"forget_messages", messages_forget, MESSAGES_PERIOD_MS, JOB_TIMED},
        {.name = NULL},
    };
    static const struct service notifications = {
        .rpc = &notifications_rpc,
        .migrations = notifications_migrations,
        .queues = &count_mails,
        .checks = &check_mails,
        .restored = mail_queue_restored,
        .jobs = jobs,
        .jobs_children = 3, /* a mail may take its time (mail_sending.c) */
    };

    return service_main(&notifications, argc, argv);
}
