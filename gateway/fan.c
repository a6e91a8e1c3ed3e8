/* SPDX-License-Identifier: Apache-2.0
 * One question to every service, and to the broker where the contract says so. Replies are merged as protobuf
 * merges messages: put one after the other, their lists become one. Who does not answer is named in the list
 * `unanswered`. */
#include "fan.h"

#include "asks.h"
#include "call.h"
#include "config.h"
#include "http.h"
#include "problems.h"
#include "replies.h"
#include "report.h"
#include "services.h"

#include <assert.h>
#include <string.h>

enum { FAN_MS_MAX = 3000, PARTS_MAX = SERVICES_COUNT + 1 };

#define NAME(service) service,

static const char *const services[SERVICES_COUNT] = {EACH_SERVICE(NAME)};
static const char broker[] = "broker";

/* What one program answered; no bytes and not answered: nothing yet. */
struct part {
    struct fan *fan;
    const char *program;
    bool answered;
    struct buffer body;
};

struct fan {
    struct exchange *exchange;
    size_t waiting;
    struct part *current; /* being kept */
    size_t count;
    struct part parts[PARTS_MAX];
};

/* ---- which service */

static const char *
find_service(const char *name)
{
    for (size_t i = 0; i < SERVICES_COUNT; i++)
        if (strcmp(services[i], name) == 0)
            return services[i];
    return NULL;
}

static void
refuse_service(struct exchange *exchange)
{
    struct buffer names;

    if (exchange->match.parameters_count > 0) {
        problem_refuse(exchange, 404, rpc_status_code(RPC_NOT_FOUND),
                       "There is nothing at this path.");
        return;
    }
    buffer_init(&names, exchange->arena);
    for (size_t i = 0; i < SERVICES_COUNT; i++)
        buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", services[i]);
    problem_blame(exchange, 422, "unknown_value", "/service",
                  arena_printf(exchange->arena, "must be one of: %s", names.bytes));
}

bool
fan_choose(struct exchange *exchange, const ProtobufCMessage *message, const char **service)
{
    const char *named = NULL;

    *service = exchange->route->service;
    if (*service != NULL)
        return true;
    if (message == NULL) {
        *service = services[0]; /* any will do to refuse, and to audit that it did */
        return true;
    }
    named = message_text(exchange->arena, message, "service");
    if (named == NULL)
        return true;
    *service = find_service(named);
    if (*service == NULL)
        refuse_service(exchange);
    return *service != NULL;
}

char *
fan_method(struct exchange *exchange, const char *service)
{
    return arena_printf(exchange->arena, "%s%s", service, strchr(exchange->route->method, '.'));
}

/* ---- the answers */

static void
keep_part(struct exchange *exchange)
{
    struct part *part = exchange->fan->current;

    buffer_append(&part->body, (const char *)exchange->answer->body, exchange->answer->body_bytes);
    part->answered = true;
}

static void
name_unanswered(struct fan *fan, struct buffer *out)
{
    struct exchange *exchange = fan->exchange;
    ProtobufCMessage *rest = message_new(exchange->arena, exchange->route->reply->descriptor);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(rest->descriptor, "unanswered");
    const char **names = arena_array(exchange->arena, fan->count, sizeof *names);
    size_t count = 0, bytes;
    uint8_t *packed;

    assert(field != NULL && field->label == PROTOBUF_C_LABEL_REPEATED);
    for (size_t i = 0; i < fan->count; i++)
        if (!fan->parts[i].answered)
            names[count++] = fan->parts[i].program;
    memcpy((char *)rest + field->offset, &names, sizeof names);
    memcpy((char *)rest + field->quantifier_offset, &count, sizeof count);
    packed = message_pack(exchange->arena, rest, &bytes);
    buffer_append(out, (const char *)packed, bytes);
}

static void
merge(struct exchange *exchange)
{
    struct fan *fan = exchange->fan;
    Wire__ReplyHeader header = WIRE__REPLY_HEADER__INIT;
    struct answer whole = {.outcome = ASK_ANSWERED, .header = &header};
    struct buffer body;

    buffer_init(&body, exchange->arena);
    for (size_t i = 0; i < fan->count; i++)
        buffer_append(&body, fan->parts[i].body.bytes, fan->parts[i].body.length);
    if (exchange->route->platform)
        report_write(exchange, &body);
    name_unanswered(fan, &body);
    header.has_status = 1;
    header.status = RPC_OK;
    whole.body = (const uint8_t *)body.bytes;
    whole.body_bytes = body.length;
    reply_compose(exchange, &whole);
}

/* A service that is away is missing from the answer; one that refuses refuses for all. */
static bool
is_refusal(const struct answer *answer)
{
    return answer->outcome == ASK_ANSWERED && answer->header->status != RPC_OK &&
           answer->header->status != RPC_UNAVAILABLE;
}

static void
refuse(struct exchange *exchange)
{
    reply_compose(exchange, exchange->answer);
}

static void
take_part(struct part *part, const struct answer *answer)
{
    struct exchange *exchange = part->fan->exchange;

    if (exchange->stage != EXCHANGE_ASKING || answer->outcome != ASK_ANSWERED ||
        answer->header->status == RPC_UNAVAILABLE)
        return;
    part->fan->current = part;
    exchange->answer = answer;
    exchange_run(exchange, is_refusal(answer) ? refuse : keep_part);
    exchange->answer = NULL;
}

static void
part_received(void *owner, const struct answer *answer)
{
    struct part *part = owner;
    struct fan *fan = part->fan;
    struct exchange *exchange = fan->exchange;

    take_part(part, answer);
    if (--fan->waiting > 0)
        return;
    if (exchange->stage == EXCHANGE_ASKING)
        exchange_run(exchange, merge);
    reply_finish(exchange);
}

/* ---- the question */

static void
ask_part(struct fan *fan, const char *program, const char *address, struct question *question)
{
    struct part *part = &fan->parts[fan->count++];

    *part = (struct part){.fan = fan, .program = program};
    buffer_init(&part->body, fan->exchange->arena);
    question->service = address;
    question->owner = part;
    fan->waiting += asks_send(fan->exchange->gateway->asks, fan->exchange->arena, question);
}

void
fan_send(struct exchange *exchange, Wire__RequestHeader *header, const uint8_t *body,
         size_t body_bytes)
{
    const char *lane = rpc_lane_name(exchange->route->lane);
    struct fan *fan = arena_alloc(exchange->arena, sizeof *fan);
    struct question question = {.header = header, .body = body, .body_bytes = body_bytes};

    question.timeout_ms =
        config.request_timeout_ms < FAN_MS_MAX ? config.request_timeout_ms : FAN_MS_MAX;
    question.done = part_received;
    *fan = (struct fan){.exchange = exchange};
    exchange->fan = fan;
    if (exchange->route->platform)
        ask_part(fan, broker, "mmi.report", &question);
    for (size_t i = 0; i < SERVICES_COUNT; i++) {
        header->method = fan_method(exchange, services[i]);
        ask_part(fan, services[i], arena_printf(exchange->arena, "%s.%s", services[i], lane),
                 &question);
    }
    if (fan->waiting == 0) {
        problem_unavailable(exchange, "No service can be reached; try again.");
        return;
    }
    exchange->stage = EXCHANGE_ASKING;
    http_suspend(exchange);
}
