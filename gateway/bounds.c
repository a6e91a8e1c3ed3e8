/* SPDX-License-Identifier: Apache-2.0
 * How much the gateway takes on at once. It must not know what a request is about. */
#include "bounds.h"

#include <assert.h>
#include <string.h>
#include <sys/resource.h>

enum { DESCRIPTORS_RESERVED = 64, DESCRIPTORS_MIN = 128 };

#define NAME(service) service,

static const char *const services[SERVICES_COUNT] = {EACH_SERVICE(NAME)};

int
bounds_lane(const char *service, enum rpc_lane lane)
{
    for (int i = 0; service != NULL && i < SERVICES_COUNT; i++)
        if (strcmp(services[i], service) == 0)
            return i * LANES_COUNT + (int)lane;
    return LANE_NONE;
}

enum admission
bounds_enter(struct bounds *bounds, struct origin *origin, int lane)
{
    if (origin->in_flight >= REQUESTS_PER_ADDRESS_MAX)
        return ADDRESS_BUSY;
    if (lane != LANE_NONE && bounds->lanes[lane] >= REQUESTS_PER_LANE_MAX)
        return LANE_BUSY;
    if (bounds->in_flight >= REQUESTS_IN_FLIGHT_MAX)
        return GATEWAY_BUSY;
    origin->in_flight++;
    bounds->in_flight++;
    if (lane != LANE_NONE)
        bounds->lanes[lane]++;
    return ADMITTED;
}

void
bounds_leave(struct bounds *bounds, struct origin *origin, int lane)
{
    assert(bounds->in_flight > 0 && origin->in_flight > 0);
    bounds->in_flight--;
    origin->in_flight--;
    if (lane != LANE_NONE)
        bounds->lanes[lane]--;
}

bool
bounds_hold(struct bounds *bounds, size_t bytes)
{
    if (bytes > BODIES_BYTES_MAX - bounds->body_bytes)
        return false;
    bounds->body_bytes += bytes;
    return true;
}

void
bounds_release(struct bounds *bounds, size_t bytes)
{
    assert(bounds->body_bytes >= bytes);
    bounds->body_bytes -= bytes;
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
