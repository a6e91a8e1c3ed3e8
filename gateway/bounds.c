/* SPDX-License-Identifier: Apache-2.0
 * How much the gateway takes on at once. It must not know what a request is about. */
#include "bounds.h"

#include <assert.h>
#include <sys/resource.h>

enum { DESCRIPTORS_RESERVED = 64, DESCRIPTORS_MIN = 128 };

bool
bounds_enter(struct bounds *bounds)
{
    if (bounds->in_flight >= REQUESTS_IN_FLIGHT_MAX)
        return false;
    bounds->in_flight++;
    return true;
}

void
bounds_leave(struct bounds *bounds)
{
    assert(bounds->in_flight > 0);
    bounds->in_flight--;
}

unsigned
bounds_connections(void)
{
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0)
        return CONNECTIONS_MAX / 4;
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    (void)getrlimit(RLIMIT_NOFILE, &descriptors);
    if (descriptors.rlim_cur >= CONNECTIONS_MAX + DESCRIPTORS_RESERVED)
        return CONNECTIONS_MAX;
    if (descriptors.rlim_cur <= DESCRIPTORS_MIN)
        return DESCRIPTORS_RESERVED;
    return (unsigned)descriptors.rlim_cur - DESCRIPTORS_RESERVED;
}
