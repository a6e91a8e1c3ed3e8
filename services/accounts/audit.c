/* SPDX-License-Identifier: Apache-2.0
 * Writes the audit log: one entry per event of any stream. A client's personal values lie in audit_personal,
 * names and addresses of actors in audit_actor; the chain holds their salted hashes. */
#include "audit_drafts.h"

#include "checks.h"
#include "dates.h"
#include "db.h"
#include "events.h"
#include "json.h"
#include "log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ACTOR_TEXT_BYTES_MAX = 255 };

/* Locks the chain's end; a row for each of the events whose object was seen before, at least one. The limit keeps
 * the look-up apart: joined, a plan made while the table was small would read all of it for each event. */
static const struct db_statement lock_head = {
    .name = "lock_audit_head",
    .parameters = 2,
    .text =
        "select h.sequence, h.hash, o.ordinal - 1, o.state, o.personal from audit_head h left join "
        "(select e.ordinal, a.state, a.personal from unnest($1::text[], $2::text[]) with ordinality "
        "as e (subject_id, kind, ordinal) cross join lateral (select a.state, a.personal from audit_object a "
        "where a.subject_id = nullif(e.subject_id, '')::uuid and a.kind = e.kind limit 1) a) o on true for update of h"};
DB_PROVED(lock_head);

static const struct db_statement move_head = {.name = "move_audit_head",
                                              .parameters = 2,
                                              .text =
                                                  "update audit_head set sequence = $1, hash = $2"};
DB_PROVED(move_head);

static const ProtobufCFieldDescriptor *
object_field(const struct event_type *type)
{
    return type->object == NULL ? NULL
                                : protobuf_c_message_descriptor_get_field_by_name(
                                      type->message->descriptor, type->object);
}

/* The object's state, without the prefix of its field; NULL part or no object: nothing. */
static const char *
object_state(struct call *call, const struct event_type *type, const ProtobufCMessage *part)
{
    const ProtobufCFieldDescriptor *field = object_field(type);

    if (part == NULL || field == NULL)
        return "{}";
    return audit_state(
        call->arena, type->message->fields[field - type->message->descriptor->fields].message,
        *(ProtobufCMessage *const *)(const void *)((const char *)part + field->offset));
}

/* What else an event says: its fields but for the object, and but for other objects, which have events of their
 * own. It has no "before". */
static const char *
rest_of_event(struct call *call, const struct event_type *type, ProtobufCMessage *part)
{
    if (part == NULL)
        return "{}";
    for (unsigned i = 0; i < part->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &part->descriptor->fields[i];
        const struct message_rules *nested = type->message->fields[i].message;

        if (nested != NULL && field->label != PROTOBUF_C_LABEL_REPEATED &&
            (field == object_field(type) ||
             protobuf_c_message_descriptor_get_field_by_name(nested->descriptor, "id") != NULL))
            *(ProtobufCMessage **)(void *)((char *)part + field->offset) = NULL;
    }
    return audit_state(call->arena, type->message, part);
}

/* An event of an unknown type is recorded by its hash alone. */
static void
read_event(struct call *call, struct audit_draft *entry)
{
    const struct event_type *type = entry->type;
    ProtobufCMessage *whole = type == NULL ? NULL : events_unpack(call->arena, type, entry->event);
    const ProtobufCFieldDescriptor *field;
    ProtobufCMessage *rest, *personal;

    entry->kind = "";
    entry->state = entry->personal_state = entry->said = entry->personal_said = "{}";
    if (whole == NULL)
        return;
    field = object_field(type);
    if (field != NULL)
        entry->kind = ((const ProtobufCMessageDescriptor *)field->descriptor)->name;
    events_split(call->arena, type->message, whole, &rest, &personal);
    entry->state = object_state(call, type, rest);
    entry->personal_state = object_state(call, type, personal);
    entry->said = rest_of_event(call, type, rest);
    entry->personal_said = rest_of_event(call, type, personal);
}

