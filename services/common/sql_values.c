/* SPDX-License-Identifier: Apache-2.0
 * Values in and out of statements: parameters from request and call, columns into messages. */
#include "json.h"
#include "sql_compile.h"
#include "states.h"

#include "dates.h"

#include <sodium.h>
#include <string.h>

/* ---- the call's values */

static const char *
call_new_id(struct call *call)
{
    return call->new_id;
}

static const char *
call_today(struct call *call)
{
    return call->today;
}

static const char *
call_user_id(struct call *call)
{
    const Wire__Caller *caller = call->header->caller;

    return caller != NULL && caller->kind != NULL && strcmp(caller->kind, "user") == 0 ? caller->id
                                                                                       : NULL;
}

static const char *
call_caller_id(struct call *call)
{
    return call->header->caller == NULL ? NULL : call->header->caller->id;
}

static const char *
call_caller_role(struct call *call)
{
    return call->header->caller == NULL ? NULL : call->header->caller->role;
}

/* Whose identifiers of our objects the caller's are: all people share one system, the keys of one
 * name another, so that a key can be replaced. */
static const char *
call_caller_system(struct call *call)
{
    const Wire__Caller *caller = call->header->caller;

    if (caller == NULL || caller->kind == NULL)
        return NULL;
    return strcmp(caller->kind, "user") == 0
               ? "users"
               : arena_printf(call->arena, "%s:%s", caller->kind,
                              caller->name == NULL ? "" : caller->name);
}

static const char *
call_token_id(struct call *call)
{
    return call->header->caller == NULL ? NULL : call->header->caller->token_id;
}

static const char *
call_if_match(struct call *call)
{
    call->matched = true;
    return call->header->has_if_match
               ? arena_printf(call->arena, "%lld", (long long)call->header->if_match)
               : NULL;
}

static const char *
call_event_id(struct call *call)
{
    return call->event == NULL ? NULL : call->event->event_id;
}

static const char *
call_occurred_at(struct call *call)
{
    return call->event == NULL ? NULL : call->event->occurred_at;
}

static const struct {
    const char *name;
    sql_call_value *value;
} call_values[] = {
    {"caller_id", call_caller_id},
    {"caller_role", call_caller_role},
    {"caller_system", call_caller_system},
    {"event_id", call_event_id},
    {"from", states_left},
    {"if_match", call_if_match},
    {"new_id", call_new_id},
    {"occurred_at", call_occurred_at},
    {"to", state_next},
    {"today", call_today},
    {"token_id", call_token_id},
    {"user_id", call_user_id},
};

sql_call_value *
sql_call_value_find(const char *name)
{
    for (size_t i = 0; i < sizeof call_values / sizeof *call_values; i++)
        if (strcmp(call_values[i].name, name) == 0)
            return call_values[i].value;
    return NULL;
}

/* ---- binding */

static const void *
member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (const char *)message + field->offset;
}

static size_t
items(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count;

    memcpy(&count, (const char *)message + field->quantifier_offset, sizeof count);
    return count;
}

/* Repeated scalars: an array literal. */
static const char *
array_text(struct arena *arena, const ProtobufCMessage *message,
           const ProtobufCFieldDescriptor *field)
{
    size_t count = items(message, field);
    const char **texts = arena_array(arena, count + 1, sizeof *texts);
    const void *const *list = member(message, field);

    for (size_t i = 0; i < count; i++)
        if (field->type == PROTOBUF_C_TYPE_STRING)
            texts[i] = ((char *const *)*list)[i];
        else if (field->type == PROTOBUF_C_TYPE_ENUM)
            texts[i] = enum_word(arena, field->descriptor, ((const int *)*list)[i]);
        else
            texts[i] = arena_printf(arena, "%lld", (long long)((const int64_t *)*list)[i]);
    return db_array(arena, texts, count);
}

static const char *
json_text(struct arena *arena, const ProtobufCMessage *message,
          const ProtobufCFieldDescriptor *field)
{
    struct buffer out;

    buffer_init(&out, arena);
    json_write_value(&out, message, field);
    return out.bytes;
}

static const char *
request_text(struct arena *arena, const ProtobufCMessage *message, const struct field_path *path)
{
    const ProtobufCFieldDescriptor *field;

    for (size_t i = 0; i + 1 < path->depth; i++) {
        message = *(ProtobufCMessage *const *)member(message, path->fields[i]);
        if (message == NULL)
            return NULL;
    }
    field = path->fields[path->depth - 1];
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return field->label == PROTOBUF_C_LABEL_REPEATED || field_is_set(message, field)
                   ? json_text(arena, message, field)
                   : NULL;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return array_text(arena, message, field);
    if (!field_is_set(message, field))
        return NULL;
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *bytes = member(message, field);
        return db_bytes(arena, bytes->data, bytes->len);
    }
    return field_text(arena, message, field);
}

/* The text as a pattern of like: its own wildcards mean themselves. */
static const char *
search_pattern(struct arena *arena, const char *text)
{
    struct buffer out;

    if (text == NULL)
        return NULL;
    buffer_init(&out, arena);
    buffer_text(&out, "%");
    for (; *text != '\0'; text++) {
        if (strchr("%_\\", *text) != NULL)
            buffer_text(&out, "\\");
        buffer_append(&out, text, 1);
    }
    buffer_text(&out, "%");
    return out.bytes;
}

