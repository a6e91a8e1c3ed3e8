/* SPDX-License-Identifier: Apache-2.0
 * Every limit of the gateway has its name here; the requests under way are counted here too: in all, for
 * each lane of each service, for each address. A service that hangs, or an address that floods us, leaves
 * room for the others. */
#ifndef ESCARCELLE_GATEWAY_BOUNDS_H
#define ESCARCELLE_GATEWAY_BOUNDS_H

#include "rpc.h"
#include "services.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONNECTIONS_MAX = 2048,
    CONNECTIONS_PER_ADDRESS_MAX = 512,
    GREETINGS_MAX = 256, /* connections that have not sent a request yet */
    REQUESTS_IN_FLIGHT_MAX = 1024,
    REQUESTS_PER_LANE_MAX = 256,
    REQUESTS_PER_ADDRESS_MAX = 256,
    BODY_FREE_BYTES = 16 << 10, /* of each body; what is beyond is counted */
    BODIES_BYTES_MAX = 32 << 20,
    QUESTIONS_MAX = 4096,             /* to services: requests, token checks, health */
    CONNECTION_BUFFER_BYTES = 32768,  /* request line and headers must fit */
    BODY_DISCARD_BYTES_MAX = 8 << 20, /* of a refused body, read so that the refusal arrives */
    ARENAS_SPARE_MAX = 64,
    ARENA_SPARE_BYTES_MAX = 256 << 10, /* a spare arena that grew beyond is given back */
    REPLIES_PER_TURN_MAX = 256,
    PUBLICATIONS_PER_TURN_MAX = 256,

    CONNECTION_IDLE_S = 75,  /* longer than the usual 60 s of load balancers */
    GREETING_MS_MAX = 10000, /* from accept to the first complete header */
    HEADER_MS_MAX = 90000,   /* from one reply to the next complete header */
    BODY_MS_MAX = 60000,
    REPLY_MS_MAX = 300000,
    DEADLINE_GRACE_MS = 200, /* for the broker's own "unavailable" to come first */

    TOKEN_CHECK_MS_MAX = 5000, /* a restart of accounts, or of the only broker, is over by then */
    TOKEN_CACHE_MS = 1000,
    TOKENS_CACHED_MAX = 1024,
    TOKEN_BYTES_MAX = 512,

    HEALTH_PERIOD_MS = 1000,
    HEALTH_PERIOD_UNREADY_MS = 500,
    HEALTH_FRESH_MS = 3500,

    ORIGINS_MAX = 100,
    ORIGIN_BYTES_MAX = 256,

    BROKER_WAIT_MS_MAX = 1000, /* before the first connection is accepted */
    BROKER_POLL_MS = 5,
    DRAIN_NOTICE_MS = 300, /* unready but still accepting */
    DRAIN_MS_MAX = 8500,   /* the parent kills after 10 s */
    LOOP_MS_MAX = 1000,
    SPIN_TURNS_MAX = 20,
    SPIN_PAUSE_MS = 2
};

enum { ORIGIN_BYTES = 8, LANES_COUNT = 3, LANE_NONE = -1 };

/* An IPv4 address, or an IPv6 network of 64 bits. */
struct origin {
    struct origin *next;
    uint8_t key[ORIGIN_BYTES];
    size_t connections, in_flight;
};

struct bounds {
    size_t in_flight, body_bytes, lanes[SERVICES_COUNT * LANES_COUNT];
};

enum admission { ADMITTED, ADDRESS_BUSY, LANE_BUSY, GATEWAY_BUSY };

/* The number of a service's lane; LANE_NONE for no service. */
int bounds_lane(const char *service, enum rpc_lane lane);
/* Counts one more request unless there are too many. */
enum admission bounds_enter(struct bounds *bounds, struct origin *origin, int lane);
/* Ends what bounds_enter counted. */
void bounds_leave(struct bounds *bounds, struct origin *origin, int lane);
/* Counts bytes that are to be held; false when there are too many. */
bool bounds_hold(struct bounds *bounds, size_t bytes);
/* Ends what bounds_hold counted. */
void bounds_release(struct bounds *bounds, size_t bytes);
/* Connections that the descriptor limit of this process allows, raised as far as it may be. */
unsigned bounds_connections(void);

#endif
