/* SPDX-License-Identifier: Apache-2.0
 * UUIDv7 (MON-5): its form, its order, its time. */
#include "uuid.h"

#include "checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* More than the counter holds within one millisecond. */
enum { MANY = 20000 };

static void
identifiers_are_version_7_of_the_rfc_variant(void **state)
{
    char id[37];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uuid_new(id);
        assert_true(check_uuid(id));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_null(strpbrk(id, "ABCDEF"));
    }
}

static void
each_is_greater_than_the_one_before(void **state)
{
    char last[37], id[37];

    (void)state;
    uuid_new(last);
    for (int i = 0; i < MANY; i++) {
        uuid_new(id);
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, sizeof last);
    }
}

/* Else the workers of one program would make the same. */
static void
a_child_makes_others_than_its_parent(void **state)
{
    char made[2][37];
    int ends[2];
    pid_t child;

    (void)state;
    uuid_new(made[0]);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        uuid_new(made[1]);
        _exit(write(ends[1], made[1], sizeof made[1]) == sizeof made[1] ? 0 : 1);
    }
    uuid_new(made[0]);
    assert_int_equal(read(ends[0], made[1], sizeof made[1]), sizeof made[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_not_equal(made[0] + 19, made[1] + 19);
    close(ends[0]);
    close(ends[1]);
}

static void
they_begin_with_the_time(void **state)
{
    char id[37], hex[13];
    long long made_ms;

    (void)state;
    uuid_new(id);
    snprintf(hex, sizeof hex, "%.8s%.4s", id, id + 9);
    made_ms = strtoll(hex, NULL, 16);
    assert_true(llabs(made_ms - (long long)time(NULL) * 1000) < 10000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_version_7_of_the_rfc_variant),
        cmocka_unit_test(each_is_greater_than_the_one_before),
        cmocka_unit_test(a_child_makes_others_than_its_parent),
        cmocka_unit_test(they_begin_with_the_time),
    };

    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
