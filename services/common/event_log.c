/* SPDX-License-Identifier: Apache-2.0
 * A service's own stream: outbox rows become numbered, chained rows of event_log under a lease and its fence,
 * are published after the commit, and are listed for whoever missed them. */
#include "courier.h"

#include "ops.rpc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OCCURRED_AT "to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* A courier that was stopped and wakes up after its lease was taken finds no row here. */
static const struct db_statement lock_head = {
    .name = "lock_head",
    .text = "select epoch, sequence, hash from stream_head"
            " where lease_holder = $1 and lease_fence = $2::bigint for update",
    .parameters = 2,
};
DB_PROVED(lock_head);
static const struct db_statement list_outbox = {
    .name = "list_outbox",
    .text =
        "select position, event_id, type, subject, client, project, " OCCURRED_AT
        ", applied, actor, payload,"
        "   personal_salt, personal, actor_salt, actor_personal, line < lines"
        " from (select page.*, count(*) over () as lines, row_number() over (order by position) as line,"
        "     sum(octet_length(payload) + coalesce(octet_length(personal), 0)) over (order by position) as bytes"
        "   from (select * from outbox order by position limit 1000) page) measured"
        " where bytes <= $1::bigint or line = 1 order by position",
    .parameters = 1,
};
DB_PROVED(list_outbox);
/* The rows move inside the database: only what numbering adds is sent. */
static const struct db_statement move_outbox = {
    .name = "move_outbox",
    .text =
        "with numbered as (select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])"
        "   with ordinality as n (position, personal_hash, actor_hash, previous_hash, hash, ordinal)),"
        " moved as (delete from outbox using numbered where outbox.position = numbered.position"
        "   returning outbox.*, personal_hash, actor_hash, previous_hash, hash, ordinal),"
        " set_apart as (insert into event_personal (event_id, client, salt, payload, keep_until)"
        "   select event_id, client, personal_salt, personal, keep_until from moved where personal is not null"
        "   and not exists (select from erased_client e where e.client = moved.client)),"
        " actor_set_apart as (insert into event_actor (event_id, salt, payload, keep_until)"
        "   select event_id, actor_salt, actor_personal, keep_until from moved where actor_personal is not null)"
        " insert into event_log (sequence, epoch, event_id, type, subject, client, project, occurred_at,"
        "   applied, actor, payload, personal_hash, actor_hash, previous_hash, hash)"
        " select $6::bigint + ordinal, $7::bigint, event_id, type, subject, client, project, occurred_at,"
        "   applied, actor, payload, decode(nullif(personal_hash, ''), 'hex'),"
        "   decode(nullif(actor_hash, ''), 'hex'), decode(previous_hash, 'hex'), decode(hash, 'hex') from moved",
    .parameters = 7,
};
DB_PROVED(move_outbox);
static const struct db_statement move_head = {
    .name = "move_head",
    .text = "update stream_head set sequence = $1::bigint, hash = $2::bytea",
    .parameters = 2,
};
DB_PROVED(move_head);

static const struct db_statement list_epochs = {
    .name = "list_epochs",
    .text = "select h.epoch, h.sequence, h.hash, e.epoch, e.first_sequence, e.previous_hash"
            " from stream_head h cross join stream_epoch e order by e.epoch desc limit 100",
    .parameters = 0,
};
DB_PROVED(list_epochs);
static const struct db_statement list_events = {
    .name = "list_events",
    .text =
        "select epoch, sequence, event_id, type, subject, client, project, " OCCURRED_AT
        ", applied, actor,"
        "   payload, personal_hash, actor_hash, previous_hash, hash, personal_salt, personal,"
        "   actor_salt, actor_personal"
        " from (select page.*, row_number() over (order by sequence) as line,"
        "     sum(octet_length(payload) + octet_length(actor) + coalesce(octet_length(personal), 0) + 400)"
        "       over (order by sequence) as bytes"
        "   from (select l.*, p.salt as personal_salt, p.payload as personal, a.salt as actor_salt,"
        "     a.payload as actor_personal from event_log l left join event_personal p using (event_id)"
        "     left join event_actor a using (event_id)"
        "     where sequence > $1::bigint order by sequence limit $2::bigint) page) measured"
        " where bytes <= $3::bigint or line = 1 order by sequence",
    .parameters = 3,
};
DB_PROVED(list_events);
static const struct db_statement one = {.name = "health", .text = "select 1", .parameters = 0};
DB_PROVED(one);

/* ---- rows */

