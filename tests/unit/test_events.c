/* SPDX-License-Identifier: Apache-2.0
 * Proves what events are made of: personal parts split off and merged again, the hash over stored
 * bytes, and the decisions about a stream: what is taken, asked for, waited for, tried again. */
#include "accounts.rules.h"
#include "event_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

enum { EVENTS = 10 };

static struct arena *arena;

static int
open_arena(void **state)
{
    (void)state;
    arena = arena_new(64 << 20);
    return sodium_init() < 0;
}

static int
close_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static ProtobufCBinaryData
bytes(const void *data, size_t length)
{
    return (ProtobufCBinaryData){.len = length, .data = arena_memdup(arena, data, length)};
}

static ProtobufCBinaryData
packed(const ProtobufCMessage *message)
{
    ProtobufCBinaryData out = {
        .data = arena_alloc(arena, protobuf_c_message_get_packed_size(message) + 1)};

    out.len = protobuf_c_message_pack(message, out.data);
    return out;
}

/* ---- parting */

static Accounts__ClientCreated *
client_created(void)
{
    static Accounts__BillingContact contact;
    static Accounts__Client client;
    static Accounts__ClientCreated event;

    accounts__billing_contact__init(&contact);
    accounts__client__init(&client);
    accounts__client_created__init(&event);
    contact.name = (char *)"Jeanne Martin";
    contact.email = (char *)"jeanne@example.org";
    client.id = (char *)"0193a0b4-0000-7000-8000-000000000001";
    client.name = (char *)"Durand SA";
    client.billing_contact = &contact;
    client.has_version = 1;
    client.version = 1;
    event.client = &client;
    return &event;
}

static bool
contains(ProtobufCBinaryData all, const char *text)
{
    return memmem(all.data, all.len, text, strlen(text)) != NULL;
}

/* What is personal is in no byte of the rest, and both together give the whole again. */
static void
test_split_and_merge(void **state)
{
    const struct event_type *type = events_find("accounts.ClientCreated");
    ProtobufCMessage *rest, *personal, *merged;
    Wire__Event event = WIRE__EVENT__INIT;
    ProtobufCBinaryData whole = packed(&client_created()->base);

    (void)state;
    events_split(arena, type->message, &client_created()->base, &rest, &personal);
    assert_non_null(personal);
    SET(&event, payload, packed(rest));
    assert_false(contains(event.payload, "jeanne@example.org"));
    assert_false(contains(event.payload, "Jeanne Martin"));
    assert_true(contains(event.payload, "Durand SA"));
    SET(&event, personal, packed(personal));
    merged = events_unpack(arena, type, &event);
    assert_non_null(merged);
    assert_int_equal(packed(merged).len, whole.len);
    assert_memory_equal(packed(merged).data, whole.data, whole.len);
}

/* A message that is personal in part is merged field by field, in whatever order its fields are. */
static void
test_split_within_a_message(void **state)
{
    const struct event_type *type = events_find("accounts.UserCreated");
    Accounts__User user = ACCOUNTS__USER__INIT;
    Accounts__UserCreated whole = ACCOUNTS__USER_CREATED__INIT, *merged;
    ProtobufCMessage *rest, *personal;
    Wire__Event event = WIRE__EVENT__INIT;

    (void)state;
    user.id = (char *)"0193a0b4-0000-7000-8000-000000000003";
    user.email = (char *)"lea@example.org";
    user.first_name = (char *)"Léa";
    SET(&user, role, ACCOUNTS__USER_ROLE__USER_ROLE_ADMIN);
    SET(&user, version, 3);
    whole.user = &user;
    events_split(arena, type->message, &whole.base, &rest, &personal);
    SET(&event, payload, packed(rest));
    SET(&event, personal, packed(personal));
    assert_false(contains(event.payload, "lea@example.org"));
    assert_false(contains(event.personal, user.id));
    merged = (Accounts__UserCreated *)events_unpack(arena, type, &event);
    assert_non_null(merged);
    assert_string_equal(merged->user->email, "lea@example.org");
    assert_string_equal(merged->user->first_name, "Léa");
    assert_int_equal(merged->user->role, ACCOUNTS__USER_ROLE__USER_ROLE_ADMIN);
    assert_int_equal(merged->user->version, 3);
    assert_memory_equal(packed(&merged->base).data, packed(&whole.base).data,
                        packed(&whole.base).len);
}

