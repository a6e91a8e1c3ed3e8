/* SPDX-License-Identifier: Apache-2.0
 * Field values as text and back, enum words, instants of SQL, base64url. */
#include "fields.h"

#include "accounts.rules.h"
#include "call.h"
#include "fixtures.h"
#include "json.h"

#include <string.h>

/* What a field holds after it was set from text; NULL when the text was refused. */
static const char *
set(ProtobufCMessage *message, const char *name, const char *text)
{
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, name);
    assert_non_null(field);
    if (!field_set_text(arena, message, field, text))
        return NULL;
    return field_text(arena, message, field);
}

static void
test_integers(void **state)
{
    (void)state;
    ProtobufCMessage *client = message_new(arena, &accounts__client__descriptor);
    static const char *const good[] = {"0", "30", "-1", "9223372036854775807",
                                       "-9223372036854775808"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_string_equal(set(client, "version", good[i]), good[i]);
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "9223372036854775808", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(set(client, "version", bad[i]));
    ProtobufCMessage *header = message_new(arena, &wire__reply_header__descriptor);
    assert_string_equal(set(header, "status", "-2147483648"), "-2147483648");
    assert_null(set(header, "status", "2147483648"));
}

static void
test_booleans_enums_and_bytes(void **state)
{
    (void)state;
    ProtobufCMessage *user = message_new(arena, &accounts__user__descriptor);
    assert_string_equal(set(user, "totp_enabled", "t"), "true");
    assert_string_equal(set(user, "totp_enabled", "false"), "false");
    assert_null(set(user, "totp_enabled", "yes"));
    assert_string_equal(set(user, "status", "disabled"), "disabled");
    assert_null(set(user, "status", "Disabled"));
    assert_null(set(user, "status", ""));
    assert_null(set(user, "status", "dis"));
    ProtobufCMessage *token = message_new(arena, &accounts__check_token_request__descriptor);
    assert_string_equal(set(token, "token_hash", "\\x00ff7f"), "\\x00ff7f");
    assert_string_equal(set(token, "token_hash", "AP9_"), "\\x00ff7f");
    assert_null(set(token, "token_hash", "\\x0"));
    assert_null(set(token, "token_hash", "\\x0g"));
}

static void
test_repeated_fields_append(void **state)
{
    (void)state;
    Accounts__Settings *settings =
        (Accounts__Settings *)message_new(arena, &accounts__settings__descriptor);
    const ProtobufCFieldDescriptor *days =
        field_find(&accounts__settings__descriptor, "reminder_days");
    for (int i = 0; i < 100; i++)
        assert_true(field_set_text(arena, &settings->base, days, arena_printf(arena, "%d", i)));
    assert_false(field_set_text(arena, &settings->base, days, "x"));
    assert_int_equal(settings->n_reminder_days, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(settings->reminder_days[i], i);
    assert_null(field_text(arena, &settings->base, days));
}

static void
test_unset_fields_have_no_text(void **state)
{
    (void)state;
    ProtobufCMessage *client = message_new(arena, &accounts__client__descriptor);
    for (unsigned i = 0; i < client->descriptor->n_fields; i++) {
        assert_false(field_is_set(client, &client->descriptor->fields[i]));
        assert_null(field_text(arena, client, &client->descriptor->fields[i]));
    }
}

static void
test_texts_by_path(void **state)
{
    (void)state;
    Accounts__ClientCreated *event =
        (Accounts__ClientCreated *)message_new(arena, &accounts__client_created__descriptor);
    assert_null(message_text(arena, &event->base, "client.id"));
    event->client = (Accounts__Client *)message_new(arena, &accounts__client__descriptor);
    assert_null(message_text(arena, &event->base, "client.id"));
    event->client->id = (char[]){"an-id"};
    SET(event->client, status, ACCOUNTS__CLIENT_STATUS__CLIENT_STATUS_ARCHIVED);
    assert_string_equal(message_text(arena, &event->base, "client.id"), "an-id");
    assert_string_equal(message_text(arena, &event->base, "client.status"), "archived");
    assert_null(message_text(arena, &event->base, "client.billing_contact.email"));
}

static void
test_enum_words(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *type = &accounts__report_frequency__descriptor;
    for (unsigned i = 0; i < type->n_values; i++) {
        int value = -1;
        assert_true(enum_value(type, enum_word(arena, type, type->values[i].value), &value));
        assert_int_equal(value, type->values[i].value);
    }
    assert_string_equal(enum_words(arena, type),
                        "none, semimonthly, monthly, bimonthly, quarterly");
    assert_string_equal(enum_word(arena, type, 99), "99");
}

static void
test_instants_of_sql(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"2026-11-22 18:18:00.123456+00", "2026-11-22T18:18:00.123Z"},
        {"2026-11-22 18:18:00+00", "2026-11-22T18:18:00.000Z"},
        {"2026-11-22 18:18:00.5+00", "2026-11-22T18:18:00.500Z"},
        {"2026-11-22 18:18:00.9999+00", "2026-11-22T18:18:00.999Z"},
        {"2026-11-22T18:18:00.12+00:00", "2026-11-22T18:18:00.120Z"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(instant_from_sql(arena, pairs[i][0]), pairs[i][1]);
    assert_null(instant_from_sql(arena, "infinity"));
    assert_null(instant_from_sql(arena, "2026-11-22 18:18:00+02"));
    assert_null(instant_from_sql(arena, "2026-11-22"));
    assert_null(instant_from_sql(arena, ""));
}

static void
test_base64url(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t length = 0; length < sizeof bytes; length++) {
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(i * 37 + length * 11);
        struct buffer out;
        buffer_init(&out, arena);
        buffer_text(&out, "");
        base64url_write(&out, bytes, length);
        assert_null(strpbrk(out.bytes, "+/="));
        ProtobufCBinaryData back;
        assert_true(base64url_read(arena, out.bytes, &back));
        assert_int_equal(back.len, length);
        if (length > 0)
            assert_memory_equal(back.data, bytes, length);
    }
    ProtobufCBinaryData ignored;
    static const char *const bad[] = {"A", "AB=", "AB+/", "AAAAA", "AB", "AAB", "A B C"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base64url_read(arena, bad[i], &ignored));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(test_integers),
        TEST(test_booleans_enums_and_bytes),
        TEST(test_repeated_fields_append),
        TEST(test_unset_fields_have_no_text),
        TEST(test_texts_by_path),
        TEST(test_enum_words),
        TEST(test_instants_of_sql),
        TEST(test_base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
