/* SPDX-License-Identifier: Apache-2.0
 * Matching of request targets in a route table. */
#include "routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES_MAX = 1 << 20 };

/* As the generator sorts it: by path, then verb. */
static const struct http_route table[] = {
    {.verb = "GET", .path = "/v1/audit-entries", .method = "accounts.ListAuditEntries"},
    {.verb = "GET", .path = "/v1/audit-entries/verification", .method = "accounts.VerifyAudit"},
    {.verb = "DELETE", .path = "/v1/audit-entries/{id}", .method = "test.DeleteEntry"},
    {.verb = "GET", .path = "/v1/clients", .method = "accounts.ListClients"},
    {.verb = "POST", .path = "/v1/clients", .method = "accounts.CreateClient"},
    {.verb = "DELETE", .path = "/v1/clients/{id}", .method = "accounts.ArchiveClient"},
    {.verb = "GET", .path = "/v1/clients/{id}", .method = "accounts.GetClient"},
    {.verb = "PATCH", .path = "/v1/clients/{id}", .method = "accounts.UpdateClient"},
    {.verb = "POST", .path = "/v1/clients/{id}/activate", .method = "accounts.ActivateClient"},
};

struct matched {
    struct arena *arena;
    struct target target;
    struct route_match match;
    bool path_known;
};

static int
set_up(void **state)
{
    static struct matched matched;

    matched = (struct matched){.arena = arena_new(ARENA_BYTES_MAX)};
    *state = &matched;
    return 0;
}

static int
tear_down(void **state)
{
    struct matched *matched = *state;

    arena_free(matched->arena);
    return 0;
}

/* The method that serves the request; "405" or "404" when there is none. */
static const char *
look_up(struct matched *matched, const char *verb, const char *text)
{
    if (target_parse(matched->arena, text, &matched->target) == TARGET_BAD_PATH)
        return "404";
    matched->path_known = routes_match(matched->arena, table, sizeof table / sizeof *table, verb,
                                       &matched->target, &matched->match);
    if (!matched->path_known)
        return "404";
    return matched->match.route == NULL ? "405" : matched->match.route->method;
}

static void
test_literal_paths(void **state)
{
    assert_string_equal(look_up(*state, "GET", "/v1/clients"), "accounts.ListClients");
    assert_string_equal(look_up(*state, "POST", "/v1/clients"), "accounts.CreateClient");
    assert_string_equal(look_up(*state, "GET", "/v1/clients?status=active"),
                        "accounts.ListClients");
    assert_string_equal(look_up(*state, "GET", "https://host/v1/clients"), "accounts.ListClients");
    assert_string_equal(look_up(*state, "GET", "/v1/%63lients"), "accounts.ListClients");
}

static void
test_parameters_are_decoded(void **state)
{
    struct matched *matched = *state;

    assert_string_equal(look_up(matched, "POST", "/v1/clients/a%2Fb%20c/activate"),
                        "accounts.ActivateClient");
    assert_int_equal(matched->match.parameters_count, 1);
    assert_string_equal(matched->match.parameters[0].name, "id");
    assert_string_equal(matched->match.parameters[0].value, "a/b c");
}

static void
test_a_literal_wins_over_a_parameter(void **state)
{
    assert_string_equal(look_up(*state, "GET", "/v1/audit-entries/verification"),
                        "accounts.VerifyAudit");
    assert_string_equal(look_up(*state, "DELETE", "/v1/audit-entries/x"), "test.DeleteEntry");
    assert_string_equal(look_up(*state, "DELETE", "/v1/audit-entries/verification"), "405");
}

static void
test_head_is_served_by_get(void **state)
{
    assert_string_equal(look_up(*state, "HEAD", "/v1/clients/1"), "accounts.GetClient");
    assert_string_equal(look_up(*state, "HEAD", "/v1/clients/1/activate"), "405");
}

static void
test_a_known_path_names_its_verbs(void **state)
{
    struct matched *matched = *state;

    assert_string_equal(look_up(matched, "PUT", "/v1/clients/1"), "405");
    assert_string_equal(routes_allow(matched->arena, &matched->match),
                        "DELETE, GET, HEAD, PATCH, OPTIONS");
    assert_string_equal(look_up(matched, "GET", "/v1/clients/1/activate"), "405");
    assert_string_equal(routes_allow(matched->arena, &matched->match), "POST, OPTIONS");
    assert_string_equal(look_up(matched, "get", "/v1/clients"), "405");
}

static void
test_unknown_paths(void **state)
{
    static const char *const unknown[] = {
        "/",
        "",
        "*",
        "/v1",
        "/v1/",
        "/v1/client",
        "/v1/clientss",
        "/v1/clients/",
        "//v1/clients",
        "/v1/clients//activate",
        "/v1/clients/1/",
        "/v1/clients/1/activate/2",
        "/v1/clients/1/2/3/4/5/6/7/8/9/10/11/12/13/14",
        "/v1/clients/%",
        "/v1/clients/%4",
        "/v1/clients/%zz",
        "/v1/clients/%00",
        "/v1/clients/%ff",
        "/v1/clients/\xff",
    };

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_string_equal(look_up(*state, "GET", unknown[i]), "404");
}

static void
test_query_parameters(void **state)
{
    struct matched *matched = *state;

    look_up(matched, "GET", "/v1/clients?status=active&&q=caf%C3%A9+noir&empty=&bare");
    assert_int_equal(matched->target.parameters_count, 4);
    assert_string_equal(matched->target.parameters[0].name, "status");
    assert_string_equal(matched->target.parameters[1].value, "café noir");
    assert_string_equal(matched->target.parameters[2].value, "");
    assert_string_equal(matched->target.parameters[3].name, "bare");
    assert_string_equal(matched->target.parameters[3].value, "");
}

static void
test_a_query_that_is_no_text(void **state)
{
    struct matched *matched = *state;

    assert_int_equal(target_parse(matched->arena, "/v1/clients?q=%ff", &matched->target),
                     TARGET_BAD_QUERY);
    assert_int_equal(target_parse(matched->arena, "/v1/clients?%", &matched->target),
                     TARGET_BAD_QUERY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_literal_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parameters_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_literal_wins_over_a_parameter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_head_is_served_by_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_known_path_names_its_verbs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_query_that_is_no_text, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
