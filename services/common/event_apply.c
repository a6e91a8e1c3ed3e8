/* SPDX-License-Identifier: Apache-2.0
 * Other services' events take effect here, each once: the cursor moves by compare-and-set in the transaction of
 * the effect; what fails for good is parked, and what follows it with it. */
#include "courier.h"

#include "config.h"
#include "log.h"
#include "projections.h"
#include "uuid.h"

#include <assert.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static const struct db_statement insert_cursor = {
    .name = "insert_cursor",
    .text = "insert into stream_cursor (consumer, producer, epoch, sequence, hash)"
            " values ($1, $2, 1, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing",
    .parameters = 2,
};
DB_PROVED(insert_cursor);
static const struct db_statement find_cursor = {
    .name = "find_cursor",
    .text = "select epoch, sequence, hash from stream_cursor where consumer = $1 and producer = $2",
    .parameters = 2,
};
DB_PROVED(find_cursor);
static const struct db_statement move_cursor = {
    .name = "move_cursor",
    .text =
        "update stream_cursor set epoch = $5::bigint, sequence = $6::bigint, hash = $7::bytea"
        " where consumer = $1 and producer = $2 and epoch = $3::bigint and sequence = $4::bigint"
        " returning 1",
    .parameters = 7,
};
DB_PROVED(move_cursor);
/* Which of these events come after a parked one of their project, or of their client where the parked one
 * has no project. */
static const struct db_statement find_parked = {
    .name = "find_parked",
    .text =
        "select ordinal from unnest($1::text[], $2::text[]) with ordinality as e (project, client, ordinal)"
        " where exists (select from parked_event p where p.project = nullif(e.project, '')::uuid)"
        " or exists (select from parked_event p where p.project is null"
        "   and p.client = nullif(e.client, '')::uuid)",
    .parameters = 2,
};
DB_PROVED(find_parked);
static const struct db_statement park = {
    .name = "park_event",
    .text =
        "insert into parked_event (producer, epoch, sequence, event_id, type, client, project, event,"
        " personal_salt, personal, reason, attempts) values ($1, $2::bigint, $3::bigint, $4::uuid, $5,"
        " $6::uuid, $7::uuid, $8::bytea, $9::bytea, $10::bytea, $11, $12::int)",
    .parameters = 12,
};
DB_PROVED(park);

static const struct db_statement note_seen = {
    .name = "note_seen",
    .text = "insert into stream_seen as c (producer, epoch, sequence)"
            " values ($1, $2::bigint, $3::bigint) on conflict (producer) do update"
            " set epoch = excluded.epoch, sequence = excluded.sequence"
            " where (excluded.epoch, excluded.sequence) > (c.epoch, c.sequence)",
    .parameters = 3,
};
DB_PROVED(note_seen);

/* An event with what this service does about it. */
struct planned {
    const Wire__Event *event;
    const struct event_type *type; /* NULL: nothing is done */
    ProtobufCMessage *message;
};

/* One transaction over the next events of one stream. */
struct batch {
    struct courier *courier;
    struct stream *stream;
    struct call call;
    Wire__Event *events[BATCH_MAX];
    struct planned planned[BATCH_MAX];
    size_t count;
    const char *park_reason; /* the only event of the batch is parked, not handled */
    bool stale;              /* the cursor was moved by someone else */
};

/* ---- cursors */

static bool
load_cursor(struct courier *courier, struct stream *stream)
{
    const char *const values[] = {stream->consumer, stream->producer};
    struct place cursor;
    PGresult *row;

    db_queue(courier->db, &insert_cursor, values);
    row = db_query(courier->db, courier->arena, &find_cursor, values);
    if (row == NULL || PQntuples(row) == 0)
        return false;
    place_read(courier->arena, row, 0, &cursor);
    stream_start(stream, &cursor);
    return true;
}

bool
cursors_load(struct courier *courier)
{
    db_begin(courier->db, false);
    for (size_t i = 0; i < courier->streams_count; i++)
        if (!load_cursor(courier, &courier->streams[i])) {
            db_rollback(courier->db);
            return false;
        }
    courier->cursors_loaded = db_commit(courier->db);
    return courier->cursors_loaded;
}