/* Two JSON arrays as one. */
static const char *
joined(struct call *call, const char *first, const char *second)
{
    if (strcmp(first, "[]") == 0)
        return second;
    if (strcmp(second, "[]") == 0)
        return first;
    return arena_printf(call->arena, "%.*s,%s", (int)strlen(first) - 1, first, second + 1);
}

/* What changed of the object since `before`, and what else the event says. */
static const char *
changes_of(struct call *call, const char *before, const char *state, const char *said)
{
    return joined(call, audit_changes(call->arena, before, state),
                  audit_changes(call->arena, NULL, said));
}

static void
read_actor(struct call *call, struct audit_draft *entry)
{
    ProtobufCAllocator *allocator = arena_allocator(call->arena);
    const Wire__Event *event = entry->event;

    entry->actor = event->has_actor
                       ? wire__actor__unpack(allocator, event->actor.len, event->actor.data)
                       : NULL;
    entry->person = event->has_actor_personal
                        ? wire__actor_personal__unpack(allocator, event->actor_personal.len,
                                                       event->actor_personal.data)
                        : NULL;
    if (entry->actor == NULL)
        entry->actor = (Wire__Actor *)message_new(call->arena, &wire__actor__descriptor);
}

/* {"name":…,"address":…} */
static const char *
write_person(struct call *call, const Wire__ActorPersonal *person)
{
    struct buffer out;

    if (person == NULL)
        return NULL;
    buffer_init(&out, call->arena);
    json_write_plain(&out, &person->base);
    return out.bytes;
}

static const char *
hexadecimal(struct call *call, const uint8_t *bytes, size_t length)
{
    char *text = arena_alloc(call->arena, length * 2 + 1);

    return sodium_bin2hex(text, length * 2 + 1, bytes, length);
}

/* What an actor says of itself is any bytes: what is no text, or more than the index takes, is kept by its first
 * bytes in hexadecimal. */
static const char *
stored_text(struct call *call, const char *said)
{
    size_t length = said == NULL ? 0 : strlen(said);

    if (length <= ACTOR_TEXT_BYTES_MAX && check_utf8(said, length))
        return said;
    if (length > ACTOR_TEXT_BYTES_MAX)
        length = ACTOR_TEXT_BYTES_MAX;
    return arena_printf(call->arena, "\\x%s", hexadecimal(call, (const uint8_t *)said, length));
}

/* An id as the database writes it, which is what the chain is verified with; else none: the event's own log says what
 * stood there. */
static const char *
stored_id(const char *said)
{
    return said != NULL && check_uuid(said) && strpbrk(said, "ABCDEF") == NULL ? said : NULL;
}

static void
fill_row(struct call *call, struct audit_draft *entry, int64_t sequence, const char *changes)
{
    const Wire__Event *event = entry->event;
    const Wire__Actor *actor = entry->actor;
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
        .actor_kind = stored_text(call, actor->kind),
        .actor_id = stored_text(call, actor->id),
        .actor_role = stored_text(call, actor->role),
        .subject_id = event->subject,
        .client_id = event->client,
        .project_id = event->project,
        .request_id = stored_text(call, actor->request_id),
        .caused_by = stored_id(actor->caused_by),
        .changes = changes,
        .event_hash = hexadecimal(call, event->hash.data, event->hash.len),
    };
}

/* Salted hash of what lies beside the chain; NULL when nothing does. */
static const char *
hash_beside(struct call *call, const char *payload, uint8_t salt[16])
{
    uint8_t hash[32];

    if (payload == NULL)
        return NULL;
    randombytes_buf(salt, 16);
    events_personal_hash(salt, (const uint8_t *)payload, strlen(payload), hash);
    return hexadecimal(call, hash, sizeof hash);
}

/* NULL when no personal field changed. */
static const char *
personal_changes(struct call *call, const struct audit_draft *entry)
{
    const char *changes =
        changes_of(call, entry->personal_before, entry->personal_state, entry->personal_said);

    return strcmp(changes, "[]") == 0 ? NULL : changes;
}

