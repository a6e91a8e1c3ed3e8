/* SPDX-License-Identifier: Apache-2.0
 * The arena: zeroed, aligned, capped, reset in one go; and the buffer that grows in it. */
#include "arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAP_BYTES = 1 << 20, RESERVE_BYTES = 64 << 10 };

static int
open_arena(void **state)
{
    *state = arena_new(CAP_BYTES);
    return 0;
}

static int
close_arena(void **state)
{
    arena_free(*state);
    return 0;
}

/* Whether an allocation of this size jumps. */
static bool
overflows(struct arena *arena, size_t size)
{
    if (setjmp(*arena_overflow(arena)))
        return true;
    arena_alloc(arena, size);
    arena_overflow_end(arena);
    return false;
}

static void
memory_is_zeroed_and_aligned_even_when_reused(void **state)
{
    struct arena *arena = *state;

    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 300; size++) {
            unsigned char *bytes = arena_alloc(arena, size);

            assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xff, size);
        }
        arena_reset(arena);
    }
}

static void
allocations_of_any_size_do_not_overlap(void **state)
{
    static const size_t sizes[] = {1, 100000, 3, 16384, 16, 15000, 17, 70000, 0, 5};
    unsigned char *given[sizeof sizes / sizeof *sizes];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        given[i] = arena_alloc(*state, sizes[i]);
        memset(given[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(given[i][at], i);
}

static void
the_cap_counts_from_reset_to_reset(void **state)
{
    struct arena *arena = *state;

    assert_false(overflows(arena, CAP_BYTES));
    assert_int_equal(arena_used(arena), CAP_BYTES);
    assert_true(overflows(arena, 1));
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    assert_false(overflows(arena, CAP_BYTES / 2));
    assert_false(overflows(arena, CAP_BYTES / 2));
    assert_true(overflows(arena, 1));
}

static void
many_small_allocations_reach_the_cap_too(void **state)
{
    struct arena *arena = *state;
    volatile size_t given = 0;

    if (setjmp(*arena_overflow(arena)) == 0)
        for (;;) {
            arena_alloc(arena, 1);
            given = given + 1;
        }
    assert_int_equal(given, CAP_BYTES / alignof(max_align_t));
}

static void
an_overflow_leaves_a_reserve_to_tell_it(void **state)
{
    struct arena *arena = *state;

    assert_true(overflows(arena, CAP_BYTES + 1));
    assert_false(overflows(arena, CAP_BYTES + RESERVE_BYTES));
    assert_true(overflows(arena, 1));
    arena_reset(arena);
    assert_true(overflows(arena, CAP_BYTES + 1));
}

static void
a_size_that_overflows_is_over_the_cap(void **state)
{
    struct arena *arena = *state;

    assert_true(overflows(arena, SIZE_MAX));
    arena_reset(arena);
    if (setjmp(*arena_overflow(arena)) == 0) {
        arena_array(arena, SIZE_MAX / 2, 3);
        fail();
    }
}

static int
status_of_overflow_without_jump(struct arena *arena)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        close(STDERR_FILENO);
        arena_overflow(arena);
        arena_overflow_end(arena);
        arena_alloc(arena, CAP_BYTES + 1);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void
without_a_jump_going_over_the_cap_is_fatal(void **state)
{
    assert_int_not_equal(status_of_overflow_without_jump(*state), 0);
}

static char order[8];

static void
note(void *letter)
{
    strncat(order, letter, 1);
}

static void
deferred_calls_run_last_first_and_once(void **state)
{
    struct arena *arena = *state;

    order[0] = '\0';
    arena_defer(arena, note, "a");
    arena_alloc(arena, 50000);
    arena_defer(arena, note, "b");
    arena_reset(arena);
    assert_string_equal(order, "ba");
    arena_reset(arena);
    assert_string_equal(order, "ba");
}

static void
freeing_the_arena_runs_what_was_deferred(void **state)
{
    struct arena *arena = arena_new(CAP_BYTES);

    (void)state;
    order[0] = '\0';
    arena_defer(arena, note, "c");
    arena_free(arena);
    assert_string_equal(order, "c");
}

static void
copies_are_copies(void **state)
{
    struct arena *arena = *state;
    char text[] = "été";
    char *copy = arena_strdup(arena, text), *part = arena_strndup(arena, "abcdef", 3);
    uint8_t *bytes = arena_memdup(arena, "\0\1\2", 3);

    text[0] = 'x';
    assert_string_equal(copy, "été");
    assert_string_equal(part, "abc");
    assert_string_equal(arena_strndup(arena, "ab", 3), "ab");
    assert_memory_equal(bytes, "\0\1\2", 3);
    assert_string_equal(arena_printf(arena, "%s-%06d", "FA", 123), "FA-000123");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
}

static void
protobuf_takes_its_memory_here(void **state)
{
    struct arena *arena = *state;
    ProtobufCAllocator *allocator = arena_allocator(arena);
    char *bytes = allocator->alloc(allocator->allocator_data, 10);

    memset(bytes, 'x', 10);
    assert_int_equal(arena_used(arena), 16);
    allocator->free(allocator->allocator_data, bytes);
    assert_int_equal(bytes[9], 'x');
}

static void
a_buffer_grows_and_stays_ended(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, *state);
    assert_string_equal(buffer.bytes, "");
    for (int i = 0; i < 1000; i++) {
        buffer_printf(&buffer, "%03d", i);
        buffer_text(&buffer, ",");
        assert_int_equal(strlen(buffer.bytes), buffer.length);
    }
    assert_int_equal(buffer.length, 4000);
    assert_memory_equal(buffer.bytes + 4 * 777, "777,", 4);
    buffer_append(&buffer, NULL, 0);
    buffer_append(&buffer, "\0", 1);
    assert_int_equal(buffer.length, 4001);
    assert_int_equal(buffer.bytes[4001], '\0');
}

static void
a_buffer_filled_to_the_brim_has_room_for_its_end(void **state)
{
    struct buffer buffer;
    char text[600];

    memset(text, 'x', sizeof text);
    for (size_t length = 250; length < 260; length++) {
        buffer_init(&buffer, *state);
        buffer_append(&buffer, text, length);
        assert_int_equal(strlen(buffer.bytes), length);
        buffer_init(&buffer, *state);
        buffer_printf(&buffer, "%.*s", (int)length, text);
        assert_int_equal(strlen(buffer.bytes), length);
    }
}

#ifndef ARENA_MALLOC_EACH
static void
a_steady_state_uses_the_same_memory_again(void **state)
{
    struct arena *arena = *state;
    void *first[40];

    for (int round = 0; round < 4; round++) {
        int again = 0;

        for (int i = 0; i < 40; i++) {
            void *bytes = arena_alloc(arena, 4000);

            for (int j = 0; j < 40; j++)
                again += round > 0 && first[j] == bytes;
            if (round == 0)
                first[i] = bytes;
        }
        assert_int_equal(again, round > 0 ? 40 : 0);
        arena_reset(arena);
    }
}
#endif

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(memory_is_zeroed_and_aligned_even_when_reused),
        TEST(allocations_of_any_size_do_not_overlap),
        TEST(the_cap_counts_from_reset_to_reset),
        TEST(many_small_allocations_reach_the_cap_too),
        TEST(an_overflow_leaves_a_reserve_to_tell_it),
        TEST(a_size_that_overflows_is_over_the_cap),
        TEST(without_a_jump_going_over_the_cap_is_fatal),
        TEST(deferred_calls_run_last_first_and_once),
        TEST(freeing_the_arena_runs_what_was_deferred),
        TEST(copies_are_copies),
        TEST(protobuf_takes_its_memory_here),
        TEST(a_buffer_grows_and_stays_ended),
        TEST(a_buffer_filled_to_the_brim_has_room_for_its_end),
#ifndef ARENA_MALLOC_EACH
        TEST(a_steady_state_uses_the_same_memory_again),
#endif
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
