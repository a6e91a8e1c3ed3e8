/* SPDX-License-Identifier: Apache-2.0
 * libFuzzer: the lexer of SQL() statements ends, within the text. */
#include "arena.h"
#include "sql_lexer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(((size_t)1 << 20) + size);
    const char *cursor = arena_strndup(arena, (const char *)data, size);
    struct sql_piece piece;

    while (sql_lex(&cursor, &piece))
        continue;
    arena_free(arena);
    return 0;
}
