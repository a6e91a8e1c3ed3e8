/* SPDX-License-Identifier: Apache-2.0
 * JSON to messages and back: what is refused and where, what is exact, what is written. */
#include "json.h"

#include "accounts.rules.h"
#include "common.rules.h"
#include "fixtures.h"

#include <string.h>

static struct json_problem problem;
static struct json_notes notes;

static int
set_up(void **state)
{
    problem = (struct json_problem){0};
    return open_arena(state);
}

static ProtobufCMessage *
parse(const struct message_rules *rules, const char *text)
{
    return json_parse(arena, rules, text, strlen(text), NULL, &notes, &problem);
}

static Accounts__CreateClientRequest *
parse_client(const char *text)
{
    return (Accounts__CreateClientRequest *)parse(&accounts__create_client_request__rules, text);
}

static const char *
written(const struct message_rules *rules, const void *message)
{
    struct buffer out;
    buffer_init(&out, arena);
    json_write(&out, rules, message);
    return out.bytes;
}

static void
assert_problem(const char *pointer, const char *code)
{
    assert_non_null(problem.pointer);
    assert_string_equal(problem.pointer, pointer);
    assert_string_equal(problem.code, code);
    assert_true(problem.detail != NULL && *problem.detail != '\0');
}

static void
assert_refused(const char *text, size_t length, const char *pointer, const char *code)
{
    problem = (struct json_problem){0};
    assert_null(json_parse(arena, &accounts__create_client_request__rules, text, length, NULL,
                           &notes, &problem));
    assert_problem(pointer, code);
}

static void
test_reads_every_kind_of_field(void **state)
{
    (void)state;
    Accounts__CreateClientRequest *client = parse_client(
        " {\"name\": \"Caf\\u00e9 \\ud83d\\ude00 \\\"A\\\\B\\/\\n\",\t\"locale\":\"en\", "
        "\"address\":{\"city\":\"Le Havre\"},\r\n\"payment_terms_days\":-0,"
        "\"commission\":{\"triggers\":[\"milestones\",\"project_closed\"],"
        "\"milestones\":[{\"consumed_bp\":5000},{\"date\":\"2026-12-31\"}],"
        "\"fixed_fee_cents\":9007199254740991,\"rate_bp\":-9007199254740991}} ");
    assert_non_null(client);
    assert_string_equal(client->name, "Café 😀 \"A\\B/\n");
    assert_int_equal(client->locale, ACCOUNTS__LOCALE__LOCALE_EN);
    assert_true(client->has_payment_terms_days && client->payment_terms_days == 0);
    assert_false(client->has_report_frequency);
    assert_string_equal(client->address->city, "Le Havre");
    assert_null(client->siren);
    const Common__Commission *commission = client->commission;
    assert_int_equal(commission->n_triggers, 2);
    assert_int_equal(commission->triggers[1], COMMON__TRIGGER__TRIGGER_PROJECT_CLOSED);
    assert_int_equal(commission->n_milestones, 2);
    assert_string_equal(commission->milestones[1]->date, "2026-12-31");
    assert_true(commission->fixed_fee_cents == INT64_C(9007199254740991));
    assert_true(commission->rate_bp == INT64_C(-9007199254740991));
}

static void
test_empty_body_is_an_empty_object(void **state)
{
    (void)state;
    ProtobufCMessage *message =
        json_parse(arena, &accounts__get_me_request__rules, NULL, 0, NULL, &notes, &problem);
    assert_non_null(message);
    assert_string_equal(written(&accounts__get_me_request__rules, message), "{}");
    assert_non_null(parse_client("{}"));
}

static void
test_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        " ",
        "{",
        "}",
        "{\"name\"",
        "{\"name\":",
        "{\"name\":}",
        "{\"name\" \"x\"}",
        "{name:1}",
        "{'name':1}",
        "{} {}",
        "{}x",
        "{,}",
        "{\"name\":\"x\",}",
        "\xEF\xBB\xBF{}",
        "{\"name\":\"x",
        "nul",
        "+1",
        "-",
        "{}\v",
        "// c\n{}",
        "{\"name\":\"x\"\"siren\":\"y\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        problem = (struct json_problem){0};
        assert_null(parse_client(texts[i]));
        assert_string_equal(problem.code, "malformed_json");
    }
    assert_refused("{\"name\":NaN}", 12, "/name", "malformed_json");
    assert_refused("{\"address\":{\"city\":\"x\" 1}}", 26, "/address", "malformed_json");
    assert_refused("{\"payment_terms_days\":012}", 26, "", "malformed_json");
    assert_refused("{\"name\":\"\\x\"}", 13, "/name", "malformed_json");
    assert_refused("{\"name\":\"a\nb\"}", 14, "/name", "malformed_json");
    assert_refused("{\"name\":\"x\"}\0", 13, "", "malformed_json");
}

