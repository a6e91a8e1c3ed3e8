/* SPDX-License-Identifier: Apache-2.0
 * The walk through a request by its rules. It changes nothing but the form of strings, and never
 * looks into the database: references and states are checked elsewhere. */
#include "validate.h"

#include "checks.h"
#include "fields.h"
#include "formats.h"
#include "json.h"
#include "money.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { PASSWORD_CHARACTERS_MIN = 12, PASSWORD_CHARACTERS_MAX = 200, RATE_BP_MAX = 10000 };

struct bounds {
    int64_t min, max;
};

static void check_message(struct call *call, const struct message_rules *rules,
                          ProtobufCMessage *message, const struct path *path);

#define VIOLATION(call, path, ...)                                                                 \
    call_violation(call, path_dotted((call)->arena, path), __VA_ARGS__)

/* Formats narrow what the table says; they never widen it. */
static struct bounds
bounds_of(const struct field_rules *rules)
{
    struct bounds bounds = {rules->min, rules->max}, format = {INT64_MIN, INT64_MAX};
    if (rules->format == FORMAT_MONEY)
        format = (struct bounds){-MONEY_CENTS_MAX, MONEY_CENTS_MAX};
    else if (rules->format == FORMAT_RATE)
        format = (struct bounds){0, RATE_BP_MAX};
    else if (rules->format == FORMAT_PASSWORD)
        format = (struct bounds){PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX};
    return (struct bounds){
        .min = bounds.min > format.min ? bounds.min : format.min,
        .max = bounds.max < format.max ? bounds.max : format.max,
    };
}

static void
check_integer(struct call *call, const struct field_rules *rules, int64_t value,
              const struct path *path)
{
    struct bounds bounds = bounds_of(rules);
    if (value >= bounds.min && value <= bounds.max)
        return;
    if (bounds.max == INT64_MAX)
        VIOLATION(call, path, "out_of_range", "must be at least %" PRId64, bounds.min);
    else if (bounds.min == INT64_MIN)
        VIOLATION(call, path, "out_of_range", "must be at most %" PRId64, bounds.max);
    else
        VIOLATION(call, path, "out_of_range", "must lie between %" PRId64 " and %" PRId64,
                  bounds.min, bounds.max);
}

static int64_t
count_characters(const char *text)
{
    int64_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* C0, DEL and C1; text of several lines may hold newlines and tabs. */
static bool
has_control_characters(const char *text, bool lines)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];
        if (lines && (byte == '\n' || byte == '\t'))
            continue;
        if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next >= 0x80 && next <= 0x9F))
            return true;
    }
    return false;
}

static bool
check_length(struct call *call, const struct field_rules *rules, const char *text,
             const struct path *path)
{
    struct bounds bounds = bounds_of(rules);
    int64_t length = count_characters(text);
    if (length == 0 && bounds.min > 0 && rules->flags & RULE_REQUIRED)
        VIOLATION(call, path, "required", "is required; it must not be empty");
    else if (length < bounds.min)
        VIOLATION(call, path, "too_short", "must have at least %" PRId64 " character%s", bounds.min,
                  bounds.min == 1 ? "" : "s");
    else if (length > bounds.max)
        VIOLATION(call, path, "too_long", "must have at most %" PRId64 " characters", bounds.max);
    else
        return true;
    return false;
}

/* At most one violation per string: the later checks rely on the earlier ones. */
static void
check_string(struct call *call, const struct field_rules *rules, const char *text,
             const struct path *path)
{
    bool lines = rules->format == FORMAT_TEXT;
    if (has_control_characters(text, lines)) {
        VIOLATION(call, path, "invalid_characters", "must not hold control characters%s",
                  lines ? " other than newlines and tabs" : "");
        return;
    }
    if (!check_length(call, rules, text, path))
        return;
    const struct format_fault *fault = format_check(rules->format, text);
    if (fault != NULL)
        VIOLATION(call, path, fault->code, "%s", fault->sentence);
}

static void
check_text(struct call *call, const struct field_rules *rules, ProtobufCMessage *message,
           const ProtobufCFieldDescriptor *field, size_t index, const struct path *path)
{
    union field_value value = field_value(message, field, index);
    if (!check_utf8(value.string, strlen(value.string))) {
        VIOLATION(call, path, "invalid_characters", "must be valid UTF-8");
        return;
    }
    value.string = format_normalise(call->arena, rules->format, value.string);
    field_replace(message, field, index, value);
    check_string(call, rules, value.string, path);
}

static void
check_value(struct call *call, const struct field_rules *rules, ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field, size_t index, const struct path *path)
{
    union field_value value = field_value(message, field, index);
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        check_integer(call, rules, value.integer, path);
        break;
    case FIELD_ENUM:
        if (protobuf_c_enum_descriptor_get_value(field->descriptor, (int)value.integer) == NULL)
            VIOLATION(call, path, "unknown_value", "must be one of: %s",
                      enum_words(call->arena, field->descriptor));
        break;
    case FIELD_STRING:
        check_text(call, rules, message, field, index, path);
        break;
    case FIELD_MESSAGE:
        if (rules->message != NULL)
            check_message(call, rules->message, value.message, path);
        break;
    case FIELD_BOOLEAN:
    case FIELD_BYTES:
        break;
    case FIELD_REAL:
        assert(false && "floating point is not used");
    }
}

static void
check_items(struct call *call, const struct field_rules *rules, ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field, const struct path *path)
{
    size_t count = field_count(message, field);
    if (count > rules->items_max) {
        VIOLATION(call, path, "too_many_items", "must have at most %" PRIu32 " item%s",
                  rules->items_max, rules->items_max == 1 ? "" : "s");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct path item = {.parent = path, .index = i};
        check_value(call, rules, message, field, i, &item);
    }
}

