/* SPDX-License-Identifier: Apache-2.0
 * JSON to protobuf and back, by descriptor and rules. cJSON parses after a scan of ours; replies
 * are written straight from the message. snake_case names, enums as lower-case words, absent fields
 * left out, lists written even when empty. */
#ifndef ESCARCELLE_JSON_H
#define ESCARCELLE_JSON_H

#include "arena.h"
#include "rpc.h"

enum {
    JSON_DEPTH_MAX = 16,
    JSON_BODY_BYTES_MAX = 1 << 20,
    JSON_VALUES_MAX = 100000,
    JSON_VIOLATIONS_MAX = 100
};

/* Why a text was refused: JSON pointer, stable code (malformed_json, unknown_field,
 * duplicate_field, wrong_type) and a sentence that follows the pointer.
 */
struct json_problem {
    const char *pointer, *code, *detail;
};

/* What a text says beside its message. */
struct json_notes {
    /* What a PATCH gave (null included), dotted: members of objects one by one ("address.city"),
     * because they are merged; lists and alternatives as a whole, because they are replaced. */
    const char **present;
    size_t present_count;
    /* Fields that a request may not set (immutable): the service tells them with what else breaks a
     * rule. At most JSON_VIOLATIONS_MAX. */
    struct json_problem *violations;
    size_t violations_count;
};

/* Parses text (need not be NUL-ended) into a new message of rules' type in the arena; NULL and
 * *problem on failure. A member named by a RULE_PATH or RULE_HIDDEN field is unknown; a word that no
 * enum has becomes ENUM_UNKNOWN, which no rule admits. `object` is NULL but for PATCH, where it is
 * the reply's rules: a member it knows and the request doesn't is `immutable`, and null is accepted. */
ProtobufCMessage *json_parse(struct arena *arena, const struct message_rules *rules,
                             const char *text, size_t length, const struct message_rules *object,
                             struct json_notes *notes, struct json_problem *problem);

/* Appends a message as JSON. */
void json_write(struct buffer *out, const struct message_rules *rules,
                const ProtobufCMessage *message);
/* The same without rules: every field of the descriptor (jsonb parameters, audit). */
void json_write_plain(struct buffer *out, const ProtobufCMessage *message);
/* Appends the value of one field that is set, or of a list. */
void json_write_value(struct buffer *out, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field);
/* Appends a quoted, escaped JSON string; bytes that are not UTF-8 become U+FFFD. */
void json_string(struct buffer *out, const char *text);

/* Parses jsonb text from our own database by descriptor; NULL when it does not fit. For a repeated
 * field the text is an array: use json_read_array. */
ProtobufCMessage *json_read(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                            const char *text);
/* The same for an array of objects; false when it does not fit. */
bool json_read_array(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                     const char *text, ProtobufCMessage ***items, size_t *count);

/* One scalar from text (path segment, query parameter, SQL column) into its field; false when it
 * does not fit the type. Booleans: true, false and PostgreSQL's t, f; bytes: base64url and
 * PostgreSQL's \x…. Repeated fields: appends; they must not have come from the wire. */
bool field_set_text(struct arena *arena, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, const char *text);
/* A scalar field as text, NULL when absent. Enums as their word, bytes as PostgreSQL's \x…. */
const char *field_text(struct arena *arena, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);
/* "CLIENT_STATUS_PENDING" → "pending"; out lives as long as the arena. */
const char *enum_word(struct arena *arena, const ProtobufCEnumDescriptor *type, int value);
enum { ENUM_UNKNOWN = -1 /* the value of no word */ };
/* "pending" → value; false when there is none. */
bool enum_value(const ProtobufCEnumDescriptor *type, const char *word, int *value);
/* A timestamptz as PostgreSQL writes it in a UTC session, "2026-11-22 18:18:00.123456+00", as RFC
 * 3339 with milliseconds: "2026-11-22T18:18:00.123Z"; NULL when it is of another shape. */
const char *instant_from_sql(struct arena *arena, const char *text);
/* Whether an optional field is set (strings: not NULL; messages: not NULL; repeated: n > 0). */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

#endif
