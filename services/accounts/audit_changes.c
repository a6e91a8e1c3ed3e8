/* SPDX-License-Identifier: Apache-2.0
 * What changed between two states of an object, field by field. Pure. */
#include "audit.h"

#include "json.h"

#include <cjson/cJSON.h>
#include <string.h>

struct flattening {
    struct arena *arena;
    struct buffer *out;
    bool any;
};

/* Every change moves these; they would only be noise. */
static bool
is_bookkeeping(const char *name)
{
    return strcmp(name, "version") == 0 || strcmp(name, "revision") == 0 ||
           strcmp(name, "updated_at") == 0;
}

static void
flatten(struct flattening *flat, const struct message_rules *rules, const ProtobufCMessage *message,
        const char *prefix)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const struct message_rules *nested = rules->fields[i].message;
        const char *path = arena_printf(flat->arena, "%s%s", prefix, field->name);

        if (!field_is_set(message, field) || rules->fields[i].flags & RULE_SECRET ||
            is_bookkeeping(field->name))
            continue;
        if (nested != NULL && field->label != PROTOBUF_C_LABEL_REPEATED) {
            flatten(
                flat, nested,
                *(ProtobufCMessage *const *)(const void *)((const char *)message + field->offset),
                arena_printf(flat->arena, "%s.", path));
            continue;
        }
        buffer_text(flat->out, flat->any ? "," : "");
        json_string(flat->out, path);
        buffer_text(flat->out, ":");
        json_write_value(flat->out, message, field);
        flat->any = true;
    }
}

const char *
audit_state(struct arena *arena, const struct message_rules *rules, const ProtobufCMessage *object)
{
    struct buffer out;
    struct flattening flat = {.arena = arena, .out = &out};

    buffer_init(&out, arena);
    buffer_text(&out, "{");
    if (object != NULL)
        flatten(&flat, rules, object, "");
    buffer_text(&out, "}");
    return out.bytes;
}

static void
free_tree(void *tree)
{
    cJSON_Delete(tree);
}

static cJSON *
parse(struct arena *arena, const char *text)
{
    cJSON *tree = cJSON_Parse(text == NULL ? "{}" : text);

    if (tree != NULL)
        arena_defer(arena, free_tree, tree);
    return tree;
}

/* A value as JSON text within JSON: what AuditChange holds. */
static void
write_side(struct buffer *out, struct arena *arena, const char *name, const cJSON *value)
{
    char *text = value == NULL ? NULL : cJSON_PrintUnformatted(value);

    if (text == NULL)
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_string(out, arena_strdup(arena, text));
    cJSON_free(text);
}

static void
write_change(struct buffer *out, struct arena *arena, const char *field, const cJSON *before,
             const cJSON *after)
{
    buffer_text(out, out->length > 1 ? ",{\"field\":" : "{\"field\":");
    json_string(out, field);
    write_side(out, arena, "before", before);
    write_side(out, arena, "after", after);
    buffer_text(out, "}");
}

const char *
audit_changes(struct arena *arena, const char *before, const char *after)
{
    const cJSON *old = parse(arena, before), *new = parse(arena, after), *item;
    struct buffer out;

    buffer_init(&out, arena);
    buffer_text(&out, "[");
    cJSON_ArrayForEach(item, new)
    {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(old, item->string);

        if (was == NULL || !cJSON_Compare(was, item, true))
            write_change(&out, arena, item->string, was, item);
    }
    cJSON_ArrayForEach(item, old)
    {
        if (cJSON_GetObjectItemCaseSensitive(new, item->string) == NULL)
            write_change(&out, arena, item->string, item, NULL);
    }
    buffer_text(&out, "]");
    return out.bytes;
}
