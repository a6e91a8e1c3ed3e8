/* SPDX-License-Identifier: Apache-2.0
 * Whose turn it is among the workers of a name, and what each has in hand. */
#include "workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
set_up(void **state)
{
    *state = calloc(1, sizeof(struct workers));
    return *state ? 0 : -1;
}

static int
tear_down(void **state)
{
    free(*state);
    return 0;
}

static struct peer
peer_of(uint32_t number)
{
    struct peer peer;
    assert_true(peer_set(&peer, &number, sizeof number));
    return peer;
}

static struct worker *
add(struct workers *workers, uint32_t number, uint32_t credit)
{
    struct peer peer = peer_of(number);
    struct worker *worker = workers_add(workers, &peer, 0, number + 1);
    assert_non_null(worker);
    workers_set_credit(workers, worker, credit);
    return worker;
}

static struct worker *
give_next(struct workers *workers, uint64_t tag)
{
    struct peer client = peer_of(99);
    struct worker *worker = workers_choose(workers, 0);
    if (worker)
        workers_give(workers, worker, &client, tag);
    return worker;
}

static void
test_fewest_in_hand_then_longest_unused(void **state)
{
    struct workers *workers = *state;
    struct pending pending;
    struct worker *one = add(workers, 1, 2), *two = add(workers, 2, 2);
    assert_ptr_equal(give_next(workers, 1), one);
    assert_ptr_equal(give_next(workers, 2), two);
    assert_ptr_equal(give_next(workers, 3), one);
    assert_ptr_equal(give_next(workers, 4), two);
    assert_null(give_next(workers, 5));
    assert_true(workers_finish(two, 1, &pending));
    assert_int_equal(pending.tag, 2);
    assert_ptr_equal(give_next(workers, 6), two);
}

static void
test_names_do_not_share_workers(void **state)
{
    struct workers *workers = *state;
    add(workers, 1, 1);
    assert_null(workers_choose(workers, 1));
    assert_int_equal(workers->counts[0], 1);
    assert_int_equal(workers->counts[1], 0);
}

static void
test_a_request_is_finished_once(void **state)
{
    struct workers *workers = *state;
    struct pending pending;
    struct worker *worker = add(workers, 1, 2);
    give_next(workers, 7);
    assert_false(workers_finish(worker, 2, &pending));
    assert_true(workers_finish(worker, 1, &pending));
    assert_int_equal(pending.tag, 7);
    assert_false(workers_finish(worker, 1, &pending));
}

static void
test_handled_drops_what_was_lost(void **state)
{
    struct workers *workers = *state;
    struct pending pending;
    struct worker *worker = add(workers, 1, 4);
    for (uint64_t tag = 1; tag <= 3; tag++)
        give_next(workers, tag);
    workers_set_handled(worker, 0);
    assert_int_equal(worker->pending_count, 3);
    workers_set_handled(worker, 2);
    assert_int_equal(worker->pending_count, 1);
    assert_true(workers_finish(worker, 3, &pending));
    assert_int_equal(pending.tag, 3);
}

static void
test_handled_beyond_sent_is_not_believed(void **state)
{
    struct workers *workers = *state;
    struct worker *worker = add(workers, 1, 4);
    give_next(workers, 1);
    workers_set_handled(worker, 2);
    workers_set_handled(worker, UINT32_MAX);
    assert_int_equal(worker->pending_count, 1);
}

static void
test_credit_is_bounded_and_zero_takes_nothing(void **state)
{
    struct workers *workers = *state;
    struct worker *worker = add(workers, 1, UINT32_MAX);
    for (uint64_t tag = 0; tag < CREDIT_MAX; tag++)
        assert_ptr_equal(give_next(workers, tag), worker);
    assert_null(give_next(workers, CREDIT_MAX));
    workers_set_credit(workers, worker, 0);
    assert_int_equal(workers->counts[0], 0);
    assert_int_equal(worker->pending_count, CREDIT_MAX);
}

static void
test_slots_are_used_again(void **state)
{
    struct workers *workers = *state;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        add(workers, i, 1);
    struct peer beyond = peer_of(WORKERS_MAX), middle = peer_of(100);
    assert_null(workers_add(workers, &beyond, 0, 1));
    workers_remove(workers, workers_find(workers, &middle));
    assert_null(workers_find(workers, &middle));
    assert_non_null(workers_add(workers, &beyond, 0, 1));
    assert_int_equal(workers->counts[0], WORKERS_MAX - 1);
}

static void
test_routing_ids_are_short(void **state)
{
    (void)state;
    struct peer peer;
    uint8_t bytes[PEER_BYTES_MAX + 1] = {0};
    assert_false(peer_set(&peer, bytes, 0));
    assert_true(peer_set(&peer, bytes, PEER_BYTES_MAX));
    assert_false(peer_set(&peer, bytes, PEER_BYTES_MAX + 1));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fewest_in_hand_then_longest_unused),
        TEST(test_names_do_not_share_workers),
        TEST(test_a_request_is_finished_once),
        TEST(test_handled_drops_what_was_lost),
        TEST(test_handled_beyond_sent_is_not_believed),
        TEST(test_credit_is_bounded_and_zero_takes_nothing),
        TEST(test_slots_are_used_again),
        cmocka_unit_test(test_routing_ids_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