static void
test_refuses_text_that_is_no_text(void **state)
{
    (void)state;
    static const char *const names[] = {
        "\\u0000", "\\ud800",  "\\udc00",      "\\ud800\\u0041",   "\\ud800x", "\\u12g4", "\\u12",
        "\xC3",    "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xFF",     "ok\x80",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = arena_printf(arena, "{\"billing_contact\":{\"name\":\"%s\"}}", names[i]);
        assert_refused(text, strlen(text), "/billing_contact/name", "malformed_json");
    }
    assert_refused("{\"name\":\"a\0b\"}", 14, "/name", "malformed_json");
    assert_refused("{\"\\u0000\":1}", 12, "", "malformed_json");
}

static const struct {
    const char *text, *pointer, *code;
} refused[] = {
    {"[]", "", "wrong_type"},
    {"null", "", "wrong_type"},
    {"1", "", "wrong_type"},
    {"{\"nom\":1}", "/nom", "unknown_field"},
    {"{\"Name\":\"x\"}", "/Name", "unknown_field"},
    {"{\"a/b~c\":1}", "/a~1b~0c", "unknown_field"},
    {"{\"\\u0061\\/b\":1.5}", "/a~1b", "wrong_type"},
    {"{\"\":1}", "/", "unknown_field"},
    {"{\"name\":\"x\",\"n\\u0061me\":\"y\"}", "/name", "duplicate_field"},
    {"{\"address\":{\"city\":\"x\",\"city\":\"x\"}}", "/address/city", "duplicate_field"},
    {"{\"name\":1}", "/name", "wrong_type"},
    {"{\"name\":null}", "/name", "wrong_type"},
    {"{\"name\":[\"x\"]}", "/name", "wrong_type"},
    {"{\"address\":\"x\"}", "/address", "wrong_type"},
    {"{\"address\":[]}", "/address", "wrong_type"},
    {"{\"payment_terms_days\":\"30\"}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":true}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":30.0}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":3e1}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":9007199254740992}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":-9007199254740992}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":9223372036854775808}", "/payment_terms_days", "wrong_type"},
    {"{\"payment_terms_days\":99999999999999999999999}", "/payment_terms_days", "wrong_type"},
    {"{\"commission\":{\"triggers\":\"milestones\"}}", "/commission/triggers", "wrong_type"},
    {"{\"commission\":{\"triggers\":[null]}}", "/commission/triggers/0", "wrong_type"},
    {"{\"commission\":{\"milestones\":[{},{\"day\":1}]}}", "/commission/milestones/1/day",
     "unknown_field"},
    {"{\"locale\":1}", "/locale", "wrong_type"},
};

static void
test_refuses_members_that_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_refused(refused[i].text, strlen(refused[i].text), refused[i].pointer,
                       refused[i].code);
}

static void
test_a_word_of_no_enum_is_a_value_that_no_rule_admits(void **state)
{
    (void)state;
    static const char *const words[] = {"de", "EN", "locale_en", ""};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        Accounts__CreateClientRequest *request =
            parse_client(arena_printf(arena, "{\"locale\":\"%s\"}", words[i]));
        assert_non_null(request);
        assert_true((int)request->locale == ENUM_UNKNOWN);
    }
}

static const char *
nested(size_t depth)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "{\"name\":");
    for (size_t i = 1; i < depth; i++)
        buffer_text(&out, "[");
    for (size_t i = 1; i < depth; i++)
        buffer_text(&out, "]");
    buffer_text(&out, "}");
    return out.bytes;
}

static void
test_limits_depth_values_and_names(void **state)
{
    (void)state;
    const char *text = nested(JSON_DEPTH_MAX);
    assert_refused(text, strlen(text), "/name", "wrong_type");
    text = nested(JSON_DEPTH_MAX + 1);
    assert_refused(text, strlen(text), "/name/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", "malformed_json");
    text = nested(500000);
    assert_null(parse_client(text));

    struct buffer out;
    buffer_init(&out, arena);
    for (size_t i = 0; i <= JSON_VALUES_MAX; i++)
        buffer_text(&out, i == 0 ? "{\"commission\":{\"triggers\":[1" : ",1");
    buffer_text(&out, "]}}");
    assert_null(parse_client(out.bytes));
    assert_string_equal(problem.code, "malformed_json");

    text = arena_printf(arena, "{\"%0200d\":1}", 1);
    assert_refused(text, strlen(text), "", "unknown_field");
}

