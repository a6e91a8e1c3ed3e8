/* SPDX-License-Identifier: Apache-2.0
 * Writes the audit log: one entry per event of any stream. Personal values and addresses lie in
 * audit_personal; the chain holds their salted hash. */
#include "audit.h"

#include "dates.h"
#include "db.h"
#include "events.h"
#include "json.h"
#include "log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct db_statement lock_head = {
    .name = "lock_audit_head",
    .parameters = 2,
    .text = "select h.sequence, h.hash, o.state, o.personal from audit_head h "
            "left join audit_object o on o.subject_id = $1 and o.kind = $2 for update of h"};

static const struct db_statement insert_entry = {
    .name = "insert_audit_entry",
    .parameters = 19,
    .text = "insert into audit_entry (sequence, id, producer, epoch, stream_sequence, type, occurred_at, recorded_at, "
            "actor_kind, actor_id, actor_role, subject_id, client_id, request_id, changes, personal_hash, event_hash, "
            "previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
            "$16, $17, $18, $19)"};

static const struct db_statement insert_personal = {
    .name = "insert_audit_personal",
    .parameters = 4,
    .text = "insert into audit_personal (sequence, client_id, salt, payload) values ($1, $2, $3, $4)"};

static const struct db_statement upsert_object = {
    .name = "upsert_audit_object",
    .parameters = 5,
    .text = "insert into audit_object (subject_id, kind, client_id, state, personal) values ($1, $2, $3, $4, $5) "
            "on conflict (subject_id, kind) do update set state = excluded.state, personal = excluded.personal"};

static const struct db_statement move_head = {
    .name = "move_audit_head", .parameters = 2, .text = "update audit_head set sequence = $1, hash = $2"};

static const struct db_statement erase_personal = {
    .name = "erase_audit_personal", .parameters = 1, .text = "delete from audit_personal where client_id = $1"};

static const struct db_statement erase_objects = {
    .name = "erase_audit_objects",
    .parameters = 1,
    .text = "update audit_object set personal = '{}' where client_id = $1"};

/* All that one entry is made of. */
struct entry {
    const Wire__Event *event;
    const struct event_type *type;
    Wire__Actor *actor;
    Wire__Personal *personal;
    const char *kind; /* of the object, "" when the event is no state of one */
    const char *state, *personal_state;
    const char *personal_payload;
    uint8_t salt[16];
    struct audit_row row;
};

/* The object in an event, parted; an event of an unknown type is recorded by its hash alone. */
static void
read_object(struct call *call, struct entry *entry)
{
    const struct event_type *type = entry->type;
    ProtobufCMessage *whole = type == NULL ? NULL : events_unpack(call->arena, type, entry->event);
    const ProtobufCFieldDescriptor *field;
    ProtobufCMessage *rest, *personal, *object;
    const struct message_rules *rules;

    entry->kind = "";
    entry->state = entry->personal_state = "{}";
    if (whole == NULL)
        return;
    events_split(call->arena, type->message, whole, &rest, &personal);
    rules = type->message;
    if (type->object != NULL) {
        field = protobuf_c_message_descriptor_get_field_by_name(whole->descriptor, type->object);
        rules = type->message->fields[field - whole->descriptor->fields].message;
        entry->kind = rules->descriptor->name;
        object = *(ProtobufCMessage **)(void *)((char *)rest + field->offset);
        rest = object;
        if (personal != NULL)
            personal = *(ProtobufCMessage **)(void *)((char *)personal + field->offset);
    }
    entry->state = audit_state(call->arena, rules, rest);
    entry->personal_state = audit_state(call->arena, rules, personal);
}

static void
read_actor(struct call *call, struct entry *entry)
{
    ProtobufCAllocator *allocator = arena_allocator(call->arena);
    const Wire__Event *event = entry->event;

    entry->actor = event->has_actor ? wire__actor__unpack(allocator, event->actor.len, event->actor.data) : NULL;
    entry->personal =
        event->has_personal ? wire__personal__unpack(allocator, event->personal.len, event->personal.data) : NULL;
    if (entry->actor == NULL)
        entry->actor = (Wire__Actor *)message_new(call->arena, &wire__actor__descriptor);
}

