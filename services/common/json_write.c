/* SPDX-License-Identifier: Apache-2.0
 * Messages to JSON, straight from the descriptor in the order of field numbers. */
#include "json.h"

#include "checks.h"
#include "fields.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void write_message(struct buffer *out, const struct message_rules *rules,
                          const ProtobufCMessage *message);

static bool
is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && byte != '"' && byte != '\\';
}

static void
write_escaped(struct buffer *out, char byte)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *pair = letters; *pair != '\0'; pair += 2) {
        if (pair[0] == byte) {
            buffer_append(out, (char[]){'\\', pair[1]}, 2);
            return;
        }
    }
    buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)byte);
}

/* Length of the valid UTF-8 character at text, 0 when there is none. */
static size_t
character_length(const char *text)
{
    size_t left = strnlen(text, 4);
    for (size_t length = 1; length <= left; length++) {
        if (check_utf8(text, length))
            return length;
    }
    return 0;
}

/* Text that came from outside unchecked (a path, a header): what is not UTF-8 becomes U+FFFD. */
static const char *
repaired(struct arena *arena, const char *text)
{
    struct buffer out;
    buffer_init(&out, arena);
    while (*text != '\0') {
        size_t length = character_length(text);
        if (length == 0)
            buffer_text(&out, "\xEF\xBF\xBD");
        else
            buffer_append(&out, text, length);
        text += length == 0 ? 1 : length;
    }
    return out.bytes;
}

void
json_string(struct buffer *out, const char *text)
{
    if (!check_utf8(text, strlen(text)))
        text = repaired(out->arena, text);
    buffer_append(out, "\"", 1);
    while (*text != '\0') {
        const char *end = text;
        while (is_plain(*end))
            end++;
        buffer_append(out, text, (size_t)(end - text));
        if (*end == '\0')
            break;
        write_escaped(out, *end);
        text = end + 1;
    }
    buffer_append(out, "\"", 1);
}

static void
write_integer(struct buffer *out, int64_t value)
{
    char digits[20]; /* of 2^63 and its sign */
    char *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    buffer_append(out, at, (size_t)(digits + sizeof digits - at));
}

static void
write_value(struct buffer *out, const struct message_rules *rules,
            const ProtobufCFieldDescriptor *field, union field_value value)
{
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        write_integer(out, value.integer);
        break;
    case FIELD_BOOLEAN:
        buffer_text(out, value.integer ? "true" : "false");
        break;
    case FIELD_ENUM:
        json_string(out, enum_word(out->arena, field->descriptor, (int)value.integer));
        break;
    case FIELD_STRING:
        json_string(out, value.string);
        break;
    case FIELD_BYTES:
        buffer_append(out, "\"", 1);
        base64url_write(out, value.bytes.data, value.bytes.len);
        buffer_append(out, "\"", 1);
        break;
    case FIELD_MESSAGE:
        write_message(out, rules, value.message);
        break;
    case FIELD_REAL:
        assert(false && "floating point is not used");
    }
}

static void
write_field(struct buffer *out, const struct message_rules *rules, const ProtobufCMessage *message,
            const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        write_value(out, rules, field, field_value(message, field, 0));
        return;
    }
    size_t count = field_count(message, field);
    buffer_append(out, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        write_value(out, rules, field, field_value(message, field, i));
    }
    buffer_append(out, "]", 1);
}

/* Lists are written even when empty: their absence would say nothing else. */
static bool
is_written(const struct field_rules *rules, const ProtobufCMessage *message,
           const ProtobufCFieldDescriptor *field)
{
    if (rules != NULL && rules->flags & RULE_HIDDEN)
        return false;
    return field->label == PROTOBUF_C_LABEL_REPEATED || field_is_set(message, field);
}

/* `rules` may be NULL: everything is written. */
static void
write_message(struct buffer *out, const struct message_rules *rules,
              const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    assert(rules == NULL || rules->descriptor == type);
    const char *separator = "{\"";
    for (unsigned i = 0; i < type->n_fields; i++) {
        const struct field_rules *field_rules = rules == NULL ? NULL : &rules->fields[i];
        if (!is_written(field_rules, message, &type->fields[i]))
            continue;
        buffer_append(out, separator, 2);
        buffer_text(out, type->fields[i].name);
        buffer_append(out, "\":", 2);
        write_field(out, field_rules == NULL ? NULL : field_rules->message, message,
                    &type->fields[i]);
        separator = ",\"";
    }
    buffer_text(out, separator[0] == '{' ? "{}" : "}");
}

void
json_write(struct buffer *out, const struct message_rules *rules, const ProtobufCMessage *message)
{
    assert(rules != NULL);
    write_message(out, rules, message);
}

void
json_write_value(struct buffer *out, const ProtobufCMessage *message,
                 const ProtobufCFieldDescriptor *field)
{
    write_field(out, NULL, message, field);
}

void
json_write_plain(struct buffer *out, const ProtobufCMessage *message)
{
    write_message(out, NULL, message);
}
