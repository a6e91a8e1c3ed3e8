/* SPDX-License-Identifier: Apache-2.0
 * Cross-origin resource sharing. It only adds headers: who may do what is decided elsewhere. */
#include "cors.h"

#include "accounts.pb-c.h"
#include "asks.h"
#include "http.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_HEADERS                                                                            \
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, "              \
    "X-Request-Id, "                                                                               \
    "traceparent"
#define REPLY_HEADERS                                                                              \
    "Content-Disposition, ETag, Idempotent-Replayed, Location, Preference-Applied, Retry-After, "  \
    "X-Request-Id"

struct cors {
    size_t count;
    char origins[ORIGINS_MAX][ORIGIN_BYTES_MAX];
};

struct cors *
cors_new(void)
{
    struct cors *cors = calloc(1, sizeof *cors);
    if (cors == NULL)
        fatal("no memory for the origins");
    return cors;
}

void
cors_free(struct cors *cors)
{
    free(cors);
}

void
cors_set(struct cors *cors, char *const *origins, size_t count)
{
    cors->count = 0;
    for (size_t i = 0; i < count && cors->count < ORIGINS_MAX; i++) {
        size_t length = strlen(origins[i]);
        if (length > 0 && origins[i][length - 1] == '/')
            length--; /* a URL as people write it; an origin has no path */
        if (length == 0 || length >= ORIGIN_BYTES_MAX)
            continue;
        char *origin = cors->origins[cors->count++];
        memcpy(origin, origins[i], length);
        origin[length] = '\0';
    }
}

static void
origins_answered(void *owner, const struct answer *answer)
{
    struct gateway *gateway = owner;
    Accounts__AllowedOrigins *reply;
    if (answer->outcome != ASK_ANSWERED || answer->header->status != RPC_OK)
        return;
    reply = accounts__allowed_origins__unpack(NULL, answer->body_bytes, answer->body);
    if (reply == NULL)
        return;
    cors_set(gateway->cors, reply->cors_origins, reply->n_cors_origins);
    accounts__allowed_origins__free_unpacked(reply, NULL);
}

void
cors_ask(struct gateway *gateway)
{
    struct arena *arena = arena_new(1 << 16);
    Wire__RequestHeader header;
    char method[] = "accounts.GetAllowedOrigins";
    wire__request_header__init(&header);
    header.method = method;
    if (!asks_send(gateway->asks, arena,
                   &(struct question){.service = "accounts.leaf",
                                      .header = &header,
                                      .body = (const uint8_t *)"",
                                      .timeout_ms = HEALTH_PERIOD_MS,
                                      .done = origins_answered,
                                      .owner = gateway}))
        log_warning("the allowed origins could not be asked for: pages of other origins wait");
    arena_free(arena);
}

static const char *
admitted_origin(const struct exchange *exchange)
{
    const struct cors *cors = exchange->gateway->cors;
    const char *origin = http_header(exchange, "Origin");
    for (size_t i = 0; origin != NULL && i < cors->count; i++)
        if (strcmp(cors->origins[i], origin) == 0)
            return cors->origins[i];
    return NULL;
}

void
cors_answer(struct exchange *exchange)
{
    const char *origin = admitted_origin(exchange);
    if (exchange->gateway->cors->count > 0)
        exchange_header(exchange, "Vary", "Origin");
    if (origin == NULL)
        return;
    exchange_header(exchange, "Access-Control-Allow-Origin", arena_strdup(exchange->arena, origin));
    exchange_header(exchange, "Access-Control-Expose-Headers", REPLY_HEADERS);
}

void
cors_preflight(struct exchange *exchange, const char *allow)
{
    if (admitted_origin(exchange) == NULL ||
        http_header(exchange, "Access-Control-Request-Method") == NULL)
        return;
    exchange_header(exchange, "Access-Control-Allow-Methods", allow);
    exchange_header(exchange, "Access-Control-Allow-Headers", REQUEST_HEADERS);
    exchange_header(exchange, "Access-Control-Max-Age", "600");
}