static void
check_field(struct call *call, const struct field_rules *rules, ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field, const struct path *path)
{
    bool set = field_is_set(message, field);
    if (!set && rules->flags & RULE_REQUIRED)
        VIOLATION(call, path, "required", "is required");
    else if (field->label == PROTOBUF_C_LABEL_REPEATED)
        check_items(call, rules, message, field, path);
    else if (set)
        check_value(call, rules, message, field, 0, path);
}

static void
check_exactly_one(struct call *call, const ProtobufCMessage *message, const struct path *path)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    struct buffer names;
    buffer_init(&names, call->arena);
    size_t set = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        set += field_is_set(message, &type->fields[i]);
        buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", type->fields[i].name);
    }
    if (set != 1)
        VIOLATION(call, path, "exactly_one", "must have exactly one of: %s", names.bytes);
}

static void
check_message(struct call *call, const struct message_rules *rules, ProtobufCMessage *message,
              const struct path *path)
{
    if (rules->exactly_one)
        check_exactly_one(call, message, path);
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        struct path child = {.parent = path, .name = field->name};
        check_field(call, &rules->fields[i], message, field, &child);
    }
}

static bool
is_patch(const struct call *call)
{
    return call->method != NULL && call->method->patch;
}

/* A nested object is merged too, unless its fields are alternatives (RFC 7396, api.md). */
static bool
is_merged(const struct field_rules *rules, const ProtobufCMessage *message,
          const ProtobufCFieldDescriptor *field)
{
    return rules->message != NULL && field->label != PROTOBUF_C_LABEL_REPEATED &&
           !rules->message->exactly_one && field_is_set(message, field);
}

/* A PATCH keeps what it does not give, so only what it gives is checked; null clears. */
static void
check_patch(struct call *call, const struct message_rules *rules, ProtobufCMessage *request,
            const struct path *root)
{
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const struct field_rules *field_rules = &rules->fields[i];
        struct path path = {.parent = root, .name = field->name};
        if (field_rules->flags & RULE_PATH || !call_present(call, path_dotted(call->arena, &path)))
            continue;
        if (is_merged(field_rules, request, field))
            check_patch(call, field_rules->message, field_value(request, field, 0).message, &path);
        else if (!field_is_set(request, field) && field_rules->flags & RULE_REQUIRED)
            VIOLATION(call, &path, "required", "cannot be cleared; give a value or leave it out");
        else
            check_field(call, field_rules, request, field, &path);
    }
}

static bool
is_admin(const struct call *call)
{
    const Wire__Caller *caller = call->header->caller;
    return caller != NULL && caller->role != NULL && strcmp(caller->role, "admin") == 0;
}

/* Whether the request says anything of a field, if only that it be cleared. */
static bool
is_given(const struct call *call, const ProtobufCMessage *message,
         const ProtobufCFieldDescriptor *field, const char *dotted)
{
    return field_is_set(message, field) || (is_patch(call) && call_present(call, dotted));
}

/* A role comes before any other rule: whoever may not set a field learns nothing else. */
static enum rpc_status
check_roles(struct call *call, const struct message_rules *rules, const ProtobufCMessage *message,
            const struct path *parent)
{
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        struct path path = {.parent = parent, .name = field->name};
        if (rules->fields[i].only != RPC_ROLE_NONE && !is_admin(call)) {
            assert(rules->fields[i].only == RPC_ROLE_ADMIN);
            const char *dotted = path_dotted(call->arena, &path);
            if (is_given(call, message, field, dotted))
                return call_fail(call, RPC_FORBIDDEN, dotted, "can be set by administrators only");
        }
        if (rules->fields[i].message == NULL)
            continue;
        for (size_t k = 0; k < field_count(message, field); k++)
            TRY(check_roles(call, rules->fields[i].message, field_value(message, field, k).message,
                            &path));
    }
    return RPC_OK;
}

/* What cannot name an object names none: a path is judged before the body. */
static enum rpc_status
check_path_fields(struct call *call, const struct message_rules *rules, ProtobufCMessage *request)
{
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const struct field_rules *field_rules = &rules->fields[i];
        if (!(field_rules->flags & RULE_PATH) || field_kind(field) != FIELD_STRING ||
            !field_is_set(request, field))
            continue;
        union field_value value = field_value(request, field, 0);
        const char *text = value.string;
        if (!check_utf8(text, strlen(text)) || has_control_characters(text, false))
            return call_fail(call, RPC_NOT_FOUND, field->name, "names nothing that exists");
        value.string = format_normalise(call->arena, field_rules->format, value.string);
        field_replace(request, field, 0, value);
        if (count_characters(value.string) > bounds_of(field_rules).max ||
            format_check(field_rules->format, value.string) != NULL)
            return call_fail(call, RPC_NOT_FOUND, field->name, "names nothing that exists");
    }
    return RPC_OK;
}

/* What the gateway found, which no message can hold. */
static void
add_found(struct call *call)
{
    for (size_t i = 0; i < call->header->n_violations; i++) {
        const Wire__Violation *found = call->header->violations[i];
        call_violation(call, found->pointer, found->code, "%s", found->detail);
    }
}

enum rpc_status
validate_request(struct call *call, const struct message_rules *rules, ProtobufCMessage *request)
{
    assert(request->descriptor == rules->descriptor);
    struct path root = {0};
    TRY(check_roles(call, rules, request, &root));
    TRY(check_path_fields(call, rules, request));
    add_found(call);
    if (is_patch(call))
        check_patch(call, rules, request, &root);
    else
        check_message(call, rules, request, &root);
    if (call->method != NULL && call->method->check != NULL)
        call->method->check(call, request);
    return call_violations(call);
}
