/* SPDX-License-Identifier: Apache-2.0
 * Fields that name another service's object: looked up in the local projection, else asked from the
 * owner, before any transaction. What the owner says goes into the projection. */
#include "events.h"

#include "common.rules.h"
#include "dates.h"
#include "db.h"
#include "fields.h"
#include "log.h"
#include "projections.h"

#include <assert.h>
#include <string.h>

enum { REFERENCES_MAX = 200, UNKNOWN_MAX = 256, UNKNOWN_MS = 1000, COPIED_MAX = 4096 };

/* Ids that an owner did not know a moment ago, so that asking for them again is not an amplifier.
 * */
struct unknown {
    const char *object;
    char id[37];
    int64_t until;
};

static struct unknown unknowns[UNKNOWN_MAX];
static size_t unknowns_next;

/* Objects that have their row here, each in the place of its id. A row stays: for an event that is enough, and most
 * events name what others named a moment ago. */
struct copied {
    const struct projection *projection;
    char id[37];
};

static struct copied copies[COPIED_MAX];

/* One field that names an object, with where it stands in the message. */
struct reference {
    const struct rule_ref *ref;
    const struct projection *projection;
    const char *id, *pointer;
    bool path;
};

struct references {
    struct call *call;
    struct reference items[REFERENCES_MAX];
    size_t count;
};

/* ---- collecting */

static void
add_reference(struct references *references, const struct field_rules *rule, const char *id,
              const char *pointer)
{
    if (id == NULL || references->count == REFERENCES_MAX)
        return;
    /* What an event names matters where it is kept. */
    if (references->call->event != NULL && projection_of(rule->ref->object) == NULL)
        return;
    for (size_t i = 0; i < references->count; i++)
        if (references->items[i].ref == rule->ref && strcmp(references->items[i].id, id) == 0)
            return;
    references->items[references->count++] = (struct reference){
        rule->ref, projection_of(rule->ref->object), id, pointer, (rule->flags & RULE_PATH) != 0};
}

static void collect(struct references *references, const struct message_rules *rules,
                    const ProtobufCMessage *message, const char *pointer, int depth);

static void
collect_field(struct references *references, const struct field_rules *rule,
              const ProtobufCFieldDescriptor *field, const void *value, const char *pointer,
              int depth)
{
    if (rule->ref != NULL && field->type == PROTOBUF_C_TYPE_STRING)
        add_reference(references, rule, *(const char *const *)value, pointer);
    else if (rule->message != NULL && *(const ProtobufCMessage *const *)value != NULL)
        collect(references, rule->message, *(const ProtobufCMessage *const *)value, pointer,
                depth + 1);
}

static void
collect(struct references *references, const struct message_rules *rules,
        const ProtobufCMessage *message, const char *pointer, int depth)
{
    struct arena *arena = references->call->arena;
    const char *own = references->call->service->rpc->name;

    assert(depth < EVENTS_NESTING_MAX);
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const struct field_rules *rule = &rules->fields[i];
        const char *member = (const char *)message + field->offset;
        bool foreign = rule->ref != NULL && strcmp(rule->ref->service, own) != 0;

        if (!foreign && rule->message == NULL)
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            collect_field(references, rule, field, member,
                          arena_printf(arena, "%s/%s", pointer, field->name), depth);
            continue;
        }
        for (size_t n = 0; n < *(const size_t *)((const char *)message + field->quantifier_offset);
             n++)
            collect_field(references, rule, field, *(const void *const *const *)member + n,
                          arena_printf(arena, "%s/%s/%zu", pointer, field->name, n), depth);
    }
}

/* ---- what is known not to exist */

static bool
is_unknown(const struct reference *reference)
{
    int64_t now = clock_ms();

    for (size_t i = 0; i < UNKNOWN_MAX; i++)
        if (unknowns[i].until > now && unknowns[i].object == reference->ref->object &&
            strcmp(unknowns[i].id, reference->id) == 0)
            return true;
    return false;
}

static void
remember_unknown(const struct reference *reference)
{
    struct unknown *unknown = &unknowns[unknowns_next++ % UNKNOWN_MAX];

    if (strlen(reference->id) >= sizeof unknown->id)
        return;
    unknown->object = reference->ref->object;
    memcpy(unknown->id, reference->id, strlen(reference->id) + 1);
    unknown->until = clock_ms() + UNKNOWN_MS;
}

/* ---- what is known to be here */

static struct copied *
copied_place(const struct reference *reference)
{
    uint32_t hash = 0;

    for (const char *at = reference->id; *at != '\0'; at++)
        hash = hash * 31 + (uint8_t)*at;
    return &copies[hash % COPIED_MAX];
}

static bool
is_copied(const struct reference *reference)
{
    const struct copied *copied = copied_place(reference);

    return copied->projection == reference->projection && copied->projection != NULL &&
           strcmp(copied->id, reference->id) == 0;
}

