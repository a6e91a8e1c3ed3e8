/* SPDX-License-Identifier: Apache-2.0
 * JSON to messages: strictly by rules for requests, leniently for what our own database holds. */
#include "json_tree.h"

#include "call.h"
#include "fields.h"

#include <assert.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct json_problem *problem;
    const struct message_rules *object; /* of a PATCH: what may exist without being changeable */
    struct json_notes *notes;           /* NULL: our own text */
    bool lenient;                       /* our own text: unknown members and nulls are skipped */
};

static ProtobufCMessage *read_message(struct reader *reader, const struct message_rules *rules,
                                      const ProtobufCMessageDescriptor *type, const cJSON *object,
                                      const struct path *path, bool merged);

static bool
refuse(struct reader *reader, const struct path *path, const char *code, const char *detail)
{
    *reader->problem = (struct json_problem){path_pointer(reader->arena, path), code, detail};
    return false;
}

/* Room for one more; the size doubles where the count is a power of two. */
static void *
widen(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    if ((count & (count - 1)) != 0)
        return items;
    void *wider = arena_array(arena, count == 0 ? 1 : count * 2, item_bytes);
    if (count > 0)
        memcpy(wider, items, count * item_bytes);
    return wider;
}

static void
add_present(struct reader *reader, const struct path *path)
{
    struct json_notes *notes = reader->notes;
    notes->present = widen(reader->arena, notes->present, notes->present_count, sizeof(char *));
    notes->present[notes->present_count++] = path_dotted(reader->arena, path);
}

/* A rule is broken, but what else the text says is worth knowing: the service tells all of it. */
static bool
note_immutable(struct reader *reader, const struct path *path, const char *detail)
{
    struct json_notes *notes = reader->notes;
    if (notes->violations_count == JSON_VIOLATIONS_MAX)
        return true;
    notes->violations =
        widen(reader->arena, notes->violations, notes->violations_count, sizeof *notes->violations);
    notes->violations[notes->violations_count++] =
        (struct json_problem){path_pointer(reader->arena, path), "immutable", detail};
    return true;
}

static bool
read_enum(struct reader *reader, const ProtobufCFieldDescriptor *field, const cJSON *json,
          const struct path *path, union field_value *value)
{
    int number;
    if (!cJSON_IsString(json))
        return refuse(reader, path, "wrong_type", "must be a word in quotes");
    bool known = enum_value(field->descriptor, json->valuestring, &number);
    if (!known && reader->lenient)
        return false;
    value->integer = known ? number : ENUM_UNKNOWN;
    return true;
}

static bool
read_bytes(struct reader *reader, const cJSON *json, const struct path *path,
           union field_value *value)
{
    if (!cJSON_IsString(json) || !base64url_read(reader->arena, json->valuestring, &value->bytes))
        return refuse(reader, path, "wrong_type", "must be text in base64url without padding");
    return true;
}

static bool
read_value(struct reader *reader, const ProtobufCFieldDescriptor *field, const cJSON *json,
           const struct path *path, union field_value *value)
{
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        if (!cJSON_IsNumber(json))
            return refuse(reader, path, "wrong_type", "must be a whole number");
        value->integer = (int64_t)json->valuedouble; /* exact: the scan saw to it */
        return true;
    case FIELD_BOOLEAN:
        if (!cJSON_IsBool(json))
            return refuse(reader, path, "wrong_type", "must be true or false");
        value->integer = cJSON_IsTrue(json);
        return true;
    case FIELD_ENUM:
        return read_enum(reader, field, json, path, value);
    case FIELD_STRING:
        if (!cJSON_IsString(json))
            return refuse(reader, path, "wrong_type", "must be text in quotes");
        value->string = arena_strdup(reader->arena, json->valuestring);
        return true;
    case FIELD_BYTES:
        return read_bytes(reader, json, path, value);
    case FIELD_MESSAGE:
    case FIELD_REAL:
        break;
    }
    assert(false && "messages are read by read_message, floating point is not used");
    return false;
}

/* One value, or one element of a repeated field. */
static bool
read_one(struct reader *reader, const struct field_rules *rules,
         const ProtobufCFieldDescriptor *field, const cJSON *json, const struct path *path,
         bool merged, ProtobufCMessage *message)
{
    union field_value value = {0};
    if (field_kind(field) == FIELD_MESSAGE) {
        const struct message_rules *nested = rules == NULL ? NULL : rules->message;
        value.message = read_message(reader, nested, field->descriptor, json, path, merged);
        if (value.message == NULL)
            return false;
    } else if (!read_value(reader, field, json, path, &value)) {
        return false;
    }
    if (!field_add(reader->arena, message, field, value))
        return refuse(reader, path, "wrong_type", "must be a smaller whole number");
    return true;
}

