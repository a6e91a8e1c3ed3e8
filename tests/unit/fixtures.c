/* SPDX-License-Identifier: Apache-2.0
 * The arena of a test, and looking into texts. */
#include "fixtures.h"

#include <string.h>

enum { ARENA_BYTES_MAX = 64 << 20 };

struct arena *arena;

int
open_arena(void **state)
{
    (void)state;
    arena = arena_new(ARENA_BYTES_MAX);
    return 0;
}

int
close_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

void
assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}