static const char *
number(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%" PRId64, value);
}

static enum rpc_status
step_cursor(struct batch *batch)
{
    struct stream *stream = batch->stream;
    const Wire__Event *last = batch->events[batch->count - 1];
    struct arena *arena = batch->call.arena;
    PGresult *moved =
        db_query(batch->call.db, arena, &move_cursor,
                 (const char *const[]){stream->consumer, stream->producer,
                                       number(arena, stream->cursor.epoch),
                                       number(arena, stream->cursor.sequence),
                                       number(arena, last->epoch), number(arena, last->sequence),
                                       db_bytes(arena, last->hash.data, last->hash.len)});

    if (moved == NULL)
        return db_fail(&batch->call);
    batch->stale = PQntuples(moved) == 0;
    return batch->stale ? RPC_UNAVAILABLE : RPC_OK;
}

/* ---- parking */

static bool
is_consumed(const struct service *service, const char *type)
{
    for (size_t i = 0; i < service->rpc->subscriptions_count; i++)
        if (strcmp(service->rpc->subscriptions[i].type->name, type) == 0)
            return true;
    return false;
}

/* Marks what must be parked behind a parked event. False when the database failed. */
static bool
mark_parked(struct courier *courier, Wire__Event *const *events, size_t count, bool *parked)
{
    const char *projects[BATCH_MAX], *clients[BATCH_MAX];
    PGresult *rows;

    for (size_t i = 0; i < count; i++) {
        projects[i] = events[i]->project == NULL ? "" : events[i]->project;
        clients[i] = events[i]->client == NULL ? "" : events[i]->client;
    }
    rows = db_query(courier->db, courier->arena, &find_parked,
                    (const char *const[]){db_array(courier->arena, projects, count),
                                          db_array(courier->arena, clients, count)});
    if (rows == NULL)
        return false;
    for (int row = 0; row < PQntuples(rows); row++) {
        size_t i = (size_t)db_integer(rows, row, 0) - 1;

        parked[i] = is_consumed(courier->service, events[i]->type);
    }
    return true;
}

/* The personal part lies beside, so that an erasure finds it. */
static void
store_parked(struct batch *batch)
{
    struct arena *arena = batch->call.arena;
    Wire__Event event = *batch->events[0];
    bool personal = event.has_personal && event.has_personal_salt;
    uint8_t *bytes;

    event.has_personal = event.has_personal_salt = event.has_actor_personal = event.has_actor_salt =
        0;
    bytes = arena_alloc(arena, wire__event__get_packed_size(&event) + 1);
    db_queue(
        batch->call.db, &park,
        (const char *const[]){
            event.producer, number(arena, event.epoch), number(arena, event.sequence),
            event.event_id, event.type, event.client, event.project,
            db_bytes(arena, bytes, wire__event__pack(&event, bytes)),
            personal ? db_bytes(arena, event.personal_salt.data, event.personal_salt.len) : NULL,
            personal ? db_bytes(arena, event.personal.data, event.personal.len) : NULL,
            batch->park_reason, number(arena, batch->stream->attempts)});
}

/* Causality passes through services that are not followed here: what the producers had read of them is named
 * by what this service emits. */
static bool
is_followed(const struct courier *courier, const char *producer)
{
    for (size_t i = 0; i < courier->streams_count; i++)
        if (courier->streams[i].causal && strcmp(courier->streams[i].producer, producer) == 0)
            return true;
    return strcmp(courier->service->rpc->name, producer) == 0;
}

static void
note_unfollowed(struct batch *batch)
{
    struct arena *arena = batch->call.arena;
    struct applied place;

    for (size_t i = 0; i < batch->count; i++) {
        const char *text = batch->events[i]->applied == NULL ? "" : batch->events[i]->applied;

        while (applied_next(&text, &place))
            if (!is_followed(batch->courier, place.producer))
                db_queue(batch->call.db, &note_seen,
                         (const char *const[]){arena_strdup(arena, place.producer),
                                               number(arena, place.epoch),
                                               number(arena, place.sequence)});
    }
}

/* ---- effects */

