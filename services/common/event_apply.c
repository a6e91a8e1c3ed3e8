/* SPDX-License-Identifier: Apache-2.0
 * Other services' events take effect here, each once: the cursor moves by compare-and-set in the transaction of
 * the effect; what fails for good is parked, and what follows it with it. */
#include "courier.h"

#include "config.h"
#include "event_join.h"
#include "log.h"
#include "projections.h"

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
static const struct db_statement note_seen = {
    .name = "note_seen",
    .text = "insert into stream_seen as c (producer, epoch, sequence)"
            " values ($1, $2::bigint, $3::bigint) on conflict (producer) do update"
            " set epoch = excluded.epoch, sequence = excluded.sequence"
            " where (excluded.epoch, excluded.sequence) > (c.epoch, c.sequence)",
    .parameters = 3,
};
DB_PROVED(note_seen);

/* One transaction over the next events of one stream. */
struct batch {
    struct courier *courier;
    struct stream *stream;
    struct call call;
    Wire__Event *events[BATCH_MAX];
    struct effect effects[BATCH_MAX];
    size_t count;
    const char *park_reason; /* the only event of the batch is parked, not handled */
    enum parked_status park_as;
    bool stale; /* the cursor was moved by someone else */
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
    courier->cursors_loaded = joins_load(courier->db, courier->arena) && db_commit(courier->db);
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

/* ---- causality */

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

/* Keeps the furthest place of each producer. */
static size_t
add_place(struct applied *places, size_t count, const struct applied *place)
{
    size_t i = 0;

    while (i < count && strcmp(places[i].producer, place->producer) != 0)
        i++;
    if (i == COURIER_STREAMS_MAX)
        return count;
    if (i == count || place->epoch > places[i].epoch ||
        (place->epoch == places[i].epoch && place->sequence > places[i].sequence))
        places[i] = *place;
    return i == count ? count + 1 : count;
}

static void
note_unfollowed(struct batch *batch)
{
    struct arena *arena = batch->call.arena;
    struct applied places[COURIER_STREAMS_MAX], place;
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const char *text = batch->events[i]->applied == NULL ? "" : batch->events[i]->applied;

        while (applied_next(&text, &place))
            if (!is_followed(batch->courier, place.producer))
                count = add_place(places, count, &place);
    }
    for (size_t i = 0; i < count; i++)
        db_queue(batch->call.db, &note_seen,
                 (const char *const[]){places[i].producer, number(arena, places[i].epoch),
                                       number(arena, places[i].sequence)});
}

/* ---- effects */

static enum rpc_status
plan_event(struct batch *batch, size_t i)
{
    const Wire__Event *event = batch->events[i];

    if (effect_wanted(batch->courier->service, event->type))
        poison_handling(batch->courier, event);
    return effect_plan(&batch->call, event, &batch->effects[i]);
}

static enum rpc_status
apply_event(struct batch *batch, const struct effect *effect)
{
    if (effect->type != NULL)
        poison_handling(batch->courier, effect->event);
    return effect_apply(&batch->call, effect);
}

static enum rpc_status
apply_effects(struct batch *batch)
{
    if (!batch->stream->causal)
        return batch->courier->service->audit(&batch->call, batch->events, batch->count);
    if (batch->park_reason != NULL) {
        const struct event_type *type = events_find(batch->events[0]->type);

        parked_store(&batch->call, batch->events[0], batch->park_as, batch->park_reason,
                     batch->stream->attempts);
        /* An erasure waits for nothing. */
        if (type != NULL && type->erases && batch->events[0]->client != NULL)
            events_erase_client(&batch->call, batch->events[0]->client);
        return RPC_OK;
    }
    for (size_t i = 0; i < batch->count; i++)
        TRY(apply_event(batch, &batch->effects[i]));
    projections_write(&batch->call);
    return RPC_OK;
}

/* ---- the transaction */