/* An erased event is read without its personal part; the whole message is left as it was by the
 * split. */
static void
test_erased_event_is_still_readable(void **state)
{
    const struct event_type *type = events_find("accounts.ClientCreated");
    ProtobufCMessage *rest, *personal;
    Wire__Event event = WIRE__EVENT__INIT;
    Accounts__ClientCreated *read, *whole = client_created();

    (void)state;
    events_split(arena, type->message, &whole->base, &rest, &personal);
    assert_string_equal(whole->client->billing_contact->email, "jeanne@example.org");
    SET(&event, payload, packed(rest));
    read = (Accounts__ClientCreated *)events_unpack(arena, type, &event);
    assert_non_null(read);
    assert_string_equal(read->client->name, "Durand SA");
    assert_true(read->client->billing_contact == NULL ||
                read->client->billing_contact->email == NULL);
}

static void
test_nothing_personal(void **state)
{
    const struct event_type *type = events_find("accounts.ClientCreated");
    Accounts__ClientCreated *event = client_created();
    ProtobufCMessage *rest, *personal;

    (void)state;
    event->client->billing_contact = NULL;
    events_split(arena, type->message, &event->base, &rest, &personal);
    assert_null(personal);
}

static void
test_undecodable_event(void **state)
{
    Wire__Event event = WIRE__EVENT__INIT;

    (void)state;
    SET(&event, payload, bytes("\xff\xff\xff", 3));
    assert_null(events_unpack(arena, events_find("accounts.ClientCreated"), &event));
    assert_null(events_find("accounts.NoSuchThing"));
    assert_null(events_find(NULL));
}

/* ---- hashes */

/* A stream's events 1..EVENTS, chained; applied[i] may be NULL. */
static void
make_chain(Wire__Event *events, const char *producer, const char *const *applied)
{
    uint8_t hash[32] = {0};

    for (int i = 0; i < EVENTS; i++) {
        Wire__Event *event = &events[i];

        wire__event__init(event);
        event->producer = (char *)producer;
        SET(event, epoch, 1);
        SET(event, sequence, i + 1);
        event->event_id = (char *)"0193a0b4-0000-7000-8000-000000000002";
        event->type = (char *)"accounts.ClientCreated";
        event->occurred_at = (char *)"2026-11-22T18:19:00.123456Z";
        event->applied = (char *)(applied == NULL || applied[i] == NULL ? "" : applied[i]);
        SET(event, actor, bytes("", 0));
        SET(event, payload, bytes("payload", 7));
        SET(event, previous_hash, bytes(hash, sizeof hash));
        events_hash(event, hash);
        SET(event, hash, bytes(hash, sizeof hash));
    }
}

/* The layout of events.h, computed here byte by byte: it can never change. */
static void
test_hash_layout(void **state)
{
    static const uint8_t expected_bytes[] =
        "\0\0\0\x12"
        "escarcelle.event.1"
        "\0\0\0\x20"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\x08"
        "accounts"
        "\0\0\0\x08"
        "\0\0\0\0\0\0\0\1"
        "\0\0\0\x08"
        "\0\0\0\0\0\0\0\1"
        "\0\0\0\x24"
        "0193a0b4-0000-7000-8000-000000000002"
        "\0\0\0\x16"
        "accounts.ClientCreated"
        "\xff\xff\xff\xff"
        "\xff\xff\xff\xff"
        "\xff\xff\xff\xff"
        "\0\0\0\x1b"
        "2026-11-22T18:19:00.123456Z"
        "\0\0\0\0"
        "\0\0\0\0"
        "\0\0\0\x07"
        "payload"
        "\xff\xff\xff\xff"
        "\xff\xff\xff\xff";
    Wire__Event events[EVENTS];
    uint8_t expected[32];

    (void)state;
    make_chain(events, "accounts", NULL);
    crypto_hash_sha256(expected, expected_bytes, sizeof expected_bytes - 1);
    assert_memory_equal(events[0].hash.data, expected, sizeof expected);
}

