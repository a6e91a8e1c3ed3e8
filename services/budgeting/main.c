/* SPDX-License-Identifier: Apache-2.0
 * The budgeting service: envelopes, projects and the ledger that holds every euro of them. */
#include "budgeting.rpc.h"
#include "closings.h"
#include "service.h"

extern const struct migration budgeting_migrations[];

int
main(int argc, char **argv)
{
    static const struct service budgeting = {
        .rpc = &budgeting_rpc,
        .migrations = budgeting_migrations,
        .jobs = closing_jobs,
        .prompt = true,
    };

    return service_main(&budgeting, argc, argv);
}
