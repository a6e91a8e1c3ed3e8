/* SPDX-License-Identifier: Apache-2.0
 * The lexer of SQL() statements ends within the text: its pieces in a row are the text, and what it takes for a
 * parameter is a name behind a colon. Statements of any text compile within their limits, or say why not. */
#include "sql_lexer.h"

#include "accounts.pb-c.h"
#include "input.h"
#include "sql_compile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz_0123456789."

static bool
lies_within(struct sql_slice slice, const char *start, const char *end)
{
    return slice.start >= start && slice.start + slice.length <= end;
}

static void
check_piece(const struct sql_piece *piece, const char *start, const char *end)
{
    assert(lies_within(piece->text, start, end) && end > start);
    assert(piece->arguments_count <= SQL_ARGUMENTS_MAX &&
           (piece->parameter || piece->arguments_count == 0));
    if (!piece->parameter) {
        assert(piece->text.start == start && piece->text.start + piece->text.length == end);
        return;
    }
    assert(*start == ':' && piece->text.start == start + 1 && piece->text.length > 0);
    assert(strspn(piece->text.start, NAME_CHARACTERS) >= piece->text.length);
    for (size_t i = 0; i < piece->arguments_count; i++) {
        assert(lies_within(piece->arguments[i], start, end) && piece->arguments[i].length > 0);
        assert(memchr(piece->arguments[i].start, ' ', piece->arguments[i].length) == NULL);
    }
}

static void
check_compiled(const struct sql_compiled *compiled)
{
    assert(compiled->bindings_count <= SQL_PARAMETERS_MAX);
    assert(compiled->statement.parameters == (int)compiled->bindings_count);
    for (size_t i = 0; i < compiled->bindings_count; i++)
        assert(compiled->bindings[i].name != NULL &&
               compiled->bindings[i].path.depth <= SQL_PATH_MAX);
    assert(compiled->guard_table != NULL || !compiled->guard_status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    struct sql_statement statement = {.name = "any", .text = input_text(&input, arena)};
    const char *cursor = statement.text, *start = cursor;
    struct sql_piece piece;

    for (; sql_lex(&cursor, &piece); start = cursor)
        check_piece(&piece, start, cursor);
    assert(*cursor == '\0');
    statement.request = &accounts__list_clients_request__descriptor;
    statement.reply = &accounts__list_clients_reply__descriptor;
    if (sql_compile(arena, &statement) == NULL)
        check_compiled(statement.compiled);
    return 0;
}
