/* SPDX-License-Identifier: Apache-2.0
 * Rules of fields: every violation is told, with its pointer and code, and strings get their stored
 * form. Tables are the contract's own, but for the last tests. */
#include "validate.h"

#include "accounts.rules.h"
#include "fixtures.h"
#include "json.h"

#include <string.h>

static struct call call;
static struct rpc_method method;
static Wire__RequestHeader header;
static Wire__Caller caller;

static int
set_up(void **state)
{
    open_arena(state);
    method = (struct rpc_method){.name = "test.Method"};
    caller = (Wire__Caller)WIRE__CALLER__INIT;
    caller.role = (char *)(uintptr_t) "operator";
    header = (Wire__RequestHeader)WIRE__REQUEST_HEADER__INIT;
    header.caller = &caller;
    return 0;
}

static enum rpc_status
validate_message(const struct message_rules *rules, ProtobufCMessage *message)
{
    call = (struct call){.arena = arena, .method = &method, .header = &header};
    call.problem = (Wire__Problem)WIRE__PROBLEM__INIT;
    call.reply_header = (Wire__ReplyHeader)WIRE__REPLY_HEADER__INIT;
    return validate_request(&call, rules, message);
}

/* Parses and validates; for a PATCH with what was present in the header. */
static enum rpc_status
validate(const struct message_rules *rules, const char *text, ProtobufCMessage **message)
{
    struct json_notes notes;
    struct json_problem problem = {0};
    *message =
        json_parse(arena, rules, text, strlen(text), method.patch ? rules : NULL, &notes, &problem);
    if (*message == NULL)
        fail_msg("%s %s: %s", problem.pointer, problem.code, text);
    header.n_present = notes.present_count;
    header.present = (char **)(uintptr_t)notes.present;
    return validate_message(rules, *message);
}

/* "/name required" and so on, one a line, in the order found. */
static const char *
violations(void)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (size_t i = 0; i < call.problem.n_errors; i++) {
        const Wire__Violation *violation = call.problem.errors[i];
        assert_true(violation->detail != NULL && *violation->detail != '\0');
        buffer_printf(&out, "%s%s %s", i == 0 ? "" : "\n", violation->pointer, violation->code);
    }
    return out.bytes;
}

static void
assert_client(const char *text, const char *expected)
{
    ProtobufCMessage *message;
    enum rpc_status status = validate(&accounts__create_client_request__rules, text, &message);
    assert_string_equal(violations(), expected);
    assert_int_equal(status, *expected == '\0' ? RPC_OK : RPC_INVALID);
}

static void
test_normalises_identifiers(void **state)
{
    (void)state;
    ProtobufCMessage *message;
    assert_int_equal(
        validate(&accounts__create_client_request__rules,
                 "{\"name\":\" ACME \",\"siren\":\"732 829\u00A0320\",\"vat_number\":"
                 "\"fr 44 732\u202F829 320\",\"iban\":\"fr76 3000 6000 0112 3456 7890 189\","
                 "\"bic\":\"agri frpp\",\"billing_contact\":{\"email\":\" a.b@acme.example\u00a0\","
                 "\"phone\":\"01 42.86-83 26\"}}",
                 &message),
        RPC_OK);
    const Accounts__CreateClientRequest *client = (Accounts__CreateClientRequest *)message;
    assert_string_equal(client->name, " ACME ");
    assert_string_equal(client->siren, "732829320");
    assert_string_equal(client->vat_number, "FR44732829320");
    assert_string_equal(client->iban, "FR7630006000011234567890189");
    assert_string_equal(client->bic, "AGRIFRPP");
    assert_string_equal(client->billing_contact->email, "a.b@acme.example");
    assert_string_equal(client->billing_contact->phone, "+33142868326");
}

