/* SPDX-License-Identifier: Apache-2.0
 * Proves what events are made of: personal parts split off and merged again, the hash over stored bytes. */
#include "accounts.rules.h"
#include "event_samples.h"

#include <string.h>

#include <sodium.h>

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
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