static enum rpc_status
transact(struct call *call, void *state)
{
    struct batch *batch = state;

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

enum rpc_status
courier_transact(struct courier *courier, struct call *call,
                 enum rpc_status (*body)(struct call *call, void *state), void *state)
{
    enum rpc_status status;

    arena_reset(courier->call_arena);
    call_start(call, courier->call_arena, courier->db, courier->call_asker, courier->service);
    if (setjmp(*arena_overflow(courier->call_arena)) == 0)
        status = body(call, state);
    else
        status = call_fail(call, RPC_INTERNAL, NULL,
                           "handling it needs more memory than one call may use");
    arena_overflow_end(courier->call_arena);
    if (status != RPC_OK)
        db_rollback(courier->db);
    log_request(NULL);
    return status;
}

/* ---- afterwards */

void
courier_follow_up(struct courier *courier, const struct call *call)
{
    courier->release_at = 0; /* a parked event may have waited for this */
    if (call->emitted != NULL)
        outbox_due(courier, courier->numbered_at + GATHER_MS);
    if (call->wake_jobs)
        wake(courier->inherited->wake_jobs_write);
}

/* The first time for each place; as long as this courier lives, administrators see it. */
void
courier_note_lost(struct courier *courier, const Wire__Event *event)
{
    struct stream *stream = NULL;
    struct applied place;

    if (!stream_names_lost(EVENTS_MAIN, event, courier->streams, courier->streams_count, &place))
        return;
    for (size_t i = 0; i < courier->streams_count; i++)
        if (courier->streams[i].causal &&
            strcmp(courier->streams[i].producer, event->producer) == 0)
            stream = &courier->streams[i];
    if (stream == NULL ||
        (strcmp(stream->lost.producer, place.producer) == 0 && stream->lost.epoch == place.epoch))
        return;
    stream->lost = place;
    log_error("%s of %s:%" PRId64 " was applied though it follows from %s:%" PRId64 ":%" PRId64
              ", which was lost when %s was restored: " STREAM_LOST_REMEDY,
              event->type, event->producer, event->sequence, place.producer, place.epoch,
              place.sequence, place.producer);
}

static void
conclude(struct batch *batch, int64_t now)
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
        for (size_t i = 0; batch->stream->causal && i < batch->count; i++)
            courier_note_lost(courier, batch->events[i]);
    }
    courier_follow_up(courier, &batch->call);
    stream_advance(batch->stream, batch->count, now);
}

bool
courier_may_go_better(const struct courier *courier, enum rpc_status status)
{
    return status == RPC_UNAVAILABLE || status == RPC_TIMEOUT || db_retryable(courier->db);
}

const char *
courier_reason(const struct courier *courier, const struct call *call, enum rpc_status status)
{
    const char *detail = call->problem.detail;

    if (detail == NULL)
        detail = db_error(courier->db)->message;
    return arena_printf(courier->arena, "%s: %s", rpc_status_code(status),
                        detail == NULL ? "" : detail);
}

static void
give_up(struct batch *batch, enum rpc_status status, int64_t now)
{
    struct courier *courier = batch->courier;
    struct stream *stream = batch->stream;
    bool transient = courier_may_go_better(courier, status);

    /* How far it went is asked anew; something may have been parked on the way. */
    if (batch->stale || db_outcome_unknown(courier->db)) {
        courier->cursors_loaded = false;
        courier->parked = true;
        return;
    }
    snprintf(stream->reason, sizeof stream->reason, "%s",
             courier_reason(courier, &batch->call, status));
    log_warning("%zu events of %s from %" PRId64 " on were not applied: %s", batch->count,
                stream->producer, batch->events[0]->sequence, stream->reason);
    stream_failed(stream, batch->count, transient, now);
    references_forget();
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
    if (courier->parked && stream->causal && !parked_mark(courier, batch->events, count, parked))
        return false;
    count = stream_batch(stream, batch->events, parked, count, courier->streams,
                         courier->streams_count, now);
    if (count == 0)
        return false;
    batch->count = 1;
    batch->park_as = parked[0] ? PARKED_BEHIND : PARKED_FAILED;
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
    status = courier_transact(courier, &batch->call, transact, batch);
    if (stream->causal)
        poison_handled(courier, batch->events[batch->count - 1]);
    if (status == RPC_OK)
        conclude(batch, now);
    else
        give_up(batch, status, now);
    return status == RPC_OK || batch->count > 1;
}