static void
test_normalises_phones(void **state)
{
    (void)state;
    static const char *const phones[] = {"0142868326", "+33 1 42 86 83 26", "+33 (0)1 42 86 83 26",
                                         "0033142868326", "01/42/86/83/26"};
    for (size_t i = 0; i < sizeof phones / sizeof phones[0]; i++) {
        ProtobufCMessage *message;
        const char *text = arena_printf(arena, "{\"phone\":\"%s\"}", phones[i]);
        assert_int_equal(validate(&accounts__billing_contact__rules, text, &message), RPC_OK);
        assert_string_equal(((Accounts__BillingContact *)message)->phone, "+33142868326");
    }
}

static void
test_tells_all_violations(void **state)
{
    (void)state;
    assert_client("{\"siren\":\"732829321\",\"vat_number\":\"FR45732829320\",\"iban\":\"FR7\","
                  "\"bic\":\"X\",\"address\":{\"country\":\"France\"},\"billing_contact\":"
                  "{\"email\":\"nobody\",\"phone\":\"12\"},\"commission\":{\"rate_bp\":10001,"
                  "\"fixed_fee_cents\":0},\"payment_terms_days\":61,\"external_id\":\"\"}",
                  "/name required\n"
                  "/siren invalid_siren\n"
                  "/vat_number invalid_vat_number\n"
                  "/iban invalid_iban\n"
                  "/bic invalid_bic\n"
                  "/address/line1 required\n"
                  "/address/postal_code required\n"
                  "/address/city required\n"
                  "/address/country invalid_country\n"
                  "/billing_contact/email invalid_email\n"
                  "/billing_contact/phone invalid_phone\n"
                  "/commission/basis required\n"
                  "/commission/rate_bp out_of_range\n"
                  "/commission/fixed_fee_cents out_of_range\n"
                  "/commission/triggers required\n"
                  "/payment_terms_days out_of_range\n"
                  "/external_id too_short");
}

static void
test_counts_characters_not_bytes(void **state)
{
    (void)state;
    struct buffer name;
    buffer_init(&name, arena);
    for (size_t i = 0; i < 200; i++)
        buffer_text(&name, "é");
    assert_client(arena_printf(arena, "{\"name\":\"%s\"}", name.bytes), "");
    assert_client(arena_printf(arena, "{\"name\":\"%sx\"}", name.bytes), "/name too_long");
    assert_client("{\"name\":\"\"}", "/name required");
}

static void
test_refuses_control_characters(void **state)
{
    (void)state;
    assert_client("{\"name\":\"a\\nb\"}", "/name invalid_characters");
    assert_client("{\"name\":\"a\\u007fb\"}", "/name invalid_characters");
    assert_client("{\"name\":\"a\\u0085b\"}", "/name invalid_characters");
    ProtobufCMessage *message;
    static const char sentence[] = "{\"key\":\"k\",\"locale\":\"fr\",\"valid_from\":\"2026-01-01\","
                                   "\"text\":\"one\\r\\n\\ttwo%s\"}";
    assert_int_equal(
        validate(&accounts__dated_text__rules, arena_printf(arena, sentence, ""), &message),
        RPC_OK);
    assert_string_equal(((Accounts__DatedText *)message)->text, "one\n\ttwo");
    assert_int_equal(
        validate(&accounts__dated_text__rules, arena_printf(arena, sentence, "\\u0007"), &message),
        RPC_INVALID);
    assert_string_equal(violations(), "/text invalid_characters");
}

/* What comes from another program was not read by json_parse. */
static void
test_refuses_what_the_wire_lets_pass(void **state)
{
    (void)state;
    Accounts__CreateClientRequest client = ACCOUNTS__CREATE_CLIENT_REQUEST__INIT;
    client.name = arena_strdup(arena, "a\xFF");
    SET(&client, locale, (Accounts__Locale)77);
    assert_int_equal(validate_message(&accounts__create_client_request__rules, &client.base),
                     RPC_INVALID);
    assert_string_equal(violations(), "/name invalid_characters\n/locale unknown_value");
    assert_string_equal(call.problem.errors[1]->detail, "must be one of: fr, en");
}

