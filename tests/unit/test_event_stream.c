/* SPDX-License-Identifier: Apache-2.0
 * Proves the decisions about a stream: what is taken, asked for, waited for, tried again; which epoch is adopted. */
#include "event_samples.h"
#include "event_stream.h"

#include <string.h>

static void
open_stream(struct stream *stream, const char *producer)
{
    struct place origin = {.epoch = 1};

    *stream = (struct stream){.consumer = EVENTS_MAIN, .producer = producer, .causal = true};
    stream_start(stream, &origin);
}

/* Events from..to (1-based, inclusive) with the given head, as they travel. */
static ProtobufCBinaryData
message_of(Wire__Event *events, int from, int to, int64_t head)
{
    Wire__Events message = WIRE__EVENTS__INIT;
    Wire__Position position = WIRE__POSITION__INIT;
    Wire__Event *list[EVENTS];

    for (int i = from; i <= to; i++)
        list[message.n_events++] = &events[i - 1];
    message.events = list;
    SET(&position, epoch, 1);
    SET(&position, sequence, head);
    message.head = &position;
    return packed(&message.base);
}

static void
publish(struct stream *stream, Wire__Event *events, int from, int to, int64_t now)
{
    ProtobufCBinaryData message = message_of(events, from, to, to);

    stream_receive(stream, message.data, message.len, now);
}

static void
answer(struct stream *stream, Wire__Event *events, int from, int to, int64_t head, int64_t now)
{
    ProtobufCBinaryData message = message_of(events, from, to, head);

    stream_answered(stream, message.data, message.len, now);
}

/* A heartbeat; without a last event it names no hash. */
static void
hear(struct stream *stream, int64_t epoch, int64_t sequence, const Wire__Event *last, int64_t now)
{
    Wire__Position head = WIRE__POSITION__INIT;

    SET(&head, epoch, epoch);
    SET(&head, sequence, sequence);
    if (last != NULL)
        SET(&head, hash, last->hash);
    stream_heard(stream, &head, now);
}

/* Doubles are skipped, a gap is asked for, the lost tail is heard of by heartbeat. */
static void
test_doubles_gaps_and_lost_tail(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    assert_true(stream_wants(&stream, 0));
    stream_asked(&stream, 1, 5000);
    assert_false(stream_wants(&stream, 0));
    answer(&stream, events, 1, 3, 3, 0);
    assert_int_equal(stream.buffered, 3);
    assert_false(stream_wants(&stream, 1000));
    publish(&stream, events, 2, 4, 1000);
    assert_int_equal(stream.tail.sequence, 4);
    assert_int_equal(stream.buffered, 4);
    publish(&stream, events, 6, 7, 1000);
    assert_int_equal(stream.tail.sequence, 4);
    assert_true(stream_wants(&stream, 1000 + STREAM_JITTER_MS));
    stream_asked(&stream, 2, 6000);
    answer(&stream, events, 5, 7, 7, 1100);
    assert_int_equal(stream.tail.sequence, 7);
    assert_false(stream_wants(&stream, 2000));
    hear(&stream, 1, 9, NULL, 2000);
    assert_true(stream_wants(&stream, 2000 + STREAM_JITTER_MS));
    assert_null(stream.stopped);
    stream_end(&stream);
}

/* When a consumer asks for what it heard of at `now`: the first moment at which it wants to. */
static int64_t
first_ask(struct stream *stream, int64_t now)
{
    int64_t at = now;

    while (!stream_wants(stream, at) && at < now + 2 * STREAM_JITTER_MS)
        at++;
    return at;
}

/* Six consumers that miss the same event at the same moment, by a gap or by a heartbeat, ask at moments of their own,
 * all within the jitter; so do as many that got no answer. */