enum { SQL_PAGE_SIZE = 50 };

static const char *
limit_text(struct call *call, const ProtobufCMessage *request)
{
    const char *size = message_text(call->arena, request, "page_size");

    return size == NULL ? arena_printf(call->arena, "%d", SQL_PAGE_SIZE + 1)
                        : arena_printf(call->arena, "%lld", atoll(size) + 1);
}

const char *
sql_page_key(struct arena *arena, const char *token)
{
    size_t length = 0, size = token == NULL ? 0 : strlen(token);
    char *key = arena_alloc(arena, size + 1);

    if (token == NULL || sodium_base642bin((unsigned char *)key, size, token, size, NULL, &length,
                                           NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return NULL;
    if (memchr(key, '\0', length) != NULL) /* what is behind it would go unseen */
        return NULL;
    key[length] = '\0';
    return key;
}

const char *const *
sql_bind(struct call *call, const struct sql_statement *statement, const void *request)
{
    const struct sql_compiled *compiled = statement->compiled;
    const char **values = arena_array(call->arena, compiled->bindings_count + 1, sizeof *values);

    for (size_t i = 0; i < compiled->bindings_count; i++) {
        const struct sql_binding *binding = &compiled->bindings[i];

        switch (binding->source) {
        case SQL_FROM_REQUEST:
            values[i] = request_text(call->arena, request, &binding->path);
            break;
        case SQL_FROM_CALL:
            values[i] = sql_call_value_find(binding->name)(call);
            break;
        case SQL_FROM_STATES:
            values[i] = states_allowed(call, compiled->row->short_name);
            break;
        case SQL_FROM_PRESENCE:
            values[i] = call_present(call, binding->name) ? "t" : "f";
            break;
        case SQL_FROM_SEARCH:
            values[i] =
                search_pattern(call->arena, request_text(call->arena, request, &binding->path));
            break;
        case SQL_FROM_PAGE:
            values[i] =
                sql_page_key(call->arena, request_text(call->arena, request, &binding->path));
            break;
        case SQL_FROM_LIMIT:
            values[i] = limit_text(call, request);
            break;
        }
    }
    return values;
}

/* ---- decoding */

/* The message that holds the path's last field; made where it is missing. */
static ProtobufCMessage *
holder(struct arena *arena, ProtobufCMessage *message, const struct field_path *path)
{
    for (size_t i = 0; i + 1 < path->depth; i++) {
        ProtobufCMessage **nested =
            (ProtobufCMessage **)(void *)((char *)message + path->fields[i]->offset);

        if (*nested == NULL)
            *nested = message_new(arena, path->fields[i]->descriptor);
        message = *nested;
    }
    return message;
}

/* {a,"b \"c\"",NULL}: one item at a time; our arrays hold no nulls. */
static bool
decode_array(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
             const char *text)
{
    text++;
    while (*text != '}' && *text != '\0') {
        struct buffer item;
        bool quoted = *text == '"';

        buffer_init(&item, arena);
        text += quoted;
        while (*text != '\0' && (quoted ? *text != '"' : strchr(",}", *text) == NULL)) {
            text += quoted && *text == '\\';
            buffer_append(&item, text++, 1);
        }
        text += quoted;
        text += *text == ',';
        if (!field_set_text(arena, message, field, item.length == 0 ? "" : item.bytes))
            return false;
    }
    return true;
}

static bool
decode_json(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
            const char *text)
{
    void *at = (char *)message + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return json_read_array(arena, field->descriptor, text, at,
                               (size_t *)(void *)((char *)message + field->quantifier_offset));
    *(ProtobufCMessage **)at = json_read(arena, field->descriptor, text);
    return *(ProtobufCMessage **)at != NULL;
}

static bool
decode_bytes(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
             const char *text)
{
    ProtobufCBinaryData *bytes = (void *)((char *)message + field->offset);

    bytes->data = db_unbytes(arena, text, &bytes->len);
    *(protobuf_c_boolean *)((char *)message + field->quantifier_offset) = 1;
    return true;
}

enum { TYPE_TIMESTAMPTZ = 1184 };

bool
sql_decode(struct call *call, const struct sql_statement *statement, const PGresult *result,
           int row, ProtobufCMessage *message)
{
    const struct sql_compiled *compiled = statement->compiled;

    for (size_t i = 0; i < compiled->columns_count; i++) {
        const struct sql_column *column = &compiled->columns[i];
        const ProtobufCFieldDescriptor *field = column->path.fields[column->path.depth - 1];
        const char *text = db_value(result, row, (int)i);
        bool ok;

        if (text == NULL)
            continue;
        ProtobufCMessage *target = holder(call->arena, message, &column->path);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            ok = decode_json(call->arena, target, field, text);
        else if (field->label == PROTOBUF_C_LABEL_REPEATED)
            ok = decode_array(call->arena, target, field, text);
        else if (field->type == PROTOBUF_C_TYPE_BYTES)
            ok = decode_bytes(call->arena, target, field, text);
        else
            ok = field_set_text(
                call->arena, target, field,
                column->type == TYPE_TIMESTAMPTZ ? instant_from_sql(call->arena, text) : text);
        if (!ok)
            return false;
    }
    return true;
}
