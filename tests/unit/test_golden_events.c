/* SPDX-License-Identifier: Apache-2.0
 * Proves that the programs read every event that was ever told: the bytes in tests/golden/events.tsv decode
 * without a rest and pack to the same bytes again. What they say is proved by tests/runtime. */
#include "events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define GOLDEN "tests/golden/events.tsv"

enum { TYPES_MAX = 1000 };

static struct arena *arena;
static bool seen[TYPES_MAX];

static size_t
unknown_fields(const ProtobufCMessage *message)
{
    size_t count = message->n_unknown_fields;

    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;

        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            const ProtobufCMessage *inner = *(ProtobufCMessage *const *)(const void *)at;

            count += inner == NULL ? 0 : unknown_fields(inner);
            continue;
        }
        for (size_t n = 0;
             n < *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
             n++)
            count += unknown_fields((*(ProtobufCMessage * *const *)(const void *)at)[n]);
    }
    return count;
}

static void
assert_readable(const char *name, const char *encoded)
{
    size_t bytes_max = strlen(encoded), length = 0;
    uint8_t *bytes = arena_alloc(arena, bytes_max + 1), *again = arena_alloc(arena, bytes_max + 1);
    const struct event_type *type = events_find(name);
    Wire__Event event = WIRE__EVENT__INIT;
    ProtobufCMessage *message;

    if (type == NULL)
        fail_msg("%s is in event logs and has no type any more", name);
    seen[type - rpc_event_types] = true;
    assert_int_equal(sodium_base642bin(bytes, bytes_max, encoded, strlen(encoded), NULL, &length,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    event.has_payload = 1;
    event.payload = (ProtobufCBinaryData){.len = length, .data = bytes};
    message = events_unpack(arena, type, &event);
    if (message == NULL || unknown_fields(message) > 0)
        fail_msg("%s of the log does not decode any more", name);
    assert_int_equal(protobuf_c_message_get_packed_size(message), length);
    protobuf_c_message_pack(message, again);
    assert_memory_equal(again, bytes, length);
}

static void
test_every_event_type_is_readable_for_ever(void **state)
{
    FILE *file = fopen(GOLDEN, "re");
    char *line = NULL;
    size_t size = 0;

    (void)state;
    if (file == NULL)
        fail_msg("%s can't be opened; run this in the repository's root", GOLDEN);
    while (getline(&line, &size, file) > 0) {
        char *rest = line, *name = strsep(&rest, "\t"), *encoded = strsep(&rest, "\t");

        arena_reset(arena);
        assert_non_null(encoded);
        assert_readable(name, encoded);
    }
    free(line);
    fclose(file);
    for (size_t i = 0; rpc_event_types[i].name != NULL; i++)
        if (!seen[i])
            fail_msg("%s has no example: run tests/golden/make_events.py", rpc_event_types[i].name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_type_is_readable_for_ever),
    };
    int failures;

    arena = arena_new(64 << 20);
    failures = sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failures;
}
