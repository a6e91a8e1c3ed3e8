/* SPDX-License-Identifier: Apache-2.0
 * The accounts service: clients, users, access tokens, settings and the audit log. */
#include "accounts.rpc.h"
#include "audit.h"
#include "bootstrap.h"
#include "service.h"

extern const struct migration accounts_migrations[];

int
main(int argc, char **argv)
{
    static const struct service accounts = {
        .rpc = &accounts_rpc,
        .migrations = accounts_migrations,
        .jobs = audit_jobs,
        .slow_worker = true,
        .audit = audit_record,
        .command = bootstrap_command,
    };

    return service_main(&accounts, argc, argv);
}
