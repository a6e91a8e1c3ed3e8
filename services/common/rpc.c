/* SPDX-License-Identifier: Apache-2.0
 * Names and numbers of outcomes and lanes, as HTTP and the broker say them. */
#include "rpc.h"

#include <assert.h>

static const struct {
    int http;
    const char *code;
} outcomes[] = {
    [RPC_OK] = {200, "ok"},
    [RPC_MALFORMED] = {400, "malformed_request"},
    [RPC_UNAUTHENTICATED] = {401, "unauthenticated"},
    [RPC_FORBIDDEN] = {403, "forbidden"},
    [RPC_NOT_FOUND] = {404, "not_found"},
    [RPC_CONFLICT] = {409, "conflict"},
    [RPC_GONE] = {410, "gone"},
    [RPC_PRECONDITION] = {412, "precondition_failed"},
    [RPC_TOO_LARGE] = {413, "too_large"},
    [RPC_INVALID] = {422, "invalid"},
    [RPC_TOO_MANY] = {429, "too_many_requests"},
    [RPC_INTERNAL] = {500, "internal_error"},
    [RPC_UNAVAILABLE] = {503, "unavailable"},
    [RPC_TIMEOUT] = {504, "timeout"},
};

static_assert(sizeof outcomes / sizeof *outcomes == RPC_TIMEOUT + 1, "every outcome has its row");

int
rpc_http_status(enum rpc_status status)
{
    assert(status <= RPC_TIMEOUT);
    return outcomes[status].http;
}

const char *
rpc_status_code(enum rpc_status status)
{
    assert(status <= RPC_TIMEOUT);
    return outcomes[status].code;
}

const char *
rpc_lane_name(enum rpc_lane lane)
{
    static const char *const names[] = {
        [RPC_LANE_FAST] = "fast", [RPC_LANE_LEAF] = "leaf", [RPC_LANE_SLOW] = "slow"};

    assert(lane <= RPC_LANE_SLOW);
    return names[lane];
}
