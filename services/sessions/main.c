/* SPDX-License-Identifier: Apache-2.0
 * The sessions service: training sessions, their trainings, the seals of projects. */
#include "service.h"
#include "sessions.rpc.h"

extern const struct migration sessions_migrations[];

int
main(int argc, char **argv)
{
    static const struct service sessions = {
        .rpc = &sessions_rpc,
        .migrations = sessions_migrations,
    };

    return service_main(&sessions, argc, argv);
}