/* Every stored field counts, and so does where one ends and the next begins. */
static void
test_hash_covers_every_field(void **state)
{
    Wire__Event events[EVENTS];
    char **texts[] = {&events[0].producer, &events[0].event_id, &events[0].type,
                      &events[0].subject,  &events[0].client,   &events[0].occurred_at,
                      &events[0].project,  &events[0].applied};
    uint8_t before[32], after[32];

    (void)state;
    make_chain(events, "accounts", NULL);
    events_hash(&events[0], before);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *kept = *texts[i];

        *texts[i] = (char *)"other";
        events_hash(&events[0], after);
        assert_memory_not_equal(before, after, sizeof before);
        *texts[i] = kept;
    }
    SET(&events[0], actor, bytes("p", 1));
    SET(&events[0], payload, bytes("ayload", 6));
    events_hash(&events[0], after);
    assert_memory_not_equal(before, after, sizeof before);
}

static void
test_personal_hash_is_salted(void **state)
{
    uint8_t one[32], other[32];

    (void)state;
    events_personal_hash((const uint8_t *)"0123456789abcdef", (const uint8_t *)"jeanne", 6, one);
    events_personal_hash((const uint8_t *)"0123456789abcdeF", (const uint8_t *)"jeanne", 6, other);
    assert_memory_not_equal(one, other, sizeof one);
}

/* ---- applied */

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

/* ---- a stream */

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
    stream_heard(&stream, 1, 9, 2000);
    assert_true(stream_wants(&stream, 2000 + STREAM_JITTER_MS));
    assert_null(stream.stopped);
    stream_end(&stream);
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
    stream_advance(&streams[1], 1);
    count = stream_peek(&streams[1], next, EVENTS);
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 10), 0);
    assert_int_equal(streams[1].waiting_since, 10);
    assert_string_equal(streams[1].waits_for.producer, "accounts");
    stream_advance(&streams[0], 2);
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 20), 2);
    assert_int_equal(streams[1].waiting_since, 0);
    streams[0].cursor.sequence = 0;
    streams[1].causal = false;
    assert_int_equal(stream_batch(&streams[1], next, NULL, count, streams, 2, 20), 2);
    stream_end(&streams[0]);
    stream_end(&streams[1]);
}

/* Places: within the epoch, of a closed epoch, of one to come, lost with a closed epoch. */
static void
test_reached_across_epochs(void **state)
{
    struct stream stream = {.cursor = {.epoch = 2, .sequence = 50}};

    (void)state;
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 50}));
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 51}));
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 1, .sequence = 80}));
    assert_false(stream_reached(&stream, &(struct applied){.epoch = 3, .sequence = 1}));
    stream.closed_end = 50;
    assert_true(stream_reached(&stream, &(struct applied){.epoch = 2, .sequence = 60}));
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
    stream_advance(&stream, 5);
    assert_int_equal(stream.attempts, 0);
    assert_int_equal(stream.cursor.sequence, 5);
    assert_memory_equal(stream.cursor.hash, events[4].hash.data, 32);
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
        cmocka_unit_test(test_split_and_merge),
        cmocka_unit_test(test_split_within_a_message),
        cmocka_unit_test(test_erased_event_is_still_readable),
        cmocka_unit_test(test_nothing_personal),
        cmocka_unit_test(test_undecodable_event),
        cmocka_unit_test(test_hash_layout),
        cmocka_unit_test(test_hash_covers_every_field),
        cmocka_unit_test(test_personal_hash_is_salted),
        cmocka_unit_test(test_applied_parsing),
        cmocka_unit_test(test_doubles_gaps_and_lost_tail),
        cmocka_unit_test(test_broken_chain_stops),
        cmocka_unit_test(test_foreign_chain_stops),
        cmocka_unit_test(test_shorter_stream_stops),
        cmocka_unit_test(test_causal_wait),
        cmocka_unit_test(test_reached_across_epochs),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_unanswered_questions),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