static ProtobufCBinaryData
bytes_at(struct arena *arena, const PGresult *rows, int row, int column)
{
    ProtobufCBinaryData bytes = {0};

    bytes.data = db_unbytes(arena, db_value(rows, row, column), &bytes.len);
    return bytes;
}

static char *
text_at(struct arena *arena, const PGresult *rows, int row, int column)
{
    const char *text = db_value(rows, row, column);

    return text == NULL ? NULL : arena_strdup(arena, text);
}

static Wire__Event *
event_new(struct arena *arena, const char *producer, int64_t epoch, int64_t sequence)
{
    Wire__Event *event = arena_alloc(arena, sizeof *event);

    wire__event__init(event);
    event->producer = arena_strdup(arena, producer);
    SET(event, epoch, epoch);
    SET(event, sequence, sequence);
    return event;
}

/* event_id, type, subject, client, project, occurred_at, applied, actor, payload from `column` on. */
static void
read_body(struct arena *arena, const PGresult *rows, int row, int column, Wire__Event *event)
{
    event->event_id = text_at(arena, rows, row, column);
    event->type = text_at(arena, rows, row, column + 1);
    event->subject = text_at(arena, rows, row, column + 2);
    event->client = text_at(arena, rows, row, column + 3);
    event->project = text_at(arena, rows, row, column + 4);
    event->occurred_at = text_at(arena, rows, row, column + 5);
    event->applied = text_at(arena, rows, row, column + 6);
    SET(event, actor, bytes_at(arena, rows, row, column + 7));
    SET(event, payload, bytes_at(arena, rows, row, column + 8));
}

/* Salt and bytes of the client's part, salt and bytes of the actor's, from `column` on. */
static void
read_personal(struct arena *arena, const PGresult *rows, int row, int column, Wire__Event *event)
{
    if (db_value(rows, row, column + 1) != NULL) {
        SET(event, personal_salt, bytes_at(arena, rows, row, column));
        SET(event, personal, bytes_at(arena, rows, row, column + 1));
    }
    if (db_value(rows, row, column + 3) != NULL) {
        SET(event, actor_salt, bytes_at(arena, rows, row, column + 2));
        SET(event, actor_personal, bytes_at(arena, rows, row, column + 3));
    }
}

static ProtobufCBinaryData
copy_hash(struct arena *arena, const uint8_t hash[32])
{
    return (ProtobufCBinaryData){.len = 32, .data = arena_memdup(arena, hash, 32)};
}

void
place_read(struct arena *arena, const PGresult *rows, int column, struct place *place)
{
    ProtobufCBinaryData hash = bytes_at(arena, rows, 0, column + 2);

    assert(hash.len == sizeof place->hash);
    place->epoch = db_integer(rows, 0, column);
    place->sequence = db_integer(rows, 0, column + 1);
    memcpy(place->hash, hash.data, sizeof place->hash);
}

static const char *
number_text(struct arena *arena, int64_t number)
{
    return arena_printf(arena, "%" PRId64, number);
}

/* ---- publishing */

static Wire__Position
position_of(const struct courier *courier, const struct place *place)
{
    Wire__Position position = WIRE__POSITION__INIT;

    position.producer = (char *)courier->service->rpc->name;
    SET(&position, epoch, place->epoch);
    SET(&position, sequence, place->sequence);
    position.has_hash = 1;
    position.hash =
        (ProtobufCBinaryData){.len = sizeof place->hash, .data = (uint8_t *)place->hash};
    return position;
}

static void
publish(struct courier *courier, char kind, const ProtobufCMessage *message)
{
    size_t length;
    const uint8_t *bytes = message_pack(courier->arena, message, &length);

    wire_publish(courier->publisher, courier->service->rpc->name, kind, bytes, length);
}

void
head_publish(struct courier *courier)
{
    Wire__Position position = position_of(courier, &courier->head);

    publish(courier, 'H', &position.base);
}

/* In messages of a moderate size; the head in each says how far the stream goes. */
static void
publish_events(struct courier *courier, Wire__Event **events, size_t count)
{
    Wire__Position head = position_of(courier, &courier->head);

    for (size_t first = 0; first < count;) {
        Wire__Events message = WIRE__EVENTS__INIT;
        size_t bytes = 0;

        message.events = events + first;
        message.head = &head;
        do
            bytes += protobuf_c_message_get_packed_size(&events[first + message.n_events++]->base);
        while (first + message.n_events < count && bytes < PUBLISH_BYTES_MAX);
        publish(courier, 'E', &message.base);
        first += message.n_events;
    }
}

