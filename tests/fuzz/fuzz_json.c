/* SPDX-License-Identifier: Apache-2.0
 * Whatever is read as a request can be written, read again and written the same. */
#include "accounts.rules.h"
#include "json.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 64 << 20 };

static char *
written(struct arena *arena, const ProtobufCMessage *message)
{
    struct buffer out;
    buffer_init(&out, arena);
    json_write(&out, &accounts__update_settings_request__rules, message);
    return out.bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct message_rules *rules = &accounts__update_settings_request__rules;
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct json_notes notes;
    struct json_problem problem = {0};
    ProtobufCMessage *message = json_parse(arena, rules, (const char *)data, size,
                                           &accounts__settings__rules, &notes, &problem);
    assert(message != NULL || (problem.pointer != NULL && problem.code != NULL));
    if (message != NULL) {
        char *text = written(arena, message);
        message = json_parse(arena, rules, text, strlen(text), NULL, &notes, &problem);
        assert(message != NULL && strcmp(text, written(arena, message)) == 0);
    }
    arena_free(arena);
    return 0;
}