static void
test_lists(void **state)
{
    (void)state;
    assert_client("{\"name\":\"x\",\"commission\":{\"basis\":\"fixed_fee\",\"triggers\":[]}}",
                  "/commission/triggers required");
    assert_client("{\"name\":\"x\",\"commission\":{\"basis\":\"fixed_fee\",\"triggers\":"
                  "[\"milestones\",\"milestones\",\"milestones\",\"milestones\"]}}",
                  "/commission/triggers too_many_items");
    assert_client("{\"name\":\"x\",\"commission\":{\"basis\":\"fixed_fee\",\"triggers\":"
                  "[\"milestones\"],\"milestones\":[{\"date\":\"2026-02-28\"},"
                  "{\"date\":\"2026-02-29\"},{},{\"date\":\"2026-01-01\",\"consumed_bp\":0}]}}",
                  "/commission/milestones/1/date invalid_date\n"
                  "/commission/milestones/2 exactly_one\n"
                  "/commission/milestones/3 exactly_one\n"
                  "/commission/milestones/3/consumed_bp out_of_range");
}

static void
assert_patch(const char *text, enum rpc_status expected_status, const char *expected)
{
    ProtobufCMessage *message;
    method.patch = true;
    enum rpc_status status = validate(&accounts__update_client_request__rules, text, &message);
    assert_string_equal(violations(), expected);
    assert_int_equal(status, expected_status);
}

static void
test_patch_checks_what_is_present(void **state)
{
    (void)state;
    assert_patch("{}", RPC_OK, "");
    assert_patch("{\"bic\":null,\"siren\":\"732 829 320\"}", RPC_OK, "");
    assert_patch("{\"name\":null,\"locale\":null,\"siren\":\"1\"}", RPC_INVALID,
                 "/name required\n/siren invalid_siren\n/locale required");
    assert_patch("{\"address\":{\"city\":\"Lyon\"}}", RPC_OK, "");
    assert_patch("{\"address\":{\"city\":null}}", RPC_INVALID, "/address/city required");
    assert_patch("{\"address\":null}", RPC_OK, "");
}

static void
test_fields_of_administrators(void **state)
{
    (void)state;
    assert_patch("{\"iban\":\"nonsense\",\"name\":null}", RPC_FORBIDDEN, "");
    assert_non_null(strstr(call.problem.detail, "iban"));
    assert_patch("{\"commission\":null}", RPC_FORBIDDEN, "");
    caller.role = (char *)(uintptr_t) "admin";
    assert_patch("{\"iban\":\"FR7630006000011234567890189\",\"commission\":null}", RPC_OK, "");
    header.caller = NULL;
    assert_patch("{\"iban\":null}", RPC_FORBIDDEN, "");
}

static void
test_malformed_path_is_not_found(void **state)
{
    (void)state;
    Accounts__UpdateClientRequest request = ACCOUNTS__UPDATE_CLIENT_REQUEST__INIT;
    method.patch = true;
    request.id = arena_strdup(arena, "0192A3B4-C5D6-7E8F-9A0B-1C2D3E4F5A6B");
    assert_int_equal(validate_message(&accounts__update_client_request__rules, &request.base),
                     RPC_OK);
    assert_string_equal(request.id, "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b");
    static const char *const bad[] = {"1", "", "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6", "\xFF",
                                      "a\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        request.id = arena_strdup(arena, bad[i]);
        assert_int_equal(validate_message(&accounts__update_client_request__rules, &request.base),
                         RPC_NOT_FOUND);
        assert_int_equal(call.problem.n_errors, 0);
    }
}

/* One string field with a format, checked by a table of our own. */
static void
assert_format(enum rule_format format, const char *text, const char *code)
{
    struct field_rules fields[1] = {{.format = format, .min = 1, .max = 5000}};
    const struct message_rules rules = {.descriptor = &common__id__descriptor, .fields = fields};
    Common__Id message = COMMON__ID__INIT;
    message.id = arena_strdup(arena, text);
    enum rpc_status status = validate_message(&rules, &message.base);
    const char *expected = *code == '\0' ? "" : arena_printf(arena, "/id %s", code);
    assert_string_equal(violations(), expected);
    assert_int_equal(status, *code == '\0' ? RPC_OK : RPC_INVALID);
}