/* The call's own header, with the request that the event goes back to. */
static void
continue_trace(struct call *call, const Wire__Event *event)
{
    Wire__RequestHeader *header = arena_memdup(call->arena, call->header, sizeof *header);
    Wire__Actor *actor =
        wire__actor__unpack(arena_allocator(call->arena), event->actor.len, event->actor.data);

    header->request_id = actor == NULL ? NULL : actor->request_id;
    header->traceparent = actor == NULL ? NULL : actor->traceparent;
    call->header = header;
    call->event = event;
    log_request(header->request_id);
}

/* Before the transaction: the message, and what it refers to. */
static enum rpc_status
plan_event(struct batch *batch, size_t i)
{
    struct planned *planned = &batch->planned[i];
    const struct service *service = batch->courier->service;
    bool reaction = false;

    *planned = (struct planned){.event = batch->events[i]};
    if (!is_consumed(service, planned->event->type))
        return RPC_OK;
    poison_handling(batch->courier, batch->stream, planned->event);
    continue_trace(&batch->call, planned->event);
    planned->type = events_find(planned->event->type);
    assert(planned->type != NULL);
    planned->message = events_unpack(batch->call.arena, planned->type, planned->event);
    if (planned->message == NULL)
        return call_fail(&batch->call, RPC_INTERNAL, NULL, "the event does not decode");
    for (size_t n = 0; n < service->rpc->subscriptions_count; n++)
        reaction = reaction || (service->rpc->subscriptions[n].type == planned->type &&
                                service->rpc->subscriptions[n].handler != NULL);
    return reaction ? references_resolve(&batch->call, planned->type->message, planned->message)
                    : RPC_OK;
}

static enum rpc_status
serve_subscription(struct call *call, const struct subscription *subscription,
                   const struct planned *planned)
{
    char id[37];

    call->moves = subscription->moves;
    call->move = NULL;
    uuid_new(id);
    call->new_id = arena_strdup(call->arena, id);
    if (subscription->projection != NULL) {
        const struct projection *projection = projection_named(subscription->projection);

        if (projection == NULL)
            return call_fail(call, RPC_INTERNAL, NULL, "this program has no projection %s",
                             subscription->projection);
        TRY(projection_apply(call, projection, planned->type, planned->message));
    }
    return subscription->handler == NULL ? RPC_OK : subscription->handler(call, planned->message);
}

static enum rpc_status
apply_event(struct batch *batch, const struct planned *planned)
{
    const struct rpc_service *rpc = batch->courier->service->rpc;
    struct call *call = &batch->call;

    if (planned->type == NULL)
        return RPC_OK;
    poison_handling(batch->courier, batch->stream, planned->event);
    continue_trace(call, planned->event);
    for (size_t i = 0; i < rpc->subscriptions_count; i++)
        if (rpc->subscriptions[i].type == planned->type)
            TRY(serve_subscription(call, &rpc->subscriptions[i], planned));
    if (planned->type->erases && planned->event->client != NULL)
        events_erase_client(call, planned->event->client);
    return RPC_OK;
}

static enum rpc_status
record_events(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        continue_trace(&batch->call, batch->events[i]);
        TRY(batch->courier->service->audit(&batch->call, batch->events[i]));
    }
    return RPC_OK;
}

static enum rpc_status
apply_effects(struct batch *batch)
{
    if (!batch->stream->causal)
        return record_events(batch);
    if (batch->park_reason != NULL) {
        const struct event_type *type = events_find(batch->events[0]->type);

        store_parked(batch);
        /* An erasure waits for nothing. */
        if (type != NULL && type->erases && batch->events[0]->client != NULL)
            events_erase_client(&batch->call, batch->events[0]->client);
        return RPC_OK;
    }
    for (size_t i = 0; i < batch->count; i++)
        TRY(apply_event(batch, &batch->planned[i]));
    return RPC_OK;
}

/* ---- the transaction */