/* ---- numbering */

/* What numbering adds to each event, as columns. */
struct numbering {
    const char **positions, **personal_hashes, **actor_hashes, **previous_hashes, **hashes;
};

static const char *
hex(struct arena *arena, const ProtobufCBinaryData *bytes)
{
    return bytes->len == 0 ? "" : db_bytes(arena, bytes->data, bytes->len) + strlen("\\x");
}

/* The next event of the chain; *head moves onto it. */
static Wire__Event *
chain(struct arena *arena, const char *producer, const PGresult *rows, int row, struct place *head)
{
    Wire__Event *event = event_new(arena, producer, head->epoch, head->sequence + 1);
    uint8_t hash[32];

    read_body(arena, rows, row, 1, event);
    read_personal(arena, rows, row, 10, event);
    if (event->has_personal) {
        events_personal_hash(event->personal_salt.data, event->personal.data, event->personal.len,
                             hash);
        SET(event, personal_hash, copy_hash(arena, hash));
    }
    if (event->has_actor_personal) {
        events_personal_hash(event->actor_salt.data, event->actor_personal.data,
                             event->actor_personal.len, hash);
        SET(event, actor_hash, copy_hash(arena, hash));
    }
    SET(event, previous_hash, copy_hash(arena, head->hash));
    events_hash(event, hash);
    SET(event, hash, copy_hash(arena, hash));
    head->sequence++;
    memcpy(head->hash, hash, sizeof head->hash);
    return event;
}

static void
note_numbering(struct arena *arena, struct numbering *columns, size_t i, const char *position,
               const Wire__Event *event)
{
    columns->positions[i] = position;
    columns->personal_hashes[i] = hex(arena, &event->personal_hash);
    columns->actor_hashes[i] = hex(arena, &event->actor_hash);
    columns->previous_hashes[i] = hex(arena, &event->previous_hash);
    columns->hashes[i] = hex(arena, &event->hash);
}

static Wire__Event **
number_rows(struct courier *courier, const PGresult *rows, struct place *head,
            struct numbering *columns)
{
    struct arena *arena = courier->arena;
    size_t count = (size_t)PQntuples(rows);
    Wire__Event **events = arena_array(arena, count, sizeof *events);
    const char ***arrays[] = {&columns->positions, &columns->personal_hashes,
                              &columns->actor_hashes, &columns->previous_hashes, &columns->hashes};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = arena_array(arena, count, sizeof **arrays[i]);
    for (size_t i = 0; i < count; i++) {
        events[i] = chain(arena, courier->service->rpc->name, rows, (int)i, head);
        note_numbering(arena, columns, i, PQgetvalue(rows, (int)i, 0), events[i]);
    }
    return events;
}

static bool
store_numbering(struct courier *courier, const struct numbering *columns, size_t count,
                const struct place *before, const struct place *head)
{
    struct arena *arena = courier->arena;

    db_queue(courier->db, &move_outbox,
             (const char *const[]){db_array(arena, columns->positions, count),
                                   db_array(arena, columns->personal_hashes, count),
                                   db_array(arena, columns->actor_hashes, count),
                                   db_array(arena, columns->previous_hashes, count),
                                   db_array(arena, columns->hashes, count),
                                   number_text(arena, before->sequence),
                                   number_text(arena, before->epoch)});
    db_queue(courier->db, &move_head,
             (const char *const[]){number_text(arena, head->sequence),
                                   db_bytes(arena, head->hash, sizeof head->hash)});
    return db_commit(courier->db);
}

/* The rows to number, the head locked; NULL when the transaction is over. */
static PGresult *
begin_numbering(struct courier *courier, struct place *head)
{
    PGresult *locked, *rows;

    db_begin(courier->db, false);
    locked = db_query(courier->db, courier->arena, &lock_head,
                      (const char *const[]){courier->lease.holder,
                                            number_text(courier->arena, courier->lease.fence)});
    if (locked == NULL)
        return NULL;
    if (PQntuples(locked) == 0) {
        db_rollback(courier->db);
        lease_lost(courier);
        return NULL;
    }
    place_read(courier->arena, locked, 0, head);
    rows = db_query(courier->db, courier->arena, &list_outbox,
                    (const char *const[]){number_text(courier->arena, NUMBERING_BYTES_MAX)});
    if (rows != NULL && PQntuples(rows) == 0) {
        db_rollback(courier->db);
        courier->outbox = false;
        return NULL;
    }
    return rows;
}

