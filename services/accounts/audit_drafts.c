/* SPDX-License-Identifier: Apache-2.0
 * Stores entries of the audit log: a statement for each table, with a column of all rows in each parameter. One
 * statement for a row took most of the audit log's time. */
#include "audit_drafts.h"

#include "db.h"
#include "events.h"

#include <string.h>

static const struct db_statement insert_entries = {
    .name = "insert_audit_entries",
    .parameters = 22,
    .text =
        "insert into audit_entry (sequence, id, producer, epoch, stream_sequence, type, occurred_at, recorded_at, "
        "actor_kind, actor_id, actor_role, subject_id, client_id, project_id, request_id, caused_by, changes, "
        "personal_hash, actor_hash, event_hash, previous_hash, hash) select * from unnest($1::bigint[], $2::uuid[], "
        "$3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::text[], "
        "$10::text[], $11::text[], $12::uuid[], $13::uuid[], $14::uuid[], $15::text[], $16::uuid[], $17::text[], "
        "$18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[], $22::bytea[])"};
DB_PROVED(insert_entries);

static const struct db_statement insert_personal = {
    .name = "insert_audit_personal",
    .parameters = 5,
    .text =
        "insert into audit_personal (sequence, client_id, salt, payload, keep_until) "
        "select sequence, client_id, salt, payload, now() + months * interval '1 month' from unnest("
        "$1::bigint[], $2::uuid[], $3::bytea[], $4::text[], $5::int[]) "
        "as many (sequence, client_id, salt, payload, months)"};
DB_PROVED(insert_personal);

static const struct db_statement insert_actors = {
    .name = "insert_audit_actors",
    .parameters = 4,
    .text =
        "insert into audit_actor (sequence, salt, payload, keep_until) "
        "select sequence, salt, payload, now() + months * interval '1 month' from unnest($1::bigint[], "
        "$2::bytea[], $3::text[], $4::int[]) as many (sequence, salt, payload, months)"};
DB_PROVED(insert_actors);

static const struct db_statement upsert_objects = {
    .name = "upsert_audit_objects",
    .parameters = 6,
    .text =
        "insert into audit_object (subject_id, kind, client_id, state, personal, keep_until) "
        "select subject_id, kind, client_id, state, personal, now() + months * interval '1 month' from unnest("
        "$1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::jsonb[], $6::int[]) "
        "as many (subject_id, kind, client_id, state, personal, months) "
        "on conflict (subject_id, kind) do update set state = excluded.state, "
        "personal = excluded.personal, keep_until = excluded.keep_until"};
DB_PROVED(upsert_objects);

static const struct db_statement erase_personal = {
    .name = "erase_audit_personal",
    .parameters = 1,
    .text = "delete from audit_personal where client_id = $1"};
DB_PROVED(erase_personal);

static const struct db_statement erase_objects = {
    .name = "erase_audit_objects",
    .parameters = 1,
    .text = "update audit_object set personal = '{}' where client_id = $1"};
DB_PROVED(erase_objects);

static const char *
bytea(struct call *call, const char *hex)
{
    return hex == NULL ? NULL : arena_printf(call->arena, "\\x%s", hex);
}

/* Values of one row, as its statement binds them. */
#define ROW(call, ...)                                                                             \
    arena_memdup((call)->arena, (const char *const[]){__VA_ARGS__},                                \
                 sizeof((const char *const[]){__VA_ARGS__}))

static const char *const *
entry_values(struct call *call, const struct audit_draft *entry)
{
    const struct audit_row *row = &entry->row;

#define TEXT(name) row->name,
#define HASH(name) bytea(call, row->name),
    return ROW(call, AUDIT_TEXTS(TEXT) AUDIT_HASHES(HASH) entry->previous, entry->hash);
#undef TEXT
#undef HASH
}

static const char *
months_of(struct call *call, const struct audit_draft *entry)
{
    return entry->type == NULL ? NULL : events_personal_months(call->arena, entry->type);
}

static const char *const *
personal_values(struct call *call, const struct audit_draft *entry)
{
    return ROW(call, entry->row.sequence, entry->row.client_id,
               db_bytes(call->arena, entry->personal_salt, sizeof entry->personal_salt),
               entry->personal_payload, months_of(call, entry));
}

static const char *const *
actor_values(struct call *call, const struct audit_draft *entry)
{
    return ROW(call, entry->row.sequence,
               db_bytes(call->arena, entry->actor_salt, sizeof entry->actor_salt),
               entry->actor_payload, months_of(call, entry));
}

static const char *const *
object_values(struct call *call, const struct audit_draft *entry)
{
    return ROW(call, entry->row.subject_id, entry->kind, entry->row.client_id, entry->state,
               entry->personal_state, months_of(call, entry));
}

bool
audit_same_object(const struct audit_draft *entry, const struct audit_draft *other)
{
    return entry->event->subject != NULL && other->event->subject != NULL &&
           strcmp(entry->event->subject, other->event->subject) == 0 &&
           strcmp(entry->kind, other->kind) == 0;
}

/* Rows of one table. */
struct rows {
    const char *const **values;
    size_t count;
};

static struct rows
rows_new(struct call *call, size_t max)
{
    return (struct rows){.values = arena_array(call->arena, max, sizeof(const char *const *))};
}

static void
rows_store(struct call *call, const struct db_statement *statement, const struct rows *rows)
{
    if (rows->count > 0)
        db_queue(call->db, statement,
                 db_columns(call->arena, rows->values, rows->count, (size_t)statement->parameters));
}

/* Whether what an object is at this entry is what it is after all of them. */
static bool
is_last_of_object(const struct audit_draft *entries, size_t count, size_t i)
{
    if (entries[i].event->subject == NULL || entries[i].kind[0] == '\0')
        return false;
    for (size_t later = i + 1; later < count; later++)
        if (audit_same_object(&entries[i], &entries[later]))
            return false;
    return true;
}

static void
erase(struct call *call, const struct audit_draft *entry)
{
    const char *client = entry->event->client;

    if (entry->type == NULL || !entry->type->erases || client == NULL)
        return;
    db_queue(call->db, &erase_personal, &client);
    db_queue(call->db, &erase_objects, &client);
}

void
audit_store(struct call *call, const struct audit_draft *entries, size_t count)
{
    struct rows chained = rows_new(call, count), personal = rows_new(call, count);
    struct rows actors = rows_new(call, count), objects = rows_new(call, count);

    for (size_t i = 0; i < count; i++) {
        const struct audit_draft *entry = &entries[i];

        chained.values[chained.count++] = entry_values(call, entry);
        if (entry->personal_payload != NULL)
            personal.values[personal.count++] = personal_values(call, entry);
        if (entry->actor_payload != NULL)
            actors.values[actors.count++] = actor_values(call, entry);
        if (is_last_of_object(entries, count, i))
            objects.values[objects.count++] = object_values(call, entry);
    }
    rows_store(call, &insert_entries, &chained);
    rows_store(call, &insert_personal, &personal);
    rows_store(call, &insert_actors, &actors);
    rows_store(call, &upsert_objects, &objects);
    erase(call, &entries[count - 1]);
}
