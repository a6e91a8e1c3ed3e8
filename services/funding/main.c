/* SPDX-License-Identifier: Apache-2.0
 * The funding service: funding calls and their reviews by clients. */
#include "deadlines.h"
#include "funding.rpc.h"
#include "service.h"

extern const struct migration funding_migrations[];

int
main(int argc, char **argv)
{
    static const struct service funding = {
        .rpc = &funding_rpc,
        .migrations = funding_migrations,
        .jobs = deadline_jobs,
    };

    return service_main(&funding, argc, argv);
}