static void
test_who_misses_the_same_asks_at_another_moment(void **state)
{
    enum { CONSUMERS = 6, NOW = 1000, WAYS = 3 };
    static const uint32_t seeds[CONSUMERS] = {1,          0x2468ace0, 0x51f15eed,
                                              0x9e3779b9, 0xc0ffee00, 0xfffffffe};
    Wire__Event events[EVENTS];

    (void)state;
    make_chain(events, "accounts", NULL);
    for (int way = 0; way < WAYS; way++) {
        bool asked[STREAM_JITTER_MS] = {false};
        int moments = 0;

        for (int i = 0; i < CONSUMERS; i++) {
            int64_t begin = way == 2 ? NOW + STREAM_RETRY_MS_MIN : NOW, at;
            struct stream stream;

            open_stream(&stream, "accounts");
            stream.random = seeds[i];
            stream_asked(&stream, 1, 5000);
            answer(&stream, events, 1, 3, 3, 0);
            if (way == 0)
                publish(&stream, events, 5, 5, NOW);
            else
                hear(&stream, 1, 5, NULL, NOW);
            if (way == 2) {
                stream_asked(&stream, 2, 6000);
                stream_unanswered(&stream, NOW);
            }
            at = first_ask(&stream, begin);
            assert_in_range(at, begin, begin + STREAM_JITTER_MS - 1);
            moments += !asked[at - begin];
            asked[at - begin] = true;
            stream_end(&stream);
        }
        assert_in_range(moments, CONSUMERS - 1, CONSUMERS);
    }
}

/* Over many values the moments fill the whole of the jitter. */
static void
test_the_jitter_reaches_each_of_its_moments(void **state)
{
    bool asked[STREAM_JITTER_MS] = {false};
    Wire__Event events[EVENTS];

    (void)state;
    make_chain(events, "accounts", NULL);
    for (uint32_t seed = 0; seed < 50 * STREAM_JITTER_MS; seed++) {
        struct stream stream;
        int64_t at;

        open_stream(&stream, "accounts");
        stream.random = seed * 2654435761u;
        stream_asked(&stream, 1, 5000);
        answer(&stream, events, 1, 3, 3, 0);
        hear(&stream, 1, 5, NULL, 1000);
        at = first_ask(&stream, 1000);
        assert_in_range(at, 1000, 1000 + STREAM_JITTER_MS - 1);
        asked[at - 1000] = true;
        stream_end(&stream);
    }
    for (int i = 0; i < STREAM_JITTER_MS; i++)
        assert_true(asked[i]);
}

/* One changed byte anywhere stops the stream before the event; what came before can still be
 * applied. */
static void
test_broken_chain_stops(void **state)
{
    Wire__Event events[EVENTS], *next[EVENTS];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    events[2].payload.data[0] ^= 1;
    publish(&stream, events, 1, 5, 0);
    assert_non_null(stream.stopped);
    assert_int_equal(stream.tail.sequence, 2);
    assert_int_equal(stream_peek(&stream, next, EVENTS), 2);
    assert_false(stream_wants(&stream, 1000));
    stream_end(&stream);
}

/* A chain that does not go on from the consumer's own last hash is another one. */
static void
test_foreign_chain_stops(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;
    struct place elsewhere = {.epoch = 1, .sequence = 2, .hash = {7}};

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    stream_start(&stream, &elsewhere);
    publish(&stream, events, 3, 4, 0);
    assert_non_null(stream.stopped);
    stream_end(&stream);
}

/* A producer whose log ends before what was applied was restored without saying so. */
static void
test_shorter_stream_stops(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;
    struct place ahead = {.epoch = 1, .sequence = 9};

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    stream_start(&stream, &ahead);
    stream_asked(&stream, 1, 5000);
    answer(&stream, events, 1, 0, 5, 0);
    assert_non_null(stream.stopped);
    stream_end(&stream);
}

