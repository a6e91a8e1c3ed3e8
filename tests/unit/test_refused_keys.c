/* SPDX-License-Identifier: Apache-2.0 */
#include "refused_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t key = 0x123456789abcdef0, other = 0xf23456789abcdef0;
static const int64_t asked_ms = 1795899961438;

static void
test_nothing_was_refused_at_the_start(void **state)
{
    static const struct refused_keys keys;
    (void)state;
    assert_false(refused_keys_since(&keys, key, asked_ms));
    assert_false(refused_keys_since(&keys, 0, 0));
}

static void
test_older_requests_under_a_refused_key_are_known(void **state)
{
    static struct refused_keys keys;
    (void)state;
    refused_keys_note(&keys, key, asked_ms);
    assert_true(refused_keys_since(&keys, key, asked_ms - 1));
    assert_true(refused_keys_since(&keys, key, asked_ms));
    assert_false(refused_keys_since(&keys, key, asked_ms + 1));
    refused_keys_note(&keys, key, asked_ms - 10);
    assert_true(refused_keys_since(&keys, key, asked_ms));
}

static void
test_another_key_is_not_taken_for_it(void **state)
{
    static struct refused_keys keys;
    (void)state;
    refused_keys_note(&keys, key, asked_ms);
    assert_false(refused_keys_since(&keys, other, asked_ms - 1));
    refused_keys_note(&keys, other, asked_ms - 5);
    assert_true(refused_keys_since(&keys, other, asked_ms - 5));
    assert_false(refused_keys_since(&keys, key, asked_ms - 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_was_refused_at_the_start),
        cmocka_unit_test(test_older_requests_under_a_refused_key_are_known),
        cmocka_unit_test(test_another_key_is_not_taken_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
