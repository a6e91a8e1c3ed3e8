/* SPDX-License-Identifier: Apache-2.0
 * Fields of messages read, set and named by descriptor. It knows no rules and no JSON. */
#include "fields.h"

#include "call.h"
#include "json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

ProtobufCMessage *
message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

uint8_t *
message_pack(struct arena *arena, const ProtobufCMessage *message, size_t *length)
{
    uint8_t *bytes = arena_alloc(arena, protobuf_c_message_get_packed_size(message) + 1);
    *length = protobuf_c_message_pack(message, bytes);
    return bytes;
}

const char *
message_text(struct arena *arena, const ProtobufCMessage *message, const char *path)
{
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        const ProtobufCFieldDescriptor *field =
            field_find(message->descriptor, arena_strndup(arena, path, (size_t)(dot - path)));
        assert(field != NULL && field_kind(field) == FIELD_MESSAGE);
        assert(field->label != PROTOBUF_C_LABEL_REPEATED);
        if (!field_is_set(message, field))
            return NULL;
        message = field_value(message, field, 0).message;
        path = dot + 1;
    }
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, path);
    assert(field != NULL);
    return field_text(arena, message, field);
}

const ProtobufCFieldDescriptor *
field_find(const ProtobufCMessageDescriptor *type, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(type, name);
}

enum field_kind
field_kind(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return FIELD_INTEGER;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIELD_REAL;
    case PROTOBUF_C_TYPE_BOOL:
        return FIELD_BOOLEAN;
    case PROTOBUF_C_TYPE_ENUM:
        return FIELD_ENUM;
    case PROTOBUF_C_TYPE_STRING:
        return FIELD_STRING;
    case PROTOBUF_C_TYPE_BYTES:
        return FIELD_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        return FIELD_MESSAGE;
    }
    assert(false && "a type that protobuf-c does not have");
    abort();
}

static bool
is_wide(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_SINT64 ||
           field->type == PROTOBUF_C_TYPE_SFIXED64 || field->type == PROTOBUF_C_TYPE_UINT64 ||
           field->type == PROTOBUF_C_TYPE_FIXED64;
}

static bool
is_unsigned(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_FIXED32 ||
           field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_FIXED64;
}

static bool
integer_fits(const ProtobufCFieldDescriptor *field, int64_t value)
{
    int64_t min = is_unsigned(field) ? 0 : is_wide(field) ? INT64_MIN : INT32_MIN;
    int64_t max = is_wide(field) ? INT64_MAX : is_unsigned(field) ? UINT32_MAX : INT32_MAX;
    return value >= min && value <= max;
}

static size_t
value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        return is_wide(field) ? sizeof(int64_t) : sizeof(int32_t);
    case FIELD_BOOLEAN:
        return sizeof(protobuf_c_boolean);
    case FIELD_ENUM:
        return sizeof(int);
    case FIELD_STRING:
        return sizeof(char *);
    case FIELD_BYTES:
        return sizeof(ProtobufCBinaryData);
    case FIELD_MESSAGE:
        return sizeof(ProtobufCMessage *);
    case FIELD_REAL:
        break;
    }
    assert(false && "floating point is not used");
    abort();
}

static void *
member_at(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)(uintptr_t)message + offset;
}

/* protobuf-c keeps has_… in a boolean and n_… in a size_t, at the same descriptor member. */
static size_t *
repeated_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    assert(field->label == PROTOBUF_C_LABEL_REPEATED);
    return member_at(message, field->quantifier_offset);
}

size_t
field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *repeated_count(message, field);
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(void **)member_at(message, field->offset) != NULL;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        return *(protobuf_c_boolean *)member_at(message, field->quantifier_offset) != 0;
    return 1;
}

bool
field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return field_count(message, field) > 0;
}

static void *
value_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index)
{
    char *member = member_at(message, field->offset);
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return member;
    return *(char **)(void *)member + index * value_size(field);
}

union field_value
field_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index)
{
    assert(index < field_count(message, field));
    const void *at = value_at(message, field, index);
    union field_value value = {0};
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        if (is_wide(field))
            value.integer = *(const int64_t *)at;
        else if (is_unsigned(field))
            value.integer = *(const uint32_t *)at;
        else
            value.integer = *(const int32_t *)at;
        break;
    case FIELD_BOOLEAN:
        value.integer = *(const protobuf_c_boolean *)at != 0;
        break;
    case FIELD_ENUM:
        value.integer = *(const int *)at;
        break;
    case FIELD_STRING:
    case FIELD_BYTES:
    case FIELD_MESSAGE:
        memcpy(&value, at, value_size(field));
        break;
    case FIELD_REAL:
        assert(false && "floating point is not used");
    }
    return value;
}

static void
store(void *at, const ProtobufCFieldDescriptor *field, union field_value value)
{
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        if (is_wide(field))
            *(int64_t *)at = value.integer;
        else
            *(uint32_t *)at = (uint32_t)value.integer;
        break;
    case FIELD_BOOLEAN:
    case FIELD_ENUM:
        *(int *)at = (int)value.integer;
        break;
    case FIELD_STRING:
    case FIELD_BYTES:
    case FIELD_MESSAGE:
        memcpy(at, &value, value_size(field));
        break;
    case FIELD_REAL:
        assert(false && "floating point is not used");
    }
}

void
field_replace(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index,
              union field_value value)
{
    assert(index < field_count(message, field));
    store(value_at(message, field, index), field, value);
}

/* Room for one more: whenever the count reaches a power of two it is doubled. */
static void
repeated_grow(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count = *repeated_count(message, field);
    if ((count & (count - 1)) != 0)
        return;
    char **values = member_at(message, field->offset);
    char *wider = arena_array(arena, count == 0 ? 1 : count * 2, value_size(field));
    if (count > 0)
        memcpy(wider, *values, count * value_size(field));
    *values = wider;
}

bool
field_add(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
          union field_value value)
{
    if (field_kind(field) == FIELD_INTEGER && !integer_fits(field, value.integer))
        return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        repeated_grow(arena, message, field);
        store(value_at(message, field, (*repeated_count(message, field))++), field, value);
        return true;
    }
    store(value_at(message, field, 0), field, value);
    bool has_flag = field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE;
    if (has_flag && field->label == PROTOBUF_C_LABEL_OPTIONAL)
        *(protobuf_c_boolean *)member_at(message, field->quantifier_offset) = 1;
    return true;
}

const char *
path_pointer(struct arena *arena, const struct path *path)
{
    if (path->parent == NULL)
        return "";
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, path_pointer(arena, path->parent));
    if (path->name == NULL)
        buffer_printf(&out, "/%zu", path->index);
    else
        pointer_append(&out, path->name);
    return out.bytes;
}

const char *
path_dotted(struct arena *arena, const struct path *path)
{
    if (path->parent == NULL)
        return "";
    const char *parent = path_dotted(arena, path->parent);
    const char *dot = *parent == '\0' ? "" : ".";
    if (path->name == NULL)
        return arena_printf(arena, "%s%s%zu", parent, dot, path->index);
    return arena_printf(arena, "%s%s%s", parent, dot, path->name);
}

void
pointer_append(struct buffer *out, const char *name)
{
    buffer_text(out, "/");
    for (; *name != '\0'; name++) {
        if (*name == '~')
            buffer_text(out, "~0");
        else if (*name == '/')
            buffer_text(out, "~1");
        else
            buffer_append(out, name, 1);
    }
}
