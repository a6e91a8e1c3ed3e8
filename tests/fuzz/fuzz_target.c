/* SPDX-License-Identifier: Apache-2.0
 * Whatever is read as a request target or as a browser's form is text without NUL, within the limits. */
#include "target.h"

#include "checks.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 16 << 20 };

static void
check_text(const char *text)
{
    assert(text != NULL && check_utf8(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    const char *text = arena_strndup(arena, (const char *)data, size);
    struct target target, form = {0};

    if (target_parse(arena, text, &target) == TARGET_FINE)
        for (size_t i = 0; i < target.segments_count; i++)
            check_text(target.segments[i]);
    if (target_read_query(arena, text, &form))
        for (size_t i = 0; i < form.parameters_count; i++) {
            check_text(form.parameters[i].name);
            check_text(form.parameters[i].value);
        }
    assert(form.parameters_count <= TARGET_PARAMETERS_MAX);
    arena_free(arena);
    return 0;
}
