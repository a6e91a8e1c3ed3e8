/* SPDX-License-Identifier: Apache-2.0
 * The lexer of SQL() statements: where a colon is a parameter and where it is not. */
#include "arena.h"
#include "sql_lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

/* The statement with each parameter shown as <name> or <name|argument|…>. */
static const char *
shown(struct arena *arena, const char *statement)
{
    struct sql_piece piece;
    struct buffer out;

    buffer_init(&out, arena);
    while (sql_lex(&statement, &piece)) {
        buffer_text(&out, piece.parameter ? "<" : "");
        buffer_append(&out, piece.text.start, piece.text.length);
        for (size_t i = 0; i < piece.arguments_count; i++) {
            buffer_text(&out, "|");
            buffer_append(&out, piece.arguments[i].start, piece.arguments[i].length);
        }
        buffer_text(&out, piece.parameter ? ">" : "");
    }
    return out.bytes;
}

static void
assert_shown(const char *statement, const char *expected)
{
    struct arena *arena = arena_new(1 << 20);

    assert_string_equal(shown(arena, statement), expected);
    arena_free(arena);
}

static void
parameters_are_found(void **state)
{
    (void)state;
    assert_shown("select :id", "select <id>");
    assert_shown("values (:a,:b.c, :call.new_id)", "values (<a>,<b.c>, <call.new_id>)");
    assert_shown(":patch(name, address.city) x", "<patch|name|address.city> x");
    assert_shown("where true :page", "where true <page>");
    assert_shown("array[(select 1 where :id), :x]", "array[(select 1 where <id>), <x>]");
}

static void
casts_and_slices_are_not_parameters(void **state)
{
    (void)state;
    assert_shown("select '1'::text, a[1:n], :x::uuid", "select '1'::text, a[1:n], <x>::uuid");
    assert_shown("f(a := 1)", "f(a := 1)");
}

static void
literals_and_comments_are_not_looked_into(void **state)
{
    (void)state;
    assert_shown("select ':a', 'it''s :b', \"c:d\"", "select ':a', 'it''s :b', \"c:d\"");
    assert_shown("select E'\\':a' || :b", "select E'\\':a' || <b>");
    assert_shown("-- :a\n:b", "-- :a\n<b>");
    assert_shown("/* :a /* :b */ :c */ :d", "/* :a /* :b */ :c */ <d>");
    assert_shown("$$ :a $$ :b $x$ :c $$ $x$ $1", "$$ :a $$ <b> $x$ :c $$ $x$ $1");
}

static void
what_is_unclosed_reaches_to_the_end(void **state)
{
    (void)state;
    assert_shown("':a", "':a");
    assert_shown("/* :a", "/* :a");
    assert_shown("$$ :a", "$$ :a");
    assert_shown(":patch(a", "<patch>(a");
    assert_shown(":", ":");
    assert_shown("a:", "a:");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_found),
        cmocka_unit_test(casts_and_slices_are_not_parameters),
        cmocka_unit_test(literals_and_comments_are_not_looked_into),
        cmocka_unit_test(what_is_unclosed_reaches_to_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
