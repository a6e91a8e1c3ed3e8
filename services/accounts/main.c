/* SPDX-License-Identifier: Apache-2.0
 * The accounts service: clients, users, access tokens, settings and the audit log. */
#include "access_restored.h"
#include "accounts.rpc.h"
#include "audit.h"
#include "bootstrap.h"
#include "expiry.h"
#include "service.h"

extern const struct migration accounts_migrations[];

int
main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"keep_audit_head", audit_keep_moved_head, AUDIT_HEAD_PERIOD_MS, JOB_TIMED},
        {"forget_expired", expiry_forget, EXPIRY_PERIOD_MS, JOB_TIMED},
        {.name = NULL},
    };
    static const struct service accounts = {
        .rpc = &accounts_rpc,
        .migrations = accounts_migrations,
        .jobs = jobs,
        .slow_worker = true,
        .audit = audit_record,
        .restored = access_restored,
        .command = bootstrap_command,
        .command_help =
            "  --bootstrap-admin EMAIL --password-file FILE  opens the first administrator's account, and ends\n",
    };

    return service_main(&accounts, argc, argv);
}