static void
remember_copied(const struct reference *reference)
{
    struct copied *copied = copied_place(reference);

    if (strlen(reference->id) >= sizeof copied->id)
        return;
    copied->projection = reference->projection;
    memcpy(copied->id, reference->id, strlen(reference->id) + 1);
}

void
references_forget(void)
{
    memset(copies, 0, sizeof copies);
}

/* ---- refusing */

/* An event that names what its owner no longer knows is for the reaction to judge: it tells the
 * past. */
static enum rpc_status
refuse_unknown(struct call *call, const struct reference *reference)
{
    const char *words = object_words(call->arena, reference->ref->object);

    if (call->event != NULL)
        return RPC_OK;
    if (reference->path)
        return call_fail(call, RPC_NOT_FOUND, NULL, "there is no such %s", words);
    call_violation(call, reference->pointer, "unknown_reference", "names no %s", words);
    return RPC_OK;
}

static bool
is_admitted(const struct call *call, const struct reference *reference, const char *status)
{
    const char *const *admitted = reference->ref->status;

    if (admitted == NULL || call->event != NULL)
        return true;
    while (*admitted != NULL && (status == NULL || strcmp(*admitted, status) != 0))
        admitted++;
    return *admitted != NULL;
}

static enum rpc_status
refuse_state(struct call *call, const struct reference *reference, const char *status)
{
    struct buffer admitted;

    buffer_init(&admitted, call->arena);
    for (const char *const *state = reference->ref->status; *state != NULL; state++)
        buffer_printf(&admitted, "%s%s", state == reference->ref->status ? "" : " or ", *state);
    return call_fail_code(call, RPC_CONFLICT, "wrong_state", reference->pointer + 1,
                          "names a %s that is %s; it must be %s",
                          object_words(call->arena, reference->ref->object),
                          status == NULL ? "in no state" : status, admitted.bytes);
}

/* ---- asking */

/* In a transaction of its own: the object is the owner's truth whether the caller succeeds or not.
 * */
static enum rpc_status
keep(struct call *call, const struct projection *projection, const ProtobufCMessage *object)
{
    if (!db_ready(call->db))
        return call_fail(call, RPC_UNAVAILABLE, NULL, "the database is away; try again");
    db_begin(call->db, false);
    projection_put(call, projection, object);
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static enum rpc_status
ask_owner(struct call *call, const struct reference *reference)
{
    Wire__Problem before = call->problem;
    Common__Id id = COMMON__ID__INIT;
    ProtobufCMessage *object;
    enum rpc_status status;
    const char *state;

    if (is_unknown(reference))
        return refuse_unknown(call, reference);
    id.id = (char *)reference->id;
    status = call_ask(call, reference->ref->look_up, &id.base, reference->ref->rules, &object);
    if (status == RPC_NOT_FOUND) {
        call->problem = before;
        call->status = RPC_OK;
        remember_unknown(reference);
        return refuse_unknown(call, reference);
    }
    TRY(status);
    if (reference->projection != NULL)
        TRY(keep(call, reference->projection, object));
    state = protobuf_c_message_descriptor_get_field_by_name(object->descriptor, "status") == NULL
                ? NULL
                : message_text(call->arena, object, "status");
    return is_admitted(call, reference, state) ? RPC_OK : refuse_state(call, reference, state);
}

static enum rpc_status
resolve(struct call *call, const struct reference *reference)
{
    bool found = false;
    const char *status = NULL;

    if (call->event != NULL && is_copied(reference))
        return RPC_OK;
    if (reference->projection != NULL)
        TRY(projection_look(call, reference->projection, reference->id, &found, &status));
    if (found && call->event != NULL)
        remember_copied(reference);
    if (found && is_admitted(call, reference, status))
        return RPC_OK;
    return ask_owner(call, reference);
}

static struct references *
references_of(struct call *call, const struct message_rules *rules, const ProtobufCMessage *message)
{
    struct references *references = arena_alloc(call->arena, sizeof *references);

    references->call = call;
    references->count = 0;
    collect(references, rules, message, "", 0);
    return references;
}

enum rpc_status
references_judge(struct call *call, const struct message_rules *rules,
                 const ProtobufCMessage *message)
{
    struct references *references = references_of(call, rules, message);

    for (size_t i = 0; i < references->count && db_ready(call->db); i++) {
        const struct reference *reference = &references->items[i];
        Wire__Problem before = call->problem;

        if (!reference->path && !call_violates(call, reference->pointer) &&
            resolve(call, reference) != RPC_OK)
            call->problem = before;
    }
    return call_violations(call);
}

enum rpc_status
references_resolve(struct call *call, const struct message_rules *rules,
                   const ProtobufCMessage *message)
{
    struct references *references = references_of(call, rules, message);

    if (references->count > 0 && !db_ready(call->db))
        return call_fail(call, RPC_UNAVAILABLE, NULL, "the database is away; try again");
    for (size_t i = 0; i < references->count; i++)
        TRY(resolve(call, &references->items[i]));
    return call_violations(call);
}
