/* SPDX-License-Identifier: Apache-2.0
 * Proves how places in other streams are read and compared with how far a consumer has come, over epochs too. */
#include "event_stream.h"
#include "fixtures.h"

#include <string.h>

static void
test_applied_parsing(void **state)
{
    static const char *const malformed[] = {"x",       "a:1",
                                            "a:1:",    "a::1",
                                            ":1:1",    "a:1:99999999999999999999",
                                            "a:1:2x",  "a:-1:2",
                                            "a:1:2,b", "0123456789012345678901234567890123:1:1"};
    const char *text = "accounts:1:12,budgeting:2:0";
    struct applied place;

    (void)state;
    assert_true(applied_next(&text, &place));
    assert_string_equal(place.producer, "accounts");
    assert_int_equal(place.epoch, 1);
    assert_int_equal(place.sequence, 12);
    assert_true(applied_next(&text, &place));
    assert_string_equal(place.producer, "budgeting");
    assert_int_equal(place.sequence, 0);
    assert_false(applied_next(&text, &place));
    assert_string_equal(text, "");
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        text = malformed[i];
        while (applied_next(&text, &place))
            ;
        assert_string_not_equal(text, "");
    }
}

/* Places: within the epoch, of a closed epoch, of one to come, lost with a closed epoch. */
static void
test_reached_across_epochs(void **state)
{
    struct stream stream = {.cursor = {.epoch = 2, .sequence = 50}};

    (void)state;
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 50}));
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 51}));
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 3, .sequence = 1}));
    /* Where epoch 1 ended is not known yet. */
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 1, .sequence = 80}));
    stream.epochs_count = 2;
    stream.epochs[0] = (struct epoch_start){2, 41};
    stream.epochs[1] = (struct epoch_start){1, 1};
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 1, .sequence = 80}));
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 60}));
    stream.epochs_count = 3;
    stream.epochs[2] = (struct epoch_start){3, 51};
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 60}));
    stream.cursor.sequence = 49;
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 60}));
}

/* The producer was restored twice, the second time to before the first. */
static void
test_an_epoch_ends_before_all_that_came_after_it(void **state)
{
    struct stream stream = {.cursor = {.epoch = 1, .sequence = 50},
                            .epochs = {{4, 51}, {2, 61}, {1, 1}},
                            .epochs_count = 3};
    int64_t end;

    (void)state;
    assert_true(stream_epoch_end(&stream, 1, &end));
    assert_int_equal(end, 50);
    assert_true(stream_epoch_end(&stream, 2, &end));
    assert_int_equal(end, 50);
    assert_false(stream_epoch_end(&stream, 4, &end));
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 70}));
}

/* Places beyond the end of a closed epoch count as reached and are told from others. */
static void
test_lost_places(void **state)
{
    static const struct {
        const char *applied;
        bool lost;
    } cases[] = {{"accounts:1:50", false},
                 {"accounts:1:51", true},
                 {"accounts:2:52", false},
                 {"unheard:1:99", false},
                 {"funding:1:3,accounts:1:60", true},
                 {NULL, false}};
    struct stream stream = {.consumer = EVENTS_MAIN,
                            .producer = "accounts",
                            .cursor = {.epoch = 2, .sequence = 51},
                            .epochs = {{2, 51}, {1, 1}},
                            .epochs_count = 2};
    Wire__Event event = WIRE__EVENT__INIT;
    struct applied place;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        event.applied = (char *)cases[i].applied;
        assert_int_equal(stream_names_lost(EVENTS_MAIN, &event, &stream, 1, &place), cases[i].lost);
        if (cases[i].lost)
            assert_string_equal(place.producer, "accounts");
    }
    event.applied = (char *)"accounts:1:60";
    assert_false(stream_must_wait(EVENTS_MAIN, &event, &stream, 1, &place));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_applied_parsing),
        cmocka_unit_test(test_reached_across_epochs),
        cmocka_unit_test(test_an_epoch_ends_before_all_that_came_after_it),
        cmocka_unit_test(test_lost_places),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
