/* SPDX-License-Identifier: Apache-2.0
 * Composes replies from what the services answer, by the route's table. */
#include "replies.h"

#include "exchange.h"
#include "headers.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "problems.h"
#include "requests.h"
#include "visits.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const char *
text_field(struct arena *arena, const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    return field == NULL ? NULL : field_text(arena, message, field);
}

/* ---- headers of success */

static void
add_location(struct exchange *exchange, const ProtobufCMessage *message)
{
    const char *template = exchange->route->location;
    if (template == NULL)
        return;
    struct buffer location;
    buffer_init(&location, exchange->arena);
    while (*template != '\0') {
        size_t plain = strcspn(template, "{");
        buffer_append(&location, template, plain);
        template += plain;
        if (*template != '{')
            break;
        size_t length = strcspn(++template, "}");
        const char *name = arena_strndup(exchange->arena, template, length);
        const char *value = text_field(exchange->arena, message, name);
        if (value == NULL)
            return;
        buffer_text(&location, value);
        template += length + 1;
    }
    exchange_header(exchange, "Location", location.bytes);
}

/* NULL when the reply is not one object with a version. */
static const char *
add_entity_tag(struct exchange *exchange, const Wire__ReplyHeader *header)
{
    if (!header->has_version)
        return NULL;
    const char *tag = arena_printf(exchange->arena, "\"%" PRId64 ".%" PRId64 "\"", header->version,
                                   header->has_revision ? header->revision : 0);
    exchange_header(exchange, "ETag", tag);
    return tag;
}

/* ---- bodies of success */

static const struct event_type *
find_event(const char *name)
{
    for (const struct event_type *type = rpc_event_types; type->name != NULL; type++)
        if (name != NULL && strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

static void
write_dry_event(struct exchange *exchange, struct buffer *out, const Wire__DryEvent *dry)
{
    const struct event_type *type = find_event(dry->type);
    if (type == NULL)
        return;
    ProtobufCMessage *event =
        protobuf_c_message_unpack(type->message->descriptor, arena_allocator(exchange->arena),
                                  dry->payload.len, dry->payload.data);
    if (event == NULL)
        return;
    buffer_text(out, out->bytes[out->length - 1] == '[' ? "{\"type\":" : ",{\"type\":");
    json_string(out, dry->type);
    buffer_text(out, ",\"event\":");
    json_write(out, type->message, event);
    buffer_text(out, "}");
}

static void
answer_dry_run(struct exchange *exchange, const Wire__ReplyHeader *header,
               const ProtobufCMessage *message)
{
    struct buffer out;
    buffer_init(&out, exchange->arena);
    buffer_text(&out, "{\"reply\":");
    json_write(&out, exchange->route->reply, message);
    buffer_text(&out, ",\"events\":[");
    for (size_t i = 0; i < header->n_events; i++)
        write_dry_event(exchange, &out, header->events[i]);
    buffer_text(&out, "]}");
    exchange_header(exchange, "Preference-Applied", "dry-run");
    exchange_answer(exchange, 200, "application/json", out.bytes, out.length);
}

/* Only characters that need no quoting in a header; the rest of a name is not worth an injection.
 */
static const char *
disposition(struct arena *arena, const char *file_name)
{
    char *name = arena_strdup(arena, file_name == NULL ? "document" : file_name);
    for (char *c = name; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '/')
            *c = '_';
    return arena_printf(arena, "attachment; filename=\"%s\"", name);
}

static void
answer_content(struct exchange *exchange, const ProtobufCMessage *message, bool known)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "content");
    assert(field != NULL && field->type == PROTOBUF_C_TYPE_BYTES);
    const ProtobufCBinaryData *content =
        (const ProtobufCBinaryData *)(const void *)((const char *)message + field->offset);
    exchange_header(
        exchange, "Content-Disposition",
        disposition(exchange->arena, text_field(exchange->arena, message, "file_name")));
    exchange_answer(exchange, known ? 304 : exchange->route->success, exchange->route->media_type,
                    content->data, content->len);
}

/* With 304 the length is that of the body which is not sent (RFC 9110, 8.6). */
static void
answer_json(struct exchange *exchange, const ProtobufCMessage *message, bool known)
{
    struct buffer out;
    buffer_init(&out, exchange->arena);
    json_write(&out, exchange->route->reply, message);
    exchange_answer(exchange, known ? 304 : exchange->route->success, "application/json", out.bytes,
                    out.length);
}