/* An event waits for what its producer had applied; one parked behind another does not wait. */
static void
test_causal_wait(void **state)
{
    static const char *const applied[EVENTS] = {NULL, "accounts:1:2,unheard:1:99", NULL};
    static const bool behind[EVENTS] = {false, true};
    Wire__Event accounts[EVENTS], sessions[EVENTS], *next[EVENTS];
    struct stream streams[2];
    size_t count;

    (void)state;
    make_chain(accounts, "accounts", NULL);
    make_chain(sessions, "sessions", applied);
    open_stream(&streams[0], "accounts");
    open_stream(&streams[1], "sessions");
    publish(&streams[0], accounts, 1, 4, 0);
    publish(&streams[1], sessions, 1, 3, 0);
    count = stream_peek(&streams[1], next, EVENTS);
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 10), 1);
    assert_int_equal(stream_batch(&streams[1], next, behind, count, streams, 2, 10), 3);
    stream_advance(&streams[1], 1, 0);
    count = stream_peek(&streams[1], next, EVENTS);
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 10), 0);
    assert_int_equal(streams[1].waiting_since, 10);
    assert_string_equal(streams[1].waits_for.producer, "accounts");
    stream_advance(&streams[0], 2, 0);
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 20), 2);
    assert_int_equal(streams[1].waiting_since, 0);
    streams[0].cursor.sequence = 0;
    streams[1].causal = false;
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 20), 2);
    stream_end(&streams[0]);
    stream_end(&streams[1]);
}

/* The answer to a question, after `last` of a producer that was restored: epoch 2 begins behind it. */
static void
answer_restored(struct stream *stream, Wire__Event *events, int from, int to, int last)
{
    Wire__Events message = WIRE__EVENTS__INIT;
    Wire__Position head = WIRE__POSITION__INIT;
    Wire__Epoch first = WIRE__EPOCH__INIT, second = WIRE__EPOCH__INIT;
    Wire__Epoch *epochs[] = {&second, &first};
    Wire__Event *list[EVENTS];
    ProtobufCBinaryData bytes_of;

    for (int i = from; i <= to; i++)
        list[message.n_events++] = &events[i - 1];
    message.events = list;
    SET(&first, epoch, 1);
    SET(&first, first_sequence, 1);
    SET(&second, epoch, 2);
    SET(&second, first_sequence, last + 1);
    message.epochs = epochs;
    message.n_epochs = 2;
    SET(&head, epoch, 2);
    SET(&head, sequence, to > last ? to : last);
    SET(&head, hash, events[head.sequence - 1].hash);
    message.head = &head;
    bytes_of = packed(&message.base);
    stream_asked(stream, 1, 5000);
    stream_answered(stream, bytes_of.data, bytes_of.len, 0);
}

/* From `from` on the events are of epoch 2, and others than before. */
static void
continue_otherwise(Wire__Event *events, int from)
{
    for (int i = from; i <= EVENTS; i++) {
        uint8_t hash[32];

        SET(&events[i - 1], epoch, 2);
        SET(&events[i - 1], payload, bytes("another", 7));
        SET(&events[i - 1], previous_hash, events[i - 2].hash);
        events_hash(&events[i - 1], hash);
        SET(&events[i - 1], hash, bytes(hash, sizeof hash));
    }
}

/* A foreign epoch is adopted where the consumer's own last place lies on the new chain: before the new epoch's
 * begin, at it, and with nothing told since. */
static void
test_a_foreign_epoch_is_adopted(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;

    (void)state;
    for (int applied = 3; applied <= 5; applied++)
        for (int told = 5; told <= 8; told += 3) {
            make_chain(events, "accounts", NULL);
            open_stream(&stream, "accounts");
            publish(&stream, events, 1, applied, 0);
            stream_advance(&stream, (size_t)applied, 0);
            continue_otherwise(events, 6);
            answer_restored(&stream, events, applied + 1, told, 5);
            assert_null(stream.stopped);
            assert_int_equal(stream.tail.sequence, told);
            assert_int_equal(stream.tail.epoch, told == 5 ? 1 : 2);
            stream_end(&stream);
        }
}