static bool
has_name(const char *name)
{
    for (size_t i = 0; i < notes.present_count; i++) {
        if (strcmp(notes.present[i], name) == 0)
            return true;
    }
    return false;
}

static size_t
field_index(const struct message_rules *rules, const char *name)
{
    const ProtobufCMessageDescriptor *type = rules->descriptor;
    return (size_t)(protobuf_c_message_descriptor_get_field_by_name(type, name) - type->fields);
}

static void
test_patch_tells_what_was_given(void **state)
{
    (void)state;
    static const char text[] = "{\"name\":null,\"iban\":\"x\",\"address\":{\"line2\":null,"
                               "\"city\":\"Paris\"},\"commission\":{\"milestones\":"
                               "[{\"date\":\"2026-01-01\"}],\"triggers\":null}}";
    Accounts__UpdateClientRequest *request = (Accounts__UpdateClientRequest *)json_parse(
        arena, &accounts__update_client_request__rules, text, strlen(text),
        &accounts__client__rules, &notes, &problem);
    assert_non_null(request);
    assert_null(request->name);
    assert_string_equal(request->address->city, "Paris");
    static const char *const names[] = {"name",
                                        "iban",
                                        "address.line2",
                                        "address.city",
                                        "commission.milestones",
                                        "commission.triggers"};
    assert_int_equal(notes.present_count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < notes.present_count; i++)
        assert_true(has_name(names[i]));
}

static void
test_patch_replaces_alternatives_and_nulls_whole(void **state)
{
    (void)state;
    const struct message_rules alternative = {.descriptor = &common__address__descriptor,
                                              .fields = common__address__rules.fields,
                                              .exactly_one = true};
    const struct message_rules *client = &accounts__update_client_request__rules;
    struct field_rules *fields =
        arena_memdup(arena, client->fields, client->descriptor->n_fields * sizeof *fields);
    fields[field_index(client, "address")].message = &alternative;
    const struct message_rules rules = {.descriptor = client->descriptor, .fields = fields};
    static const char text[] = "{\"address\":{\"city\":\"x\"},\"billing_address\":null}";
    assert_non_null(json_parse(arena, &rules, text, strlen(text), &rules, &notes, &problem));
    assert_int_equal(notes.present_count, 2);
    assert_true(has_name("address") && has_name("billing_address"));
}

static void
assert_patch_refused(const char *text, const char *pointer, const char *code)
{
    assert_null(json_parse(arena, &accounts__update_client_request__rules, text, strlen(text),
                           &accounts__client__rules, &notes, &problem));
    assert_problem(pointer, code);
}

static void
assert_immutable(size_t i, const char *pointer)
{
    assert_string_equal(notes.violations[i].pointer, pointer);
    assert_string_equal(notes.violations[i].code, "immutable");
}

static void
test_patch_refuses_what_cannot_change(void **state)
{
    (void)state;
    /* The id is in the path. What may be set is read all the same, for the rules to be checked. */
    static const char text[] =
        "{\"status\":\"active\",\"name\":\"x\",\"version\":null,\"id\":\"x\"}";
    Accounts__UpdateClientRequest *request = (Accounts__UpdateClientRequest *)json_parse(
        arena, &accounts__update_client_request__rules, text, strlen(text),
        &accounts__client__rules, &notes, &problem);
    assert_non_null(request);
    assert_string_equal(request->name, "x");
    assert_int_equal(notes.present_count, 1);
    assert_int_equal(notes.violations_count, 3);
    assert_immutable(0, "/status");
    assert_immutable(1, "/version");
    assert_immutable(2, "/id");
    assert_patch_refused("{\"stat\":1}", "/stat", "unknown_field");
    assert_patch_refused("{\"address\":{\"status\":1}}", "/address/status", "unknown_field");
    assert_patch_refused("{\"commission\":{\"triggers\":[null]}}", "/commission/triggers/0",
                         "wrong_type");
    assert_null(parse(&accounts__update_client_request__rules, "{\"id\":\"x\"}"));
    assert_problem("/id", "unknown_field");
}

