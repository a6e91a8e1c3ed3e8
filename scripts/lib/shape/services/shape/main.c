/* SPDX-License-Identifier: Apache-2.0
 * The shape service: things. */
#include "service.h"
#include "shape.rpc.h"

extern const struct migration shape_migrations[];

int
main(int argc, char **argv)
{
    static const struct service shape = {
        .rpc = &shape_rpc,
        .migrations = shape_migrations,
    };

    return service_main(&shape, argc, argv);
}