/* What each object was: at an earlier one of these events, else as stored. */
static void
look_back(struct audit_draft *entries, size_t count, const PGresult *rows)
{
    for (int row = 0; row < PQntuples(rows); row++)
        if (db_value(rows, row, 2) != NULL) {
            struct audit_draft *entry = &entries[db_integer(rows, row, 2)];

            entry->before = db_value(rows, row, 3);
            entry->personal_before = db_value(rows, row, 4);
        }
    for (size_t i = 1; i < count; i++)
        for (size_t n = i; n-- > 0;)
            if (entries[i].kind[0] != '\0' && audit_same_object(&entries[i], &entries[n])) {
                entries[i].before = entries[n].state;
                entries[i].personal_before = entries[n].personal_state;
                break;
            }
}

/* Where the chain ends. */
struct chain_end {
    int64_t sequence;
    uint8_t hash[32];
};

static bool
lock_chain(struct call *call, struct audit_draft *entries, size_t count, struct chain_end *end)
{
    const char **subjects = arena_array(call->arena, count, sizeof *subjects);
    const char **kinds = arena_array(call->arena, count, sizeof *kinds);
    PGresult *rows;
    size_t length;

    for (size_t i = 0; i < count; i++) {
        subjects[i] = entries[i].event->subject == NULL ? "" : entries[i].event->subject;
        kinds[i] = entries[i].kind;
    }
    rows = db_query(call->db, call->arena, &lock_head,
                    (const char *const[]){db_array(call->arena, subjects, count),
                                          db_array(call->arena, kinds, count)});
    if (rows == NULL)
        return false;
    end->sequence = db_integer(rows, 0, 0);
    memcpy(end->hash, db_unbytes(call->arena, db_value(rows, 0, 1), &length), sizeof end->hash);
    look_back(entries, count, rows);
    return true;
}

static void
append(struct call *call, struct audit_draft *entry, struct chain_end *end)
{
    entry->previous = db_bytes(call->arena, end->hash, sizeof end->hash);
    fill_row(call, entry, end->sequence + 1,
             changes_of(call, entry->before, entry->state, entry->said));
    entry->personal_payload = personal_changes(call, entry);
    entry->actor_payload = write_person(call, entry->person);
    entry->row.personal_hash = hash_beside(call, entry->personal_payload, entry->personal_salt);
    entry->row.actor_hash = hash_beside(call, entry->actor_payload, entry->actor_salt);
    audit_hash(end->hash, &entry->row, end->hash);
    entry->hash = db_bytes(call->arena, end->hash, sizeof end->hash);
    end->sequence++;
}

/* How many go together: an event that erases is the last, because those behind it see what it left. */
static size_t
together(struct call *call, Wire__Event *const *events, size_t count, struct audit_draft *entries)
{
    size_t n = 0;

    while (n < count && (n == 0 || entries[n - 1].type == NULL || !entries[n - 1].type->erases)) {
        entries[n] = (struct audit_draft){.event = events[n], .type = events_find(events[n]->type)};
        read_event(call, &entries[n]);
        read_actor(call, &entries[n]);
        n++;
    }
    return n;
}

enum rpc_status
audit_record(struct call *call, Wire__Event *const *events, size_t count)
{
    struct audit_draft *entries = arena_array(call->arena, count, sizeof *entries);
    struct chain_end end;

    while (count > 0) {
        size_t now = together(call, events, count, entries);

        if (!lock_chain(call, entries, now, &end))
            return db_fail(call);
        for (size_t i = 0; i < now; i++)
            append(call, &entries[i], &end);
        audit_store(call, entries, now);
        db_queue(call->db, &move_head,
                 (const char *const[]){arena_printf(call->arena, "%lld", (long long)end.sequence),
                                       db_bytes(call->arena, end.hash, sizeof end.hash)});
        events += now;
        count -= now;
    }
    return RPC_OK;
}