static void
test_rules_hide_and_compute(void **state)
{
    (void)state;
    struct field_rules fields[4];
    memcpy(fields, accounts__update_user_request__rules.fields, sizeof fields);
    fields[1].flags |= RULE_HIDDEN;
    fields[2].flags |= RULE_COMPUTED;
    fields[3].flags |= RULE_SECRET;
    struct field_rules all[5];
    memcpy(all, accounts__update_user_request__rules.fields, sizeof all);
    memcpy(all, fields, sizeof fields);
    const struct message_rules rules = {.descriptor = &accounts__update_user_request__descriptor,
                                        .fields = all};
    assert_null(parse(&rules, "{\"email\":\"x\"}"));
    assert_problem("/email", "unknown_field");
    assert_non_null(parse(&rules, "{\"first_name\":\"x\"}"));
    assert_immutable(0, "/first_name");
    Accounts__UpdateUserRequest request = ACCOUNTS__UPDATE_USER_REQUEST__INIT;
    request.email = request.first_name = request.last_name = (char[]){"x"};
    assert_string_equal(written(&rules, &request), "{\"first_name\":\"x\",\"last_name\":\"x\"}");
}

static void
test_writes_in_the_order_of_field_numbers(void **state)
{
    (void)state;
    Accounts__CreateClientRequest *client = parse_client(
        "{\"report_frequency\":\"semimonthly\",\"payment_terms_days\":45,\"name\":\"\\u0001\\b\\t"
        "\\\"\\\\/é\",\"commission\":{\"basis\":\"fixed_fee\",\"fixed_fee_cents\":-1,"
        "\"triggers\":[\"milestones\",\"session_completed\"]}}");
    assert_string_equal(
        written(&accounts__create_client_request__rules, client),
        "{\"name\":\"\\u0001\\b\\t\\\"\\\\/é\",\"commission\":{\"basis\":\"fixed_fee\","
        "\"fixed_fee_cents\":-1,\"triggers\":[\"milestones\",\"session_completed\"],"
        "\"milestones\":[]},\"payment_terms_days\":45,\"report_frequency\":\"semimonthly\"}");
    struct buffer plain;
    buffer_init(&plain, arena);
    json_write_plain(&plain, &client->commission->base);
    assert_string_equal(plain.bytes, "{\"basis\":\"fixed_fee\",\"fixed_fee_cents\":-1,\"triggers\":"
                                     "[\"milestones\",\"session_completed\"],\"milestones\":[]}");
}

static void
test_writes_strings_that_are_always_valid(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, arena);
    json_string(&out, "a\xFF\xC3é\xE2\x82\n😀");
    assert_string_equal(out.bytes, "\"a\uFFFD\uFFFDé\uFFFD\uFFFD\\n😀\"");
}

static void
test_reads_what_the_database_holds(void **state)
{
    (void)state;
    Common__Commission *commission = (Common__Commission *)json_read(
        arena, &common__commission__descriptor,
        "{\"basis\": \"fixed_fee\", \"later\": [1, {}], \"rate_bp\": null, \"milestones\": null, "
        "\"triggers\": [\"milestones\"]}");
    assert_non_null(commission);
    assert_false(commission->has_rate_bp);
    assert_int_equal(commission->n_triggers, 1);
    assert_null(json_read(arena, &common__commission__descriptor, "{\"basis\": 1}"));
    assert_null(json_read(arena, &common__commission__descriptor, "[]"));
    assert_null(json_read(arena, &common__commission__descriptor, "{"));

    ProtobufCMessage **items;
    size_t count;
    assert_true(json_read_array(arena, &common__milestone__descriptor,
                                "[{\"date\": \"2026-01-01\"}, {\"consumed_bp\": 7}]", &items,
                                &count));
    assert_int_equal(count, 2);
    assert_int_equal(((Common__Milestone *)items[1])->consumed_bp, 7);
    assert_true(json_read_array(arena, &common__milestone__descriptor, "[]", &items, &count));
    assert_int_equal(count, 0);
    assert_false(json_read_array(arena, &common__milestone__descriptor, "{}", &items, &count));
    assert_false(json_read_array(arena, &common__milestone__descriptor, "[1]", &items, &count));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(test_reads_every_kind_of_field),
        TEST(test_empty_body_is_an_empty_object),
        TEST(test_refuses_what_is_not_json),
        TEST(test_refuses_text_that_is_no_text),
        TEST(test_refuses_members_that_do_not_fit),
        TEST(test_a_word_of_no_enum_is_a_value_that_no_rule_admits),
        TEST(test_limits_depth_values_and_names),
        TEST(test_patch_tells_what_was_given),
        TEST(test_patch_replaces_alternatives_and_nulls_whole),
        TEST(test_patch_refuses_what_cannot_change),
        TEST(test_rules_hide_and_compute),
        TEST(test_writes_in_the_order_of_field_numbers),
        TEST(test_writes_strings_that_are_always_valid),
        TEST(test_reads_what_the_database_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