/* Whoever had applied more than the restored producer knows stops: what it applied may be undone there. So does
 * one whose last event is another than the producer's. */
static void
test_a_foreign_epoch_is_refused(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;

    (void)state;
    for (int told = 5; told <= 9; told++) {
        make_chain(events, "accounts", NULL);
        open_stream(&stream, "accounts");
        publish(&stream, events, 1, 7, 0);
        stream_advance(&stream, 7, 0);
        continue_otherwise(events, 6);
        answer_restored(&stream, events, 8, told, 5);
        assert_non_null(stream.stopped);
        assert_int_equal(stream.tail.sequence, 7);
        stream_end(&stream);
    }
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    publish(&stream, events, 1, 5, 0);
    continue_otherwise(events, 5);
    answer_restored(&stream, events, 6, 5, 5);
    assert_non_null(stream.stopped);
    stream_end(&stream);
}

/* A head that lies behind, is another event, or is of a newer epoch makes the stream ask; one that fits does not. */
static void
test_heads_that_do_not_fit(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;
    const struct {
        int64_t epoch, sequence;
        int hash_of;
        bool asks;
    } heads[] = {
        {1, 5, 5, false}, {1, 5, 0, false}, {1, 4, 4, true}, {1, 5, 4, true}, {2, 5, 5, true}};

    (void)state;
    make_chain(events, "accounts", NULL);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        open_stream(&stream, "accounts");
        stream_asked(&stream, 1, 5000);
        answer(&stream, events, 1, 5, 5, 0);
        stream.epoch = 1;
        hear(&stream, heads[i].epoch, heads[i].sequence,
             heads[i].hash_of == 0 ? NULL : &events[heads[i].hash_of - 1], 1000);
        assert_int_equal(stream_wants(&stream, 1000 + STREAM_JITTER_MS), heads[i].asks);
        assert_null(stream.stopped);
        stream_end(&stream);
    }
}

/* Failing for good: one by one, three attempts each. Failing for now: again and again, later each
 * time. */
static void
test_failures(void **state)
{
    Wire__Event events[EVENTS], *next[EVENTS];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    publish(&stream, events, 1, 5, 0);
    stream_peek(&stream, next, 5);
    stream_failed(&stream, 5, false, 0);
    assert_int_equal(stream_batch(&stream, next, NULL, 5, &stream, 1, 0), 1);
    for (int attempt = 1; attempt <= APPLY_ATTEMPTS_MAX; attempt++) {
        stream_failed(&stream, 1, false, attempt * 1000);
        assert_int_equal(stream.attempts, attempt);
        assert_int_equal(stream_batch(&stream, next, NULL, 5, &stream, 1, attempt * 1000), 0);
    }
    for (int i = 0; i < 20; i++)
        stream_failed(&stream, 1, true, 10000);
    assert_int_equal(stream.attempts, APPLY_ATTEMPTS_MAX);
    assert_int_equal(stream.retry_at, 10000 + STREAM_RETRY_MS_MAX);
    assert_int_equal(stream.failing_since, 10000);
    stream_advance(&stream, 5, 0);
    assert_int_equal(stream.attempts, 0);
    assert_int_equal(stream.failing_since, 0);
    assert_int_equal(stream.cursor.sequence, 5);
    assert_memory_equal(stream.cursor.hash, events[4].hash.data, 32);
    stream_end(&stream);
}

/* The audit log parks nothing: a batch that fails is taken apart, an event is tried for ever. */
static void
test_failures_of_the_audit_log(void **state)
{
    Wire__Event events[EVENTS], *next[EVENTS];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    stream.causal = false;
    publish(&stream, events, 1, 5, 0);
    stream_peek(&stream, next, 5);
    stream_failed(&stream, 5, false, 0);
    assert_int_equal(stream_batch(&stream, next, NULL, 5, &stream, 1, 0), 1);
    stream_failed(&stream, 1, false, 0);
    assert_int_equal(stream.attempts, 0);
    assert_int_equal(stream.retries, 1);
    stream_end(&stream);
}