static void
answer_success(struct exchange *exchange, const struct answer *answer)
{
    const struct http_route *route = exchange->route;
    ProtobufCMessage *message =
        protobuf_c_message_unpack(route->reply->descriptor, arena_allocator(exchange->arena),
                                  answer->body_bytes, answer->body);
    if (message == NULL) {
        log_error("%s answered something that is not its reply", route->method);
        problem_refuse(exchange, 500, rpc_status_code(RPC_INTERNAL), "The service failed.");
        return;
    }
    if (exchange->visit != NULL) {
        visit_answer(exchange, message);
        return;
    }
    if (exchange->dry_run) {
        answer_dry_run(exchange, answer->header, message);
        return;
    }
    const char *tag = add_entity_tag(exchange, answer->header);
    add_location(exchange, message);
    if (answer->header->replayed)
        exchange_header(exchange, "Idempotent-Replayed", "true");
    bool known = tag != NULL && !route->writes &&
                 header_none_match(http_header(exchange, "If-None-Match"), tag);
    if (route->success == 204)
        exchange_answer(exchange, 204, NULL, NULL, 0);
    else if (route->media_type != NULL)
        answer_content(exchange, message, known);
    else
        answer_json(exchange, message, known);
}

/* ---- the rest */

static void
answer_problem(struct exchange *exchange, const Wire__ReplyHeader *header)
{
    bool known = header->status > RPC_OK && header->status <= RPC_TIMEOUT;
    enum rpc_status status = known ? (enum rpc_status)header->status : RPC_INTERNAL;
    Wire__Problem problem;
    wire__problem__init(&problem);
    if (header->problem != NULL)
        problem = *header->problem;
    if (problem.code == NULL || !problem_is_code(problem.code))
        problem.code = arena_strdup(exchange->arena, rpc_status_code(status));
    if (exchange->visit != NULL && visit_keep(exchange, rpc_http_status(status), &problem))
        request_show(exchange);
    else
        problem_answer(exchange, rpc_http_status(status), &problem);
}

static void
answer_exchange(struct exchange *exchange, const struct answer *answer)
{
    switch (answer->outcome) {
    case ASK_UNAVAILABLE:
        problem_unavailable(exchange, "The service is away; nothing happened. Try again.");
        return;
    case ASK_EXPIRED:
        problem_refuse(
            exchange, 504, rpc_status_code(RPC_TIMEOUT),
            "The service did not answer in time; whether it happened is not known. Ask again "
            "with the same Idempotency-Key.");
        return;
    case ASK_GARBLED:
        problem_refuse(exchange, 500, rpc_status_code(RPC_INTERNAL), "The service failed.");
        return;
    case ASK_ANSWERED:
        if (answer->header->status == RPC_OK)
            answer_success(exchange, answer);
        else
            answer_problem(exchange, answer->header);
        return;
    }
}

/* A caller who may not is told so, whatever became of telling the service. */
static void
answer_refused(struct exchange *exchange, const struct answer *answer)
{
    if (answer->outcome == ASK_ANSWERED && answer->header->status == RPC_FORBIDDEN)
        answer_problem(exchange, answer->header);
    else
        problem_refuse(exchange, 403, rpc_status_code(RPC_FORBIDDEN), "Your role may not do this.");
}

void
reply_compose(struct exchange *exchange, const struct answer *answer)
{
    if (exchange->refused)
        answer_refused(exchange, answer);
    else
        answer_exchange(exchange, answer);
}

static void
compose(struct exchange *exchange)
{
    reply_compose(exchange, exchange->answer);
}

void
reply_finish(struct exchange *exchange)
{
    if (exchange->reply.status >= 500)
        log_warning("%s %s (%s): %d", exchange->verb, exchange->route->method, exchange->request_id,
                    exchange->reply.status);
    http_resume(exchange);
}

void
reply_received(void *owner, const struct answer *answer)
{
    struct exchange *exchange = owner;
    assert(exchange->stage == EXCHANGE_ASKING);
    exchange->answer = answer;
    exchange_run(exchange, compose);
    exchange->answer = NULL;
    if (exchange->stage == EXCHANGE_ASKING)
        return; /* for what the page shows beside what is wrong */
    reply_finish(exchange);
}