static void
test_formats(void **state)
{
    (void)state;
    assert_format(FORMAT_UUID, "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b", "");
    assert_format(FORMAT_UUID, "x", "invalid_uuid");
    assert_format(FORMAT_INSTANT, "2026-11-22T18:19:00.123Z", "");
    assert_format(FORMAT_INSTANT, "2026-11-22", "invalid_instant");
    assert_format(FORMAT_CURRENCY, "EUR", "");
    assert_format(FORMAT_CURRENCY, "USD", "currency_not_supported");
    assert_format(FORMAT_URL, "https://escarcelle.example/ui", "");
    assert_format(FORMAT_URL, "javascript:1", "invalid_url");
    assert_format(FORMAT_PASSWORD, "eleven char", "too_short");
    assert_format(FORMAT_PASSWORD, "twelve chars", "");
    assert_format(FORMAT_PASSWORD, arena_printf(arena, "%0201d", 0), "too_long");
    assert_format(FORMAT_PAGE_TOKEN, "eyJ4IjoxfQ", "");
    assert_format(FORMAT_PAGE_TOKEN, "a b", "invalid_page_token");
    assert_format(FORMAT_PATH, "/v1/invoices/1/pdf", "");
    assert_format(FORMAT_PATH, "/v1/../x", "invalid_path");
    assert_format(FORMAT_PATH, "//evil.example/v1/", "invalid_path");
    assert_format(FORMAT_PATH, "/v1/clients?q=a", "invalid_path");
    assert_format(FORMAT_PATH, "/v1/clients#a", "invalid_path");
    assert_format(FORMAT_COUNTRY, "fr", "invalid_country");
}

static void
assert_amount(const struct field_rules *field, int64_t value, const char *detail)
{
    struct field_rules fields[2] = {{.format = FORMAT_PLAIN, .min = 1, .max = 200}, *field};
    const struct message_rules rules = {.descriptor = &common__milestone__descriptor,
                                        .fields = fields};
    Common__Milestone message = COMMON__MILESTONE__INIT;
    SET(&message, consumed_bp, value);
    enum rpc_status status = validate_message(&rules, &message.base);
    assert_int_equal(status, detail == NULL ? RPC_OK : RPC_INVALID);
    if (detail != NULL)
        assert_string_equal(call.problem.errors[0]->detail, detail);
}

static void
test_bounds_of_amounts(void **state)
{
    (void)state;
    struct field_rules any = {.format = FORMAT_MONEY, .min = INT64_MIN, .max = INT64_MAX};
    assert_amount(&any, INT64_C(1000000000000000), NULL);
    assert_amount(&any, INT64_C(-1000000000000000), NULL);
    assert_amount(&any, INT64_C(1000000000000001),
                  "must lie between -1000000000000000 and 1000000000000000");
    struct field_rules rate = {.format = FORMAT_RATE, .min = INT64_MIN, .max = INT64_MAX};
    assert_amount(&rate, 0, NULL);
    assert_amount(&rate, 10000, NULL);
    assert_amount(&rate, -1, "must lie between 0 and 10000");
    struct field_rules positive = {.format = FORMAT_PLAIN, .min = 1, .max = INT64_MAX};
    assert_amount(&positive, INT64_MAX, NULL);
    assert_amount(&positive, 0, "must be at least 1");
    struct field_rules negative = {.format = FORMAT_PLAIN, .min = INT64_MIN, .max = -1};
    assert_amount(&negative, 0, "must be at most -1");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(test_normalises_identifiers),
        TEST(test_normalises_phones),
        TEST(test_tells_all_violations),
        TEST(test_counts_characters_not_bytes),
        TEST(test_refuses_control_characters),
        TEST(test_refuses_what_the_wire_lets_pass),
        TEST(test_lists),
        TEST(test_patch_checks_what_is_present),
        TEST(test_fields_of_administrators),
        TEST(test_malformed_path_is_not_found),
        TEST(test_formats),
        TEST(test_bounds_of_amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
