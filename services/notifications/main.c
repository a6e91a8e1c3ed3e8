/* SPDX-License-Identifier: Apache-2.0
 * The notifications service: mails, alerts, the history of projects, the dashboard. */
#include "mail_sending.h"
#include "messages.h"
#include "notice_gathering.h"
#include "notifications.rpc.h"
#include "service.h"

extern const struct migration notifications_migrations[];

int
main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"send_mail", mail_send_one, MAIL_SENDING_PERIOD_MS},
        {"gather_notices", notices_gather, NOTICE_GATHERING_PERIOD_MS},
        {"forget_messages", messages_forget, MESSAGES_PERIOD_MS},
        {.name = NULL},
    };
    static const struct service notifications = {
        .rpc = &notifications_rpc,
        .migrations = notifications_migrations,
        .jobs = jobs,
    };

    return service_main(&notifications, argc, argv);
}
