/* SPDX-License-Identifier: Apache-2.0
 * The notifications service: mails, alerts and the history of projects. */
#include "mail_sending.h"
#include "notifications.rpc.h"
#include "service.h"

extern const struct migration notifications_migrations[];

int
main(int argc, char **argv)
{
    static const struct service notifications = {
        .rpc = &notifications_rpc,
        .migrations = notifications_migrations,
        .jobs = mail_jobs,
    };

    return service_main(&notifications, argc, argv);
}