/* {"actor_name":…,"actor_address":…,"changes":[…]}, or NULL when nothing is personal. */
static const char *
write_personal(struct call *call, const struct entry *entry, const char *changes)
{
    struct buffer out;

    if (entry->personal == NULL && strcmp(changes, "[]") == 0)
        return NULL;
    buffer_init(&out, call->arena);
    buffer_text(&out, "{");
    if (entry->personal != NULL && entry->personal->actor_name != NULL) {
        buffer_text(&out, "\"actor_name\":");
        json_string(&out, entry->personal->actor_name);
        buffer_text(&out, ",");
    }
    if (entry->personal != NULL && entry->personal->actor_address != NULL) {
        buffer_text(&out, "\"actor_address\":");
        json_string(&out, entry->personal->actor_address);
        buffer_text(&out, ",");
    }
    buffer_printf(&out, "\"changes\":%s}", changes);
    return out.bytes;
}

static const char *
hexadecimal(struct call *call, const uint8_t *bytes, size_t length)
{
    char *text = arena_alloc(call->arena, length * 2 + 1);

    return sodium_bin2hex(text, length * 2 + 1, bytes, length);
}

static void
fill_row(struct call *call, struct entry *entry, int64_t sequence, const char *changes)
{
    const Wire__Event *event = entry->event;
    uint8_t hash[32];
    char now[25];

    instant_now(now);
    entry->row = (struct audit_row){
        .sequence = arena_printf(call->arena, "%lld", (long long)sequence),
        .id = event->event_id,
        .producer = event->producer,
        .epoch = arena_printf(call->arena, "%lld", (long long)event->epoch),
        .stream_sequence = arena_printf(call->arena, "%lld", (long long)event->sequence),
        .type = event->type,
        .occurred_at = event->occurred_at,
        .recorded_at = arena_printf(call->arena, "%.23s000Z", now),
        .actor_kind = entry->actor->kind,
        .actor_id = entry->actor->id,
        .actor_role = entry->actor->role,
        .subject_id = event->subject,
        .request_id = entry->actor->request_id,
        .changes = changes,
        .event_hash = hexadecimal(call, event->hash.data, event->hash.len),
    };
    if (entry->personal_payload == NULL)
        return;
    randombytes_buf(entry->salt, sizeof entry->salt);
    events_personal_hash(entry->salt, (const uint8_t *)entry->personal_payload, strlen(entry->personal_payload), hash);
    entry->row.personal_hash = hexadecimal(call, hash, sizeof hash);
}

static const char *
bytea(struct call *call, const char *hex)
{
    return hex == NULL ? NULL : arena_printf(call->arena, "\\x%s", hex);
}

static void
store(struct call *call, const struct entry *entry, const char *previous, const uint8_t hash[32])
{
    const struct audit_row *row = &entry->row;
    const char *hash_text = db_bytes(call->arena, hash, 32), *client = entry->event->client;

    db_queue(call->db, &insert_entry,
             (const char *const[]){row->sequence, row->id, row->producer, row->epoch, row->stream_sequence, row->type,
                                   row->occurred_at, row->recorded_at, row->actor_kind, row->actor_id, row->actor_role,
                                   row->subject_id, client, row->request_id, row->changes,
                                   bytea(call, row->personal_hash), bytea(call, row->event_hash), previous, hash_text});
    db_queue(call->db, &move_head, (const char *const[]){row->sequence, hash_text});
    if (entry->personal_payload != NULL)
        db_queue(call->db, &insert_personal,
                 (const char *const[]){row->sequence, client, db_bytes(call->arena, entry->salt, sizeof entry->salt),
                                       entry->personal_payload});
    if (row->subject_id != NULL && entry->kind[0] != '\0')
        db_queue(call->db, &upsert_object,
                 (const char *const[]){row->subject_id, entry->kind, client, entry->state, entry->personal_state});
    if (entry->type != NULL && entry->type->erases && client != NULL) {
        db_queue(call->db, &erase_personal, &client);
        db_queue(call->db, &erase_objects, &client);
    }
}

enum rpc_status
audit_record(struct call *call, const Wire__Event *event)
{
    struct entry entry = {.event = event, .type = events_find(event->type)};
    PGresult *head;
    const char *previous;
    uint8_t hash[32];
    size_t length;

    read_object(call, &entry);
    read_actor(call, &entry);
    head = db_query(call->db, call->arena, &lock_head, (const char *const[]){event->subject, entry.kind});
    if (head == NULL)
        return db_fail(call);
    previous = db_value(head, 0, 1);
    entry.personal_payload = write_personal(
        call, &entry, audit_changes(call->arena, db_value(head, 0, 3), entry.personal_state));
    fill_row(call, &entry, db_integer(head, 0, 0) + 1,
             audit_changes(call->arena, db_value(head, 0, 2), entry.state));
    audit_hash(db_unbytes(call->arena, previous, &length), &entry.row, hash);
    store(call, &entry, previous, hash);
    return RPC_OK;
}