static bool
read_field(struct reader *reader, const struct field_rules *rules,
           const ProtobufCFieldDescriptor *field, const cJSON *json, const struct path *path,
           bool merged, ProtobufCMessage *message)
{
    if (cJSON_IsNull(json)) {
        if (reader->lenient || reader->object != NULL)
            return true;
        return refuse(reader, path, "wrong_type", "must not be null; leave it out instead");
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return read_one(reader, rules, field, json, path, merged, message);
    if (!cJSON_IsArray(json))
        return refuse(reader, path, "wrong_type", "must be a list");
    struct path element = {.parent = path};
    for (const cJSON *item = json->child; item != NULL; item = item->next, element.index++) {
        if (!read_one(reader, rules, field, item, &element, false, message))
            return false;
    }
    return true;
}

/* The field that a member means; NULL when a request may not name it. */
static const ProtobufCFieldDescriptor *
find_field(const struct message_rules *rules, const ProtobufCMessageDescriptor *type,
           const char *name, uint32_t unseen)
{
    const ProtobufCFieldDescriptor *field = field_find(type, name);
    if (field == NULL || rules == NULL)
        return field;
    return rules->fields[field - type->fields].flags & unseen ? NULL : field;
}

static bool
refuse_unknown(struct reader *reader, const struct path *path)
{
    bool top = path->parent->parent == NULL;
    if (top && reader->object != NULL &&
        find_field(reader->object, reader->object->descriptor, path->name, RULE_HIDDEN) != NULL)
        return note_immutable(reader, path, "cannot be changed; leave it out");
    return refuse(reader, path, "unknown_field", "is not a field of this request");
}

/* A PATCH merges objects member by member, but replaces lists and alternatives whole. */
static bool
is_merged(const struct field_rules *rules, const ProtobufCFieldDescriptor *field, const cJSON *json)
{
    return rules != NULL && rules->message != NULL && !rules->message->exactly_one &&
           field->label != PROTOBUF_C_LABEL_REPEATED && cJSON_IsObject(json);
}

static bool
read_member(struct reader *reader, const struct message_rules *rules, const cJSON *json,
            const struct path *path, bool merged, bool *seen, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const ProtobufCFieldDescriptor *field =
        find_field(rules, type, json->string, RULE_PATH | RULE_HIDDEN);
    if (field == NULL)
        return reader->lenient || refuse_unknown(reader, path);
    size_t number = (size_t)(field - type->fields);
    if (seen[number])
        return refuse(reader, path, "duplicate_field", "is given twice");
    seen[number] = true;
    const struct field_rules *field_rules = rules == NULL ? NULL : &rules->fields[number];
    if (field_rules != NULL && field_rules->flags & RULE_COMPUTED)
        return note_immutable(reader, path, "is computed; leave it out");
    bool deeper = merged && is_merged(field_rules, field, json);
    if (merged && !deeper)
        add_present(reader, path);
    return read_field(reader, field_rules, field, json, path, deeper, message);
}

/* `merged`: the members given are told, because a PATCH keeps the others. */
static ProtobufCMessage *
read_message(struct reader *reader, const struct message_rules *rules,
             const ProtobufCMessageDescriptor *type, const cJSON *object, const struct path *path,
             bool merged)
{
    if (!cJSON_IsObject(object)) {
        (void)refuse(reader, path, "wrong_type", "must be an object");
        return NULL;
    }
    ProtobufCMessage *message = message_new(reader->arena, type);
    bool *seen = arena_array(reader->arena, type->n_fields + 1, sizeof *seen);
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        struct path child = {.parent = path, .name = member->string};
        if (!read_member(reader, rules, member, &child, merged, seen, message))
            return NULL;
    }
    return message;
}

ProtobufCMessage *
json_parse(struct arena *arena, const struct message_rules *rules, const char *text, size_t length,
           const struct message_rules *object, struct json_notes *notes,
           struct json_problem *problem)
{
    struct reader reader = {.arena = arena, .problem = problem, .object = object, .notes = notes};
    *notes = (struct json_notes){0};
    if (length == 0)
        return message_new(arena, rules->descriptor);
    struct json_tree *tree = json_tree_parse(arena, text, length, problem);
    if (tree == NULL)
        return NULL;
    struct path root = {0};
    ProtobufCMessage *message =
        read_message(&reader, rules, rules->descriptor, tree->root, &root, object != NULL);
    json_tree_free(tree);
    return message;
}

ProtobufCMessage *
json_read(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const char *text)
{
    struct json_problem problem;
    struct reader reader = {.arena = arena, .problem = &problem, .lenient = true};
    struct json_tree *tree = json_tree_parse(arena, text, strlen(text), &problem);
    if (tree == NULL)
        return NULL;
    struct path root = {0};
    ProtobufCMessage *message = read_message(&reader, NULL, descriptor, tree->root, &root, false);
    json_tree_free(tree);
    return message;
}

static bool
read_array(struct reader *reader, const ProtobufCMessageDescriptor *type, const cJSON *array,
           ProtobufCMessage ***items, size_t *count)
{
    if (!cJSON_IsArray(array))
        return false;
    *items = arena_array(reader->arena, (size_t)cJSON_GetArraySize(array) + 1, sizeof **items);
    *count = 0;
    struct path root = {0};
    for (const cJSON *item = array->child; item != NULL; item = item->next) {
        ProtobufCMessage *message = read_message(reader, NULL, type, item, &root, false);
        if (message == NULL)
            return false;
        (*items)[(*count)++] = message;
    }
    return true;
}

bool
json_read_array(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const char *text,
                ProtobufCMessage ***items, size_t *count)
{
    struct json_problem problem;
    struct reader reader = {.arena = arena, .problem = &problem, .lenient = true};
    struct json_tree *tree = json_tree_parse(arena, text, strlen(text), &problem);
    if (tree == NULL)
        return false;
    bool fits = read_array(&reader, descriptor, tree->root, items, count);
    json_tree_free(tree);
    return fits;
}
