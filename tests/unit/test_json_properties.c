/* SPDX-License-Identifier: Apache-2.0
 * JSON by property: random requests come out as they went in, damaged ones harm nothing. */
#include "accounts.rules.h"
#include "fixtures.h"
#include "json.h"

#include <inttypes.h>
#include <string.h>

enum { RANDOM_REQUESTS = 2000 };

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

static const char *
written(const struct message_rules *rules, const void *message)
{
    struct buffer out;
    buffer_init(&out, arena);
    json_write(&out, rules, message);
    return out.bytes;
}

static uint32_t seed;

static uint32_t
below(uint32_t limit)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % limit;
}

static void
random_space(struct buffer *out)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    buffer_text(out, spaces[below(7)]);
}

static void
random_string(struct buffer *out)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "é",
                                         "€",
                                         "😀",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "/",
                                         "\\/",
                                         "\\u00e9",
                                         "\\u0001",
                                         "\\ud83d\\ude00",
                                         "~",
                                         "\\uFFFF",
                                         " ",
                                         "\x7F"};
    buffer_text(out, "\"");
    for (uint32_t left = below(12); left > 0; left--)
        buffer_text(out, pieces[below(sizeof pieces / sizeof pieces[0])]);
    buffer_text(out, "\"");
}

static void
random_integer(struct buffer *out)
{
    uint64_t magnitude = ((uint64_t)below(1 << 24) << 29 | below(1 << 24)) >> below(53);
    buffer_printf(out, "%s%" PRIu64, below(2) ? "-" : "", magnitude);
}

static void random_object(struct buffer *out, const ProtobufCMessageDescriptor *type);

static void
random_value(struct buffer *out, const ProtobufCFieldDescriptor *field)
{
    random_space(out);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        random_object(out, field->descriptor);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        random_string(out);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *type = field->descriptor;
        int value = type->values[below(type->n_values)].value;
        buffer_printf(out, "\"%s\"", enum_word(arena, type, value));
    } else {
        assert_int_equal(field->type, PROTOBUF_C_TYPE_INT64);
        random_integer(out);
    }
    random_space(out);
}

static void
random_list(struct buffer *out, const ProtobufCFieldDescriptor *field)
{
    buffer_text(out, "[");
    for (uint32_t i = 0, count = below(6); i < count; i++) {
        buffer_text(out, i == 0 ? "" : ",");
        random_value(out, field);
    }
    buffer_text(out, "]");
}

/* Fields from a random one on, in a circle, each with a chance of two thirds. */
static void
random_object(struct buffer *out, const ProtobufCMessageDescriptor *type)
{
    const char *separator = "{";
    for (uint32_t i = 0, first = below(type->n_fields); i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[(first + i) % type->n_fields];
        if (below(3) == 0)
            continue;
        buffer_text(out, separator);
        random_space(out);
        buffer_printf(out, "\"%s\":", field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            random_list(out, field);
        else
            random_value(out, field);
        separator = ",";
    }
    buffer_text(out, *separator == '{' ? "{}" : "}");
}

static void
assert_same(const ProtobufCMessage *left, const ProtobufCMessage *right)
{
    size_t size = protobuf_c_message_get_packed_size(left);
    assert_int_equal(size, protobuf_c_message_get_packed_size(right));
    uint8_t *left_bytes = arena_alloc(arena, size + 1), *right_bytes = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(left, left_bytes);
    protobuf_c_message_pack(right, right_bytes);
    assert_memory_equal(left_bytes, right_bytes, size);
}

static void
test_round_trips_random_requests(void **state)
{
    (void)state;
    const struct message_rules *rules = &accounts__create_client_request__rules;
    for (seed = 1; seed <= RANDOM_REQUESTS; seed++) {
        uint32_t round = seed;
        struct buffer text;
        buffer_init(&text, arena);
        random_object(&text, rules->descriptor);
        ProtobufCMessage *first = parse(rules, text.bytes);
        if (first == NULL)
            fail_msg("seed %u: %s %s in %s", round, problem.pointer, problem.detail, text.bytes);
        const char *once = written(rules, first);
        ProtobufCMessage *second = parse(rules, once);
        assert_non_null(second);
        assert_same(first, second);
        assert_string_equal(once, written(rules, second));
        assert_same(first, json_read(arena, rules->descriptor, once));
        arena_reset(arena);
        seed = round;
    }
}

/* Every prefix and every text with one byte changed is either read or refused with a reason. */
static void
test_survives_damaged_requests(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]\":,\\u0-.e \x80\xC3";
    for (uint32_t round = 1; round <= RANDOM_REQUESTS; round++) {
        seed = round;
        struct buffer text;
        buffer_init(&text, arena);
        random_object(&text, &accounts__create_client_request__descriptor);
        size_t at = below((uint32_t)text.length);
        text.bytes[at] = bytes[below(sizeof bytes)];
        size_t length = below(2) ? text.length : at;
        char *exact = arena_memdup(arena, text.bytes, length + 1);
        problem = (struct json_problem){0};
        if (json_parse(arena, &accounts__create_client_request__rules, exact, length, NULL, &notes,
                       &problem) == NULL)
            assert_true(problem.pointer != NULL && problem.code != NULL && problem.detail != NULL);
        arena_reset(arena);
    }
}

static void
parse_within(size_t bytes_max)
{
    static const char text[] = "{\"name\":\"x\",\"address\":{\"city\":\"Paris\"},\"a\\/b\":1}";
    struct arena *small = arena_new(bytes_max);
    if (setjmp(*arena_overflow(small)) == 0)
        assert_null(json_parse(small, &accounts__create_client_request__rules, text, strlen(text),
                               NULL, &notes, &problem));
    arena_free(small);
}

/* AddressSanitizer's leak check is the assertion: cJSON's tree is not in the arena. */
static void
test_releases_the_tree_when_the_arena_overflows(void **state)
{
    (void)state;
    for (size_t bytes_max = 64; bytes_max < 3000; bytes_max += 16)
        parse_within(bytes_max);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trips_random_requests),
        TEST(test_survives_damaged_requests),
        TEST(test_releases_the_tree_when_the_arena_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