static enum rpc_status
transact(struct batch *batch)
{
    struct call *call = &batch->call;

    if (!events_forget_erased(call->db, call->arena, batch->events, batch->count))
        return db_fail(call);
    if (batch->stream->causal && batch->park_reason == NULL)
        for (size_t i = 0; i < batch->count; i++)
            TRY(plan_event(batch, i));
    db_begin(call->db, false);
    TRY(step_cursor(batch));
    if (batch->stream->causal)
        note_unfollowed(batch);
    TRY(apply_effects(batch));
    events_store(call);
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static enum rpc_status
run(struct batch *batch)
{
    struct courier *courier = batch->courier;
    enum rpc_status status;

    arena_reset(courier->call_arena);
    call_start(&batch->call, courier->call_arena, courier->db, courier->call_asker,
               courier->service);
    if (setjmp(*arena_overflow(courier->call_arena)) == 0)
        status = transact(batch);
    else
        status = call_fail(&batch->call, RPC_INTERNAL, NULL,
                           "handling it needs more memory than one call may use");
    arena_overflow_end(courier->call_arena);
    if (status != RPC_OK)
        db_rollback(courier->db);
    log_request(NULL);
    return status;
}

/* ---- afterwards */

static void
conclude(struct batch *batch)
{
    struct courier *courier = batch->courier;
    struct counters *counters = courier->inherited->counters;
    const Wire__Event *first = batch->events[0];

    if (batch->park_reason != NULL) {
        log_error("%s %s of %s:%" PRId64 " is parked: %s", first->type, first->event_id,
                  first->producer, first->sequence, batch->park_reason);
        atomic_fetch_add(&counters->parked, 1);
        courier->parked = true;
    } else {
        atomic_fetch_add(&counters->applied, batch->count);
    }
    if (batch->call.emitted != NULL)
        courier->outbox = true;
    if (batch->call.wake_jobs)
        wake(courier->inherited->wake_jobs_write);
    stream_advance(batch->stream, batch->count);
}

static void
give_up(struct batch *batch, enum rpc_status status, int64_t now)
{
    struct courier *courier = batch->courier;
    struct stream *stream = batch->stream;
    const char *detail = batch->call.problem.detail;
    bool transient =
        status == RPC_UNAVAILABLE || status == RPC_TIMEOUT || db_retryable(courier->db);

    if (batch->stale || db_outcome_unknown(courier->db)) {
        courier->cursors_loaded = false;
        return;
    }
    if (detail == NULL)
        detail = (char *)db_error(courier->db)->message;
    snprintf(stream->reason, sizeof stream->reason, "%s: %s", rpc_status_code(status),
             detail == NULL ? "" : detail);
    log_warning("%zu events of %s from %" PRId64 " on were not applied: %s", batch->count,
                stream->producer, batch->events[0]->sequence, stream->reason);
    stream_failed(stream, batch->count, transient || !stream->causal, now);
}

/* How many go into this transaction, and whether the first is parked instead; a parked one goes alone,
 * because it decides about those behind it. */
static bool
choose(struct batch *batch, int64_t now)
{
    struct courier *courier = batch->courier;
    struct stream *stream = batch->stream;
    bool parked[BATCH_MAX] = {false};
    size_t count = stream_peek(stream, batch->events, BATCH_MAX);

    if (count == 0 || poison_holds_back(courier, stream, now))
        return false;
    if (courier->parked && stream->causal && !mark_parked(courier, batch->events, count, parked))
        return false;
    count = stream_batch(stream, batch->events, parked, count, courier->streams,
                         courier->streams_count, now);
    if (count == 0)
        return false;
    batch->count = 1;
    if (parked[0])
        batch->park_reason = "an earlier event of the same project or client is parked";
    else if (stream->causal && poison_is_deadly(courier, batch->events[0]))
        batch->park_reason = "handling it killed the process three times";
    else if (stream->attempts >= APPLY_ATTEMPTS_MAX)
        batch->park_reason = stream->reason;
    else
        while (batch->count < count && !parked[batch->count])
            batch->count++;
    return true;
}

bool
stream_apply(struct courier *courier, struct stream *stream, int64_t now)
{
    struct batch *batch = arena_alloc(courier->arena, sizeof *batch);
    enum rpc_status status;

    batch->courier = courier;
    batch->stream = stream;
    if (!choose(batch, now))
        return false;
    status = run(batch);
    if (stream->causal)
        poison_handled(courier, batch->events[batch->count - 1]);
    if (status == RPC_OK)
        conclude(batch);
    else
        give_up(batch, status, now);
    return status == RPC_OK || batch->count > 1;
}
