/* SPDX-License-Identifier: Apache-2.0
 * What request headers say. */
#include "headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES_MAX = 1 << 20 };

static void
test_media_types(void **state)
{
    (void)state;
    assert_true(header_is_media_type("application/json", "application/json"));
    assert_true(header_is_media_type(" Application/JSON ; charset=\"UTF-8\"", "application/json"));
    assert_false(header_is_media_type("application/json; charset=latin1", "application/json"));
    assert_false(header_is_media_type("application/jsonx", "application/json"));
    assert_false(header_is_media_type("", "application/json"));
    assert_false(header_is_media_type(NULL, "application/json"));
}

static void
test_accept(void **state)
{
    (void)state;
    assert_true(header_accepts(NULL, "application/json"));
    assert_true(header_accepts("", "application/json"));
    assert_true(header_accepts("text/html, */*;q=0.1", "application/json"));
    assert_true(header_accepts("application/*", "application/json"));
    assert_true(header_accepts("text/html,application/json;q=0.5", "application/json"));
    assert_false(header_accepts("text/html", "application/json"));
    assert_false(header_accepts("application/json; q=0", "application/json"));
    assert_false(header_accepts("app*/json", "application/json"));
    assert_false(header_accepts("application/json;q=0, */*", "application/json"));
}

static void
test_what_is_preferred(void **state)
{
    static const char browser[] = "text/html,application/xhtml+xml,application/xml;q=0.9,"
                                  "image/avif,*/*;q=0.8";

    (void)state;
    assert_true(header_prefers(browser, "text/html", "application/json"));
    assert_true(header_prefers("text/*", "text/html", "application/json"));
    assert_false(header_prefers("*/*", "text/html", "application/json"));
    assert_false(header_prefers(NULL, "text/html", "application/json"));
    assert_false(
        header_prefers("text/html;q=0.5, application/json", "text/html", "application/json"));
    assert_false(
        header_prefers("text/html;q=0, application/json;q=-1", "text/html", "application/json"));
    assert_true(header_accepts("application/json;q=nan", "application/json"));
    assert_true(header_prefers_language("en-GB,en;q=0.9,fr;q=0.8", "en", "fr"));
    assert_true(header_prefers_language("EN", "en", "fr"));
    assert_false(header_prefers_language("fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", "en", "fr"));
    assert_false(header_prefers_language("de,*;q=0.5", "en", "fr"));
    assert_false(header_prefers_language("eng", "en", "fr"));
    assert_false(header_prefers_language(NULL, "en", "fr"));
}

static void
test_entity_tags(void **state)
{
    int64_t version = 0;

    (void)state;
    assert_true(header_entity_tag("\"12.3\"", &version));
    assert_int_equal(version, 12);
    assert_true(header_entity_tag(" \"7\" ", &version));
    assert_int_equal(version, 7);
    assert_false(header_entity_tag("7", &version));
    assert_false(header_entity_tag("\"\"", &version));
    assert_false(header_entity_tag("\"7.\"", &version));
    assert_false(header_entity_tag("W/\"7.1\"", &version));
    assert_false(header_entity_tag("\"7.1\", \"8.1\"", &version));
    assert_false(header_entity_tag("\"9999999999999999999\"", &version));
}

static void
test_if_none_match(void **state)
{
    (void)state;
    assert_true(header_none_match("\"1.0\"", "\"1.0\""));
    assert_true(header_none_match("\"9.9\", W/\"1.0\"", "\"1.0\""));
    assert_true(header_none_match("*", "\"1.0\""));
    assert_false(header_none_match("\"1.01\"", "\"1.0\""));
    assert_false(header_none_match(NULL, "\"1.0\""));
}

static void
test_idempotency_keys(void **state)
{
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    char longest[IDEMPOTENCY_KEY_BYTES_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[IDEMPOTENCY_KEY_BYTES_MAX] = '\0';
    assert_string_equal(header_idempotency_key(arena, "abc"), "abc");
    assert_string_equal(header_idempotency_key(arena, " \"abc\" "), "abc");
    assert_string_equal(header_idempotency_key(arena, longest), longest);
    longest[IDEMPOTENCY_KEY_BYTES_MAX] = 'a';
    longest[IDEMPOTENCY_KEY_BYTES_MAX + 1] = '\0';
    assert_null(header_idempotency_key(arena, longest));
    assert_null(header_idempotency_key(arena, ""));
    assert_null(header_idempotency_key(arena, "\"\""));
    assert_string_equal(header_idempotency_key(arena, "\"a b\""), "a b");
    assert_null(header_idempotency_key(arena, "a b"));
    assert_null(header_idempotency_key(arena, "a\"b"));
    assert_null(header_idempotency_key(arena, "\xc3\xa9"));
    arena_free(arena);
}

static void
test_preferences(void **state)
{
    (void)state;
    assert_true(header_lists("dry-run", "dry-run"));
    assert_true(header_lists("return=minimal, Dry-Run; x=1", "dry-run"));
    assert_false(header_lists("dry-running", "dry-run"));
    assert_false(header_lists(NULL, "dry-run"));
}

static void
test_names_of_requests(void **state)
{
    (void)state;
    assert_true(header_is_request_id("01a204a6-3a02.73a2:85_d5"));
    assert_false(header_is_request_id(""));
    assert_false(header_is_request_id(NULL));
    assert_false(header_is_request_id("a b"));
    assert_false(header_is_request_id("a\"b"));
    assert_true(header_is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    assert_false(header_is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
    assert_false(header_is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
    assert_false(header_is_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
    assert_false(header_is_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

static void
test_bearer_tokens(void **state)
{
    (void)state;
    assert_string_equal(header_bearer("Bearer abc-_~+/="), "abc-_~+/=");
    assert_string_equal(header_bearer("bearer   abc"), "abc");
    assert_null(header_bearer("Basic abc"));
    assert_null(header_bearer("Bearer"));
    assert_null(header_bearer("Bearer a b"));
    assert_null(header_bearer(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_types),       cmocka_unit_test(test_accept),
        cmocka_unit_test(test_what_is_preferred), cmocka_unit_test(test_entity_tags),
        cmocka_unit_test(test_if_none_match),     cmocka_unit_test(test_idempotency_keys),
        cmocka_unit_test(test_preferences),       cmocka_unit_test(test_names_of_requests),
        cmocka_unit_test(test_bearer_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
