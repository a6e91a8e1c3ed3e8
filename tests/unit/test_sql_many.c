/* SPDX-License-Identifier: Apache-2.0
 * A projection's upsert for many rows at once: its text and its parameters. */
#include "arena.h"
#include "sql_compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

enum { UUID = 2950, BIGINT = 20, DATES = 1182, POINT = 600 };

static struct sql_compiled
upsert(const char *text, size_t parameters, const Oid *types)
{
    struct sql_compiled compiled = {.statement = {.name = "upsert", .text = text}};

    compiled.bindings_count = parameters;
    compiled.statement.parameters = (int)parameters;
    for (size_t i = 0; i < parameters; i++)
        compiled.bindings[i].type = types[i];
    return compiled;
}

static void
values_come_from_arrays(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct sql_compiled one =
        upsert("insert into t (id, n, days) values ($1, coalesce($2, 0), array(select d from "
               "unnest($3::date[]) d)) on conflict (id) do update set n = excluded.n where t.n < 1",
               3, (const Oid[]){UUID, BIGINT, DATES});
    struct db_statement many;

    (void)state;
    assert_true(sql_compile_many(arena, &one, &many));
    assert_string_equal(
        many.text,
        "insert into t (id, n, days) select many.p1::uuid, coalesce(many.p2::bigint, 0), array(select d "
        "from unnest(many.p3::date[]::date[]) d) from unnest($1::text[], $2::text[], $3::text[]) as many "
        "(p1, p2, p3) on conflict (id) do update set n = excluded.n where t.n < 1");
    assert_int_equal(many.parameters, 3);
    assert_false(many.unnamed);
    arena_free(arena);
}

static void
another_form_is_refused(void **state)
{
    static const char *const texts[] = {
        "insert into t (id) select $1 on conflict (id) do update set n = 1",
        "insert into t (id) values ($1) on conflict do nothing",
        "insert into t (id) values ($1), ($1) returning id",
        "insert into t (id) values ($2) on conflict (id) do update set n = 1",
        "insert into t (id) values ($) on conflict (id) do update set n = 1",
        ("insert into t (id) values ($1) on conflict (id) do update set n = (select 1 from (select 1 "
         "values ($1)) v)"),
        "insert into t (id) values ($1) returning 1 on conflict (id) do update set n = 1",
        "update t set n = $1",
    };
    struct arena *arena = arena_new(1 << 20);
    struct db_statement many;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sql_compiled one = upsert(texts[i], 1, (const Oid[]){UUID});

        assert_false(sql_compile_many(arena, &one, &many));
    }
    struct sql_compiled typeless =
        upsert("insert into t (id) values ($1) on conflict (id) do update set n = 1", 1,
               (const Oid[]){POINT});
    assert_false(sql_compile_many(arena, &typeless, &many));
    arena_free(arena);
}

static void
a_row_is_an_item_of_each_array(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct sql_compiled one = upsert("", 2, (const Oid[]){UUID, BIGINT});
    const char *const first[] = {"a", NULL}, *const second[] = {"NULL", "x\"\\,{y}"};
    const char *const *const rows[] = {first, second};
    const char *const *arrays = db_columns(arena, rows, 2, one.bindings_count);

    (void)state;
    assert_string_equal(arrays[0], "{\"a\",\"NULL\"}");
    assert_string_equal(arrays[1], "{NULL,\"x\\\"\\\\,{y}\"}");
    arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_from_arrays),
        cmocka_unit_test(another_form_is_refused),
        cmocka_unit_test(a_row_is_an_item_of_each_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