void
outbox_due(struct courier *courier, int64_t due)
{
    if (!courier->outbox || due < courier->number_at)
        courier->number_at = due;
    courier->outbox = true;
}

bool
outbox_number(struct courier *courier)
{
    struct numbering columns;
    struct place before, head;
    Wire__Event **events;
    PGresult *rows = begin_numbering(courier, &head);
    size_t count;

    if (rows == NULL)
        return db_error(courier->db)->sqlstate[0] == '\0';
    before = head;
    count = (size_t)PQntuples(rows);
    events = number_rows(courier, rows, &head, &columns);
    if (!store_numbering(courier, &columns, count, &before, &head))
        return false;
    courier->outbox = count == EVENTS_PAGE_MAX || *PQgetvalue(rows, (int)count - 1, 14) == 't';
    courier->head = head;
    publish_events(courier, events, count); /* never before the commit: readers would diverge */
    return true;
}

/* ---- methods of every service */

static Wire__Event *
read_event(struct arena *arena, const char *producer, const PGresult *rows, int row)
{
    Wire__Event *event =
        event_new(arena, producer, db_integer(rows, row, 0), db_integer(rows, row, 1));

    read_body(arena, rows, row, 2, event);
    if (db_value(rows, row, 11) != NULL)
        SET(event, personal_hash, bytes_at(arena, rows, row, 11));
    if (db_value(rows, row, 12) != NULL)
        SET(event, actor_hash, bytes_at(arena, rows, row, 12));
    SET(event, previous_hash, bytes_at(arena, rows, row, 13));
    SET(event, hash, bytes_at(arena, rows, row, 14));
    read_personal(arena, rows, row, 15, event);
    return event;
}

static void
read_epochs(struct arena *arena, const char *producer, const PGresult *rows, Wire__Events *page)
{
    page->head = arena_alloc(arena, sizeof *page->head);
    wire__position__init(page->head);
    page->head->producer = arena_strdup(arena, producer);
    SET(page->head, epoch, db_integer(rows, 0, 0));
    SET(page->head, sequence, db_integer(rows, 0, 1));
    SET(page->head, hash, bytes_at(arena, rows, 0, 2));
    page->n_epochs = (size_t)PQntuples(rows);
    page->epochs = arena_array(arena, page->n_epochs, sizeof *page->epochs);
    for (size_t i = 0; i < page->n_epochs; i++) {
        Wire__Epoch *epoch = arena_alloc(arena, sizeof *epoch);

        wire__epoch__init(epoch);
        SET(epoch, epoch, db_integer(rows, (int)i, 3));
        SET(epoch, first_sequence, db_integer(rows, (int)i, 4));
        SET(epoch, previous_hash, bytes_at(arena, rows, (int)i, 5));
        page->epochs[i] = epoch;
    }
}

bool
log_read(struct db *db, struct arena *arena, const char *producer, int64_t after, int64_t limit,
         Wire__Events *page)
{
    PGresult *rows, *epochs = db_query(db, arena, &list_epochs, NULL);

    if (epochs == NULL)
        return false;
    assert(PQntuples(epochs) > 0);
    rows = db_query(db, arena, &list_events,
                    (const char *const[]){number_text(arena, after), number_text(arena, limit),
                                          number_text(arena, EVENTS_PAGE_BYTES_MAX)});
    if (rows == NULL)
        return false;
    read_epochs(arena, producer, epochs, page);
    page->n_events = (size_t)PQntuples(rows);
    page->events = arena_array(arena, page->n_events, sizeof *page->events);
    for (size_t i = 0; i < page->n_events; i++)
        page->events[i] = read_event(arena, producer, rows, (int)i);
    return true;
}

enum rpc_status
ops_list_events(struct call *call, const Wire__ListEventsRequest *request, Wire__Events *reply)
{
    bool bounded = request->has_limit && request->limit >= 1 && request->limit <= EVENTS_PAGE_MAX;

    return log_read(call->db, call->arena, call->service->rpc->name, request->after,
                    bounded ? request->limit : EVENTS_PAGE_MAX, reply)
               ? RPC_OK
               : db_fail(call);
}

enum rpc_status
ops_health(struct call *call, const Empty *request, Wire__Health *reply)
{
    (void)request;
    if (db_query(call->db, call->arena, &one, NULL) == NULL)
        return db_fail(call);
    reply->program = arena_strdup(call->arena, call->service->rpc->name);
    reply->version = arena_strdup(call->arena, program_version);
    SET(reply, healthy, true);
    return RPC_OK;
}
