/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a message of the wire, a request, a reply or an event: within the memory of one call they are
 * refused, or packed again to what unpacks to the same; a request that obeys the rules holds text only; an event
 * parted into what is personal and what is not is whole again when both are joined. */
#include "call.h"
#include "events.h"
#include "fields.h"
#include "input.h"
#include "json.h"
#include "validate.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>

enum { WIRE_TYPES = 4, NESTING_MAX = 16 };

static const ProtobufCMessageDescriptor *const wire_types[WIRE_TYPES] = {
    &wire__request_header__descriptor, &wire__reply_header__descriptor, &wire__events__descriptor,
    &wire__position__descriptor};

static size_t
event_types_count(void)
{
    size_t count = 0;

    while (rpc_event_types[count].name != NULL)
        count++;
    return count;
}

static ProtobufCMessage *
unpack(struct arena *arena, const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
       size_t length)
{
    return protobuf_c_message_unpack(type, arena_allocator(arena), length, bytes);
}

/* protobuf-c packs an unknown field that claims to be number 0 to what it refuses itself. */
static void
drop_unknown(ProtobufCMessage *message, int depth)
{
    assert(depth < NESTING_MAX);
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

        for (size_t k = 0; field_kind(field) == FIELD_MESSAGE && k < field_count(message, field);
             k++)
            drop_unknown(field_value(message, field, k).message, depth + 1);
    }
}

/* A text ends at its NUL, so the first packing may differ from the input, the next not. */
static void
check_packing(struct arena *arena, const ProtobufCMessage *message)
{
    size_t length, length_again;
    const uint8_t *packed = message_pack(arena, message, &length);
    const ProtobufCMessage *again = unpack(arena, message->descriptor, packed, length);

    assert(again != NULL);
    const uint8_t *packed_again = message_pack(arena, again, &length_again);
    assert(length == length_again && memcmp(packed, packed_again, length) == 0);
}

static void
check_texts(const ProtobufCMessage *message, int depth)
{
    assert(depth < NESTING_MAX);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

        for (size_t k = 0; k < field_count(message, field); k++)
            if (field_kind(field) == FIELD_STRING)
                input_expect_text(field_value(message, field, k).string);
            else if (field_kind(field) == FIELD_MESSAGE)
                check_texts(field_value(message, field, k).message, depth + 1);
    }
}

static void
check_request(struct arena *arena, const struct message_rules *rules, ProtobufCMessage *message)
{
    static const struct rpc_method method = {.name = "test"};
    Wire__RequestHeader header = WIRE__REQUEST_HEADER__INIT;
    Wire__Caller caller = WIRE__CALLER__INIT;
    struct call call = {.arena = arena, .method = &method, .header = &header};

    call.problem = (Wire__Problem)WIRE__PROBLEM__INIT;
    caller.role = (char *)(uintptr_t) "admin";
    header.caller = &caller;
    if (validate_request(&call, rules, message) == RPC_OK)
        check_texts(message, 0);
}

/* What the gateway makes of a reply is JSON in UTF-8, whatever the service sent. */
static void
check_reply(struct arena *arena, const struct message_rules *rules, const ProtobufCMessage *message)
{
    struct buffer out;

    buffer_init(&out, arena);
    json_write(&out, rules, message);
    input_expect_text(out.bytes);
}

static void
check_event(struct arena *arena, const struct event_type *type, const ProtobufCMessage *message)
{
    ProtobufCMessage *rest, *personal, *whole;
    Wire__Event event = WIRE__EVENT__INIT;
    struct buffer before, after;

    events_split(arena, type->message, message, &rest, &personal);
    event.has_payload = 1;
    event.payload.data = message_pack(arena, rest, &event.payload.len);
    if (personal != NULL) {
        event.has_personal = 1;
        event.personal.data = message_pack(arena, personal, &event.personal.len);
    }
    whole = events_unpack(arena, type, &event);
    assert(whole != NULL);
    buffer_init(&before, arena);
    buffer_init(&after, arena);
    json_write_plain(&before, message);
    json_write_plain(&after, whole);
    input_expect_same(before.bytes, after.bytes);
}

static void
check(struct arena *arena, size_t kind, const uint8_t *bytes, size_t length)
{
    bool wire = kind < WIRE_TYPES, reply = (kind - WIRE_TYPES) % 2 == 1;
    size_t routed = (kind - WIRE_TYPES) / 2;
    const struct http_route *route = &http_routes[wire ? 0 : routed % http_routes_count];
    const struct event_type *type =
        wire || routed < http_routes_count
            ? NULL
            : &rpc_event_types[(routed - http_routes_count) % event_types_count()];
    const struct message_rules *rules = type != NULL ? type->message
                                        : reply      ? route->reply
                                                     : route->request;
    ProtobufCMessage *message =
        unpack(arena, wire ? wire_types[kind] : rules->descriptor, bytes, length);

    if (message == NULL)
        return;
    drop_unknown(message, 0);
    check_packing(arena, message);
    if (type != NULL)
        check_event(arena, type, message);
    else if (!wire && reply)
        check_reply(arena, rules, message);
    else if (!wire)
        check_request(arena, rules, message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    size_t kind = input_byte(&input);

    kind = kind << 8 | input_byte(&input);
    kind %= WIRE_TYPES + 2 * (http_routes_count + event_types_count());
    if (setjmp(*arena_overflow(arena)) == 0)
        check(arena, kind, input.at, input.left);
    arena_overflow_end(arena);
    return 0;
}