/* After a batch, what comes within the time of gathering is applied together, unless it fills a batch. */
static void
test_gathering(void **state)
{
    Wire__Event events[EVENTS], *next[BATCH_MAX];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    stream.gather_ms = 25;
    assert_int_equal(stream_due(&stream, 1000), INT64_MAX);
    publish(&stream, events, 1, 1, 1000);
    stream_peek(&stream, next, 1);
    assert_int_equal(stream_batch(&stream, next, NULL, 1, &stream, 1, 1000), 1);
    stream_advance(&stream, 1, 1000);
    assert_int_equal(stream_due(&stream, 1001), INT64_MAX);
    publish(&stream, events, 2, 5, 1001);
    stream_peek(&stream, next, 4);
    assert_int_equal(stream_batch(&stream, next, NULL, 4, &stream, 1, 1024), 0);
    assert_int_equal(stream.waiting_since, 0);
    assert_int_equal(stream_due(&stream, 1024), 1025);
    assert_int_equal(stream_due(&stream, 1025), INT64_MAX);
    assert_int_equal(stream_batch(&stream, next, NULL, 4, &stream, 1, 1025), 4);
    stream_advance(&stream, 4, 1025);
    publish(&stream, events, 6, 6, 1026);
    stream_peek(&stream, next, 1);
    assert_int_equal(stream_batch(&stream, next, NULL, 1, &stream, 1, 1026), 0);
    stream.buffered = BATCH_MAX;
    assert_int_equal(stream_batch(&stream, next, NULL, 1, &stream, 1, 1026), 1);
    stream_end(&stream);
}

/* A question that stays unanswered is asked again, later each time and never in a circle. */
static void
test_unanswered_questions(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;
    int64_t last = 0;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    for (int i = 0; i < 4; i++) {
        stream_asked(&stream, (uint64_t)i, 5000);
        stream_unanswered(&stream, 0);
        assert_true(stream.ask_at > last);
        last = stream.ask_at;
        assert_false(stream_wants(&stream, 0));
    }
    stream_asked(&stream, 9, 5000);
    answer(&stream, events, 1, 0, 7, 0);
    assert_false(stream_wants(&stream, 0));
    stream_end(&stream);
}

/* What does not decode is lost, not fatal; what is received is bounded. */
static void
test_bounds(void **state)
{
    Wire__Event events[EVENTS];
    struct stream stream;

    (void)state;
    make_chain(events, "accounts", NULL);
    open_stream(&stream, "accounts");
    stream_receive(&stream, (const uint8_t *)"\xff\xff", 2, 0);
    assert_null(stream.stopped);
    stream.pages = STREAM_PAGES_MAX;
    publish(&stream, events, 1, 1, 0);
    assert_int_equal(stream.buffered, 0);
    assert_int_equal(stream.head, 1);
    stream.pages = 0;
    stream_end(&stream);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_gaps_and_lost_tail),
        cmocka_unit_test(test_who_misses_the_same_asks_at_another_moment),
        cmocka_unit_test(test_the_jitter_reaches_each_of_its_moments),
        cmocka_unit_test(test_broken_chain_stops),
        cmocka_unit_test(test_foreign_chain_stops),
        cmocka_unit_test(test_shorter_stream_stops),
        cmocka_unit_test(test_causal_wait),
        cmocka_unit_test(test_a_foreign_epoch_is_adopted),
        cmocka_unit_test(test_a_foreign_epoch_is_refused),
        cmocka_unit_test(test_heads_that_do_not_fit),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_failures_of_the_audit_log),
        cmocka_unit_test(test_gathering),
        cmocka_unit_test(test_unanswered_questions),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
