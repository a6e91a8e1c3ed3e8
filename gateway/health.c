/* SPDX-License-Identifier: Apache-2.0
 * Asks <service>.Health of every service again and again and remembers when it answered last: on the leaf lane
 * alone while it is there, on each of its lanes before it counts as there (again). */
#include "health.h"

#include "asks.h"
#include "cors.h"
#include "dates.h"
#include "json.h"
#include "log.h"
#include "problems.h"
#include "services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME(service) service,

static const char *const services[SERVICES_COUNT] = {EACH_SERVICE(NAME)};
/* The gateway can't work without it. */
static const char indispensable[] = "accounts";

struct service_health {
    struct health *health;
    const char *name;
    int64_t healthy_ms; /* of the last good answer; 0: never */
    enum rpc_lane lane; /* asked now */
    bool asking;
};

struct health {
    struct gateway *gateway;
    struct arena *arena; /* of one question or answer */
    int64_t next_ms;
    struct service_health services[SERVICES_COUNT];
};

struct health *
health_new(struct gateway *gateway)
{
    struct health *health = calloc(1, sizeof *health);
    if (health == NULL)
        fatal("no memory for the health of the services");
    health->gateway = gateway;
    health->arena = arena_new(1 << 20);
    for (size_t i = 0; i < SERVICES_COUNT; i++) {
        health->services[i].health = health;
        health->services[i].name = services[i];
    }
    return health;
}

void
health_free(struct health *health)
{
    arena_free(health->arena);
    free(health);
}

static bool
is_fresh(const struct service_health *service, int64_t now_ms)
{
    return service->healthy_ms > 0 && now_ms - service->healthy_ms <= HEALTH_FRESH_MS;
}

/* A service answers for the first time, or again. */
static void
greet(const struct service_health *service)
{
    log_info("%s is there", service->name);
    if (strcmp(service->name, indispensable) == 0)
        cors_ask(service->health->gateway);
}

static bool
has_slow_lane(const struct service_health *service)
{
    for (size_t i = 0; i < http_routes_count; i++)
        if (http_routes[i].lane == RPC_LANE_SLOW && http_routes[i].service != NULL &&
            strcmp(http_routes[i].service, service->name) == 0)
            return true;
    return false;
}

/* The lane to ask after this one; the leaf lane comes last. */
static enum rpc_lane
lane_after(const struct service_health *service, enum rpc_lane lane)
{
    return lane == RPC_LANE_FAST && has_slow_lane(service) ? RPC_LANE_SLOW : RPC_LANE_LEAF;
}

static void ask(struct service_health *service, enum rpc_lane lane);

static void
note_answer(struct service_health *service)
{
    if (service->lane != RPC_LANE_LEAF) {
        ask(service, lane_after(service, service->lane));
        return;
    }
    if (!is_fresh(service, clock_ms()))
        greet(service);
    service->healthy_ms = clock_ms();
}

static void
health_answered(void *owner, const struct answer *answer)
{
    struct service_health *service = owner;
    struct health *health = service->health;
    service->asking = false;
    if (answer->outcome != ASK_ANSWERED || answer->header->status != RPC_OK)
        return;
    Wire__Health *reply =
        wire__health__unpack(arena_allocator(health->arena), answer->body_bytes, answer->body);
    bool healthy = reply != NULL && (!reply->has_healthy || reply->healthy);
    arena_reset(health->arena);
    if (healthy)
        note_answer(service);
}

static void
ask(struct service_health *service, enum rpc_lane lane)
{
    struct health *health = service->health;
    Wire__RequestHeader header;
    Wire__Caller caller;
    char method[64], address[64], kind[] = "service", name[] = "gateway";
    wire__request_header__init(&header);
    wire__caller__init(&caller);
    snprintf(method, sizeof method, "%s.Health", service->name);
    snprintf(address, sizeof address, "%s.%s", service->name, rpc_lane_name(lane));
    service->lane = lane;
    caller.kind = kind;
    caller.id = caller.name = name;
    header.method = method;
    header.caller = &caller;
    service->asking = asks_send(health->gateway->asks, health->arena,
                                &(struct question){
                                    .service = address,
                                    .header = &header,
                                    .body = (const uint8_t *)"",
                                    .timeout_ms = HEALTH_PERIOD_MS,
                                    .done = health_answered,
                                    .owner = service,
                                });
    arena_reset(health->arena);
}

static bool
all_fresh(const struct health *health, int64_t now_ms)
{
    for (size_t i = 0; i < SERVICES_COUNT; i++)
        if (!is_fresh(&health->services[i], now_ms))
            return false;
    return true;
}

void
health_tick(struct health *health, int64_t now_ms)
{
    if (now_ms < health->next_ms)
        return;
    bool ready = all_fresh(health, now_ms);
    health->next_ms = now_ms + (ready ? HEALTH_PERIOD_MS : HEALTH_PERIOD_UNREADY_MS);
    for (size_t i = 0; i < SERVICES_COUNT; i++)
        if (!health->services[i].asking)
            ask(&health->services[i],
                is_fresh(&health->services[i], now_ms) ? RPC_LANE_LEAF : RPC_LANE_FAST);
}

int
health_timeout_ms(const struct health *health, int64_t now_ms)
{
    return health->next_ms <= now_ms ? 0 : (int)(health->next_ms - now_ms);
}

void
health_answer_live(struct exchange *exchange)
{
    static const char alive[] = "{\"status\":\"alive\"}";
    exchange_answer(exchange, 200, "application/json", alive, sizeof alive - 1);
}

static size_t
write_missing(struct buffer *out, const struct exchange *exchange, bool gateway_only)
{
    const struct health *health = exchange->gateway->health;
    size_t missing = 0;
    bool broker = asks_connected(exchange->gateway->asks);
    if (!broker) {
        json_string(out, "broker");
        missing++;
    }
    for (size_t i = 0; i < SERVICES_COUNT; i++) {
        if (gateway_only && strcmp(services[i], indispensable) != 0)
            continue;
        if (is_fresh(&health->services[i], clock_ms()))
            continue;
        if (missing++ > 0)
            buffer_text(out, ",");
        json_string(out, health->services[i].name);
    }
    return missing;
}

/* Only ?scope=gateway is known; it is what a load balancer asks. */
static bool
read_scope(struct exchange *exchange, bool *gateway_only)
{
    const struct target *target = &exchange->target;
    *gateway_only = false;
    for (size_t i = 0; i < target->parameters_count; i++) {
        if (i > 0 || strcmp(target->parameters[i].name, "scope") != 0 ||
            strcmp(target->parameters[i].value, "gateway") != 0) {
            problem_blame(exchange, 400, "unknown_parameter", "/scope", "is gateway or not given");
            return false;
        }
        *gateway_only = true;
    }
    return true;
}

void
health_answer_ready(struct exchange *exchange)
{
    bool gateway_only, draining = exchange->gateway->draining;
    struct buffer missing, out;
    if (!read_scope(exchange, &gateway_only))
        return;
    buffer_init(&missing, exchange->arena);
    buffer_init(&out, exchange->arena);
    bool ready = write_missing(&missing, exchange, gateway_only) == 0 && !draining;
    buffer_printf(&out, "{\"status\":\"%s\",\"draining\":%s,\"missing\":[%s]}",
                  ready ? "ready" : "not_ready", draining ? "true" : "false", missing.bytes);
    if (!ready)
        exchange_header(exchange, "Retry-After", "1");
    exchange_answer(exchange, ready ? 200 : 503, "application/json", out.bytes, out.length);
}
