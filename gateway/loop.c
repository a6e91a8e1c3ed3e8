/* SPDX-License-Identifier: Apache-2.0
 * The one loop of the gateway: HTTP, replies of services, events, deadlines, and how it ends. */
#include "gateway.h"

#include "accounts.pb-c.h"
#include "asks.h"
#include "config.h"
#include "cors.h"
#include "dates.h"
#include "health.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "pages.h"
#include "rate_limits.h"
#include "tokens.h"

#include <sodium.h>
#include <string.h>

enum {
    ITEMS_MAX = 1 + 2 * WIRE_BROKERS_MAX,
    PUBLICATION_BYTES_MAX = 4 * WIRE_FRAME_BYTES_MAX,
    LAST_TURN_MS = 10,
    LAST_WORDS_MS = 300
};

struct loop {
    struct gateway gateway;
    struct wire *wire;
    struct wire_subscriber *subscriber;
    struct arena *arena; /* of one publication */
};

/* ---- events: they only shorten what is remembered of tokens, and tell the origins */

static void
take_event(struct loop *loop, const Wire__Event *event)
{
    static const char *const ends_tokens[] = {"accounts.TokensEnded", "accounts.UserDisabled",
                                              "accounts.UserUpdated", "accounts.PasswordChanged"};
    if (event->type == NULL)
        return;
    for (size_t i = 0; i < sizeof ends_tokens / sizeof *ends_tokens; i++)
        if (strcmp(event->type, ends_tokens[i]) == 0)
            tokens_forget(loop->gateway.tokens);
    if (strcmp(event->type, "accounts.SettingsChanged") != 0)
        return;
    Accounts__SettingsChanged *changed = accounts__settings_changed__unpack(
        arena_allocator(loop->arena), event->payload.len, event->payload.data);
    if (changed != NULL && changed->settings != NULL)
        cors_set(loop->gateway.cors, changed->settings->cors_origins,
                 changed->settings->n_cors_origins);
}

static void
receive_events(struct loop *loop)
{
    struct wire_publication publication;
    for (int i = 0; i < PUBLICATIONS_PER_TURN_MAX; i++) {
        if (!wire_subscriber_receive(loop->subscriber, loop->arena, &publication))
            break;
        Wire__Events *events = NULL;
        if (publication.kind == 'E')
            events = wire__events__unpack(arena_allocator(loop->arena), publication.body_bytes,
                                          publication.body);
        for (size_t j = 0; events != NULL && j < events->n_events; j++)
            take_event(loop, events->events[j]);
        arena_reset(loop->arena);
    }
    arena_reset(loop->arena);
}

/* ---- turns */

static int
least(int a, int b)
{
    return a < b ? a : b;
}

static void
turn(struct loop *loop, int timeout_ms)
{
    struct gateway *gateway = &loop->gateway;
    zmq_pollitem_t items[ITEMS_MAX] = {
        {.fd = http_descriptor(gateway->http), .events = ZMQ_POLLIN}};
    size_t count = 1;
    count += asks_items(gateway->asks, items + count, WIRE_BROKERS_MAX);
    count += wire_subscriber_items(loop->subscriber, items + count, WIRE_BROKERS_MAX);
    int64_t now_ms = clock_ms();
    timeout_ms = least(timeout_ms, http_timeout_ms(gateway->http));
    timeout_ms = least(timeout_ms, asks_timeout_ms(gateway->asks, now_ms));
    timeout_ms = least(timeout_ms, health_timeout_ms(gateway->health, now_ms));
    (void)wire_wait(items, (int)count, timeout_ms);
    asks_receive(gateway->asks);
    receive_events(loop);
    now_ms = clock_ms();
    asks_expire(gateway->asks, now_ms);
    health_tick(gateway->health, now_ms);
    http_run(gateway->http, (items[0].revents & ZMQ_POLLIN) != 0);
}

static void
turn_until_done(struct loop *loop, int64_t time_ms)
{
    int64_t start_ms = clock_ms();
    while (http_busy(loop->gateway.http) && clock_ms() - start_ms < time_ms)
        turn(loop, LAST_TURN_MS);
}

/* Unready first, so that load balancers look elsewhere; then no new connections; what is in flight
 * is done, by its deadline at the latest. libmicrohttpd must not be stopped with suspended
 * connections. */
static void
drain(struct loop *loop)
{
    struct gateway *gateway = &loop->gateway;
    int64_t start_ms = clock_ms();
    gateway->draining = true;
    while (clock_ms() - start_ms < DRAIN_NOTICE_MS)
        turn(loop, LAST_TURN_MS);
    http_quiesce(gateway->http);
    turn_until_done(loop, DRAIN_MS_MAX);
    asks_expire(gateway->asks, INT64_MAX);
    turn_until_done(loop, LAST_WORDS_MS);
    http_cut(gateway->http);
    turn_until_done(loop, LAST_WORDS_MS);
}

/* A connection that is accepted before the broker is there would only get 503; those that come
 * meanwhile wait in the backlog. */
static void
await_broker(struct asks *asks)
{
    int64_t start_ms = clock_ms();
    while (!stopping && !asks_connected(asks) && clock_ms() - start_ms < BROKER_WAIT_MS_MAX) {
        zmq_pollitem_t items[WIRE_BROKERS_MAX];
        size_t count = asks_items(asks, items, WIRE_BROKERS_MAX);
        (void)wire_wait(items, (int)count, BROKER_POLL_MS);
        asks_receive(asks);
    }
}

static void
open_parts(struct loop *loop)
{
    static const char *const topics[] = {"accounts", NULL};
    struct gateway *gateway = &loop->gateway;
    loop->wire = wire_open("gateway");
    loop->subscriber = wire_subscriber_open(loop->wire, topics);
    loop->arena = arena_new(PUBLICATION_BYTES_MAX);
    gateway->asks = asks_open(loop->wire);
    gateway->tokens = tokens_new(gateway);
    gateway->health = health_new(gateway);
    gateway->metrics = metrics_new();
    gateway->pages = pages_new();
    gateway->cors = cors_new();
    gateway->limits = limits_new();
    if (config.metrics_token_file[0] != '\0')
        gateway->metrics_token =
            config_secret("ESCARCELLE_METRICS_TOKEN_FILE", config.metrics_token_file);
    await_broker(gateway->asks);
    gateway->http = http_open(gateway, gateway->inherited->listen);
}

static void
close_parts(struct loop *loop)
{
    struct gateway *gateway = &loop->gateway;
    http_close(gateway->http);
    config_secret_free(gateway->metrics_token);
    limits_free(gateway->limits);
    cors_free(gateway->cors);
    pages_free(gateway->pages);
    metrics_free(gateway->metrics);
    health_free(gateway->health);
    tokens_free(gateway->tokens);
    asks_close(gateway->asks);
    wire_subscriber_close(loop->subscriber);
    wire_close(loop->wire);
    arena_free(loop->arena);
}

int
loop_run(const char *role, const struct inherited *inherited, const void *state)
{
    struct loop loop;
    (void)role, (void)state;
    memset(&loop, 0, sizeof loop);
    if (sodium_init() < 0)
        fatal("libsodium can't start");
    loop.gateway.inherited = inherited;
    open_parts(&loop);
    while (!stopping)
        turn(&loop, LOOP_MS_MAX);
    drain(&loop);
    if (http_exchanges(loop.gateway.http) > 0) {
        log_warning("%zu requests were still being sent when the time to drain was over",
                    http_exchanges(loop.gateway.http));
        return 0; /* the end of the process closes them */
    }
    close_parts(&loop);
    return 0;
}
