/* SPDX-License-Identifier: Apache-2.0
 * Who may what at the broker: the whole table, and names that nobody knows. */
#include "permissions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
test_gateway_calls_every_lane_and_serves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < SERVED_COUNT; i++) {
        assert_true(may_call("gateway", served_name(i)));
        assert_false(may_serve("gateway", served_name(i)));
    }
    assert_false(may_publish("gateway", "gateway"));
    assert_false(may_publish("gateway", "accounts"));
}

static void
test_services_call_only_leaf_lanes_of_others(void **state)
{
    (void)state;
    for (size_t program = 2; program < PROGRAMS_COUNT; program++)
        for (int i = 0; i < SERVED_COUNT; i++) {
            const char *name = program_names[program];
            const char *served = served_name(i);
            bool own = strncmp(served, name, strlen(name)) == 0;
            bool leaf = strstr(served, ".leaf") != NULL;
            assert_int_equal(may_call(name, served), leaf && !own);
            assert_int_equal(may_serve(name, served), own);
        }
}

static void
test_only_the_gateway_is_told_how_the_broker_is(void **state)
{
    (void)state;
    for (size_t program = 0; program < PROGRAMS_COUNT; program++)
        assert_int_equal(may_call(program_names[program], REPORT_NAME),
                         strcmp(program_names[program], "gateway") == 0);
}

static void
test_topics_belong_to_their_program(void **state)
{
    (void)state;
    for (size_t one = 2; one < PROGRAMS_COUNT; one++)
        for (size_t other = 2; other < PROGRAMS_COUNT; other++)
            assert_int_equal(may_publish(program_names[one], program_names[other]), one == other);
}

static void
test_strangers_may_nothing(void **state)
{
    (void)state;
    static const char *const strangers[] = {"", "broker", "nobody", "account", "accounts.fast"};
    static const char *const names[] = {"",
                                        ".",
                                        "accounts",
                                        "accounts.",
                                        "accounts.fas",
                                        "accounts.fast ",
                                        "gateway.fast",
                                        "broker.leaf"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        assert_false(may_call(strangers[i], "accounts.leaf"));
        assert_false(may_serve(strangers[i], "accounts.leaf"));
        assert_false(may_publish(strangers[i], strangers[i]));
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(served_find(names[i]), -1);
        assert_false(may_call("gateway", names[i]));
        assert_false(may_serve("accounts", names[i]));
    }
    assert_null(program_find("accounts.fast"));
    assert_string_equal(program_find("accounts"), "accounts");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_calls_every_lane_and_serves_nothing),
        cmocka_unit_test(test_services_call_only_leaf_lanes_of_others),
        cmocka_unit_test(test_only_the_gateway_is_told_how_the_broker_is),
        cmocka_unit_test(test_topics_belong_to_their_program),
        cmocka_unit_test(test_strangers_may_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
