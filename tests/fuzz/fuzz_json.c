/* SPDX-License-Identifier: Apache-2.0
 * Every request of the contract as JSON: what is read is written, read again and written the same, before and
 * after the rules have put it into its stored form; the message survives protobuf; what is refused says why. */
#include "json.h"

#include "call.h"
#include "input.h"
#include "validate.h"

#include <assert.h>
#include <string.h>

static const char *
written(struct arena *arena, const struct message_rules *rules, const ProtobufCMessage *message)
{
    struct buffer out;

    buffer_init(&out, arena);
    json_write(&out, rules, message);
    input_expect_text(out.bytes);
    return out.bytes;
}

static const char *
written_plain(struct arena *arena, const ProtobufCMessage *message)
{
    struct buffer out;

    buffer_init(&out, arena);
    json_write_plain(&out, message);
    return out.bytes;
}

static ProtobufCMessage *
read_again(struct arena *arena, const struct message_rules *rules, const char *text)
{
    struct json_notes notes;
    struct json_problem problem = {0};
    ProtobufCMessage *message =
        json_parse(arena, rules, text, strlen(text), NULL, &notes, &problem);

    assert(message != NULL && notes.violations_count == 0);
    input_expect_same(written(arena, rules, message), text);
    return message;
}

/* As the database's jsonb has it. */
static void
check_stored(struct arena *arena, const ProtobufCMessage *message)
{
    const char *plain = written_plain(arena, message);

    input_expect_same(written_plain(arena, json_read(arena, message->descriptor, plain)), plain);
}

static void
check_packed(struct arena *arena, const ProtobufCMessage *message)
{
    size_t length;
    const uint8_t *packed = message_pack(arena, message, &length);
    const ProtobufCMessage *again =
        protobuf_c_message_unpack(message->descriptor, arena_allocator(arena), length, packed);

    assert(again != NULL);
    input_expect_same(written_plain(arena, again), written_plain(arena, message));
}

static bool
obeys_rules(struct arena *arena, const struct http_route *route, const struct json_notes *notes,
            ProtobufCMessage *message)
{
    static const struct rpc_method methods[2] = {{.name = "test"}, {.name = "test", .patch = true}};
    Wire__RequestHeader header = WIRE__REQUEST_HEADER__INIT;
    Wire__Caller caller = WIRE__CALLER__INIT;
    struct call call = {.arena = arena, .header = &header};

    call.method = &methods[strcmp(route->verb, "PATCH") == 0];
    call.problem = (Wire__Problem)WIRE__PROBLEM__INIT;
    caller.role = (char *)(uintptr_t) "admin";
    header.caller = &caller;
    header.n_present = notes->present_count;
    header.present = (char **)(uintptr_t)notes->present;
    bool obeys = validate_request(&call, route->request, message) == RPC_OK;
    assert(obeys == (call.problem.code == NULL));
    for (size_t i = 0; i < call.problem.n_errors; i++) {
        input_expect_text(call.problem.errors[i]->pointer);
        input_expect_text(call.problem.errors[i]->detail);
    }
    return obeys;
}

static void
check_rules(struct arena *arena, const struct http_route *route, const struct json_notes *notes,
            ProtobufCMessage *message)
{
    bool patch = strcmp(route->verb, "PATCH") == 0;

    if (!obeys_rules(arena, route, notes, message))
        return;
    check_stored(arena, message);
    message = read_again(arena, route->request, written(arena, route->request, message));
    if (patch) /* lists that were not given are given now */
        return;
    const char *stored = written(arena, route->request, message);
    assert(obeys_rules(arena, route, notes, message));
    input_expect_same(written(arena, route->request, message), stored);
}

static void
check_told(const struct json_problem *problem)
{
    input_expect_text(problem->pointer);
    input_expect_text(problem->detail);
    assert(problem->code != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    const struct http_route *route = &http_routes[input_byte(&input) % http_routes_count];
    struct json_notes notes;
    struct json_problem problem = {0};
    ProtobufCMessage *message =
        json_parse(arena, route->request, (const char *)input.at, input.left,
                   strcmp(route->verb, "PATCH") == 0 ? route->reply : NULL, &notes, &problem);

    if (message == NULL) {
        check_told(&problem);
        return 0;
    }
    for (size_t i = 0; i < notes.violations_count; i++)
        check_told(&notes.violations[i]);
    read_again(arena, route->request, written(arena, route->request, message));
    check_packed(arena, message);
    check_rules(arena, route, &notes, message);
    return 0;
}
