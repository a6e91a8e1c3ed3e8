/* SPDX-License-Identifier: Apache-2.0
 * The life of an exchange's memory and of its reply. It must not know HTTP's library nor the
 * routes. */
#include "exchange.h"

#include "dates.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>

struct exchange *
exchange_new(struct gateway *gateway, struct arena *arena, const char *target)
{
    struct exchange *exchange = arena_alloc(arena, sizeof *exchange);
    exchange->gateway = gateway;
    exchange->arena = arena;
    exchange->started_ms = clock_ms();
    exchange->target_fault = target_parse(arena, target, &exchange->target);
    wire__caller__init(&exchange->caller);
    buffer_init(&exchange->body, arena);
    return exchange;
}

/* There is no memory left to compose a reply: these are constants. */
static void
answer_overflow(struct exchange *exchange)
{
    static const char too_large[] =
        "{\"type\":\"/problems/too_large\",\"title\":\"Content Too Large\",\"status\":413,"
        "\"detail\":\"The request takes more memory than one request may have; send less at "
        "once.\","
        "\"code\":\"too_large\"}";
    static const char internal[] =
        "{\"type\":\"/problems/internal_error\",\"title\":\"Internal Server Error\",\"status\":500,"
        "\"detail\":\"The reply takes more memory than one request may have; ask for less at "
        "once.\","
        "\"code\":\"internal_error\"}";
    bool late = exchange->stage >= EXCHANGE_ASKING;
    exchange_answer(exchange, late ? 500 : 413, "application/problem+json",
                    late ? internal : too_large, late ? sizeof internal - 1 : sizeof too_large - 1);
}

void
exchange_run(struct exchange *exchange, void (*step)(struct exchange *exchange))
{
    if (setjmp(*arena_overflow(exchange->arena)) == 0)
        step(exchange);
    else
        answer_overflow(exchange);
    arena_overflow_end(exchange->arena);
}

void
exchange_header(struct exchange *exchange, const char *name, const char *value)
{
    struct reply *reply = &exchange->reply;
    assert(reply->headers_count < REPLY_HEADERS_MAX);
    reply->headers[reply->headers_count++] = (struct reply_header){name, value};
}

void
exchange_answer(struct exchange *exchange, int status, const char *media_type, const void *body,
                size_t body_bytes)
{
    assert(status >= 200 && status < 600);
    struct reply *reply = &exchange->reply;
    reply->status = status;
    reply->media_type = media_type;
    reply->body = media_type == NULL ? "" : body;
    reply->body_bytes = media_type == NULL ? 0 : body_bytes;
    exchange->stage = EXCHANGE_ANSWERED;
}
