/* SPDX-License-Identifier: Apache-2.0
 * The queue of parked events: what can't be applied goes in, and what follows it; the courier takes out what an
 * administrator had tried again, and what no longer stands behind another. */
#include "courier.h"

#include "log.h"
#include "projections.h"

#include <inttypes.h>
#include <string.h>

enum { RELEASE_HEADS_MAX = 100, RELEASE_RETRY_MS = 500 };

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
        " personal_salt, personal, status, reason, attempts) values ($1, $2::bigint, $3::bigint, $4::uuid,"
        " $5, $6::uuid, $7::uuid, $8::bytea, $9::bytea, $10::bytea, $11, $12, $13::int)",
    .parameters = 13,
};
DB_PROVED(park);
static const struct db_statement list_released = {
    .name = "list_released",
    .text =
        "select position, event, personal_salt, personal from parked_event p"
        " where status <> 'failed' and not exists (select from parked_event q where " PARKED_BEFORE
        ") order by position limit $1::int",
    .parameters = 1,
};
DB_PROVED(list_released);
/* Whoever skips it at the same moment was first, or waits. */
static const struct db_statement take_parked = {
    .name = "take_parked",
    .text = "delete from parked_event where position = $1::bigint returning position",
    .parameters = 1,
};
DB_PROVED(take_parked);
static const struct db_statement park_again = {
    .name = "park_again",
    .text = "update parked_event set status = 'failed', reason = $2, attempts = attempts + 1"
            " where position = $1::bigint",
    .parameters = 2,
};
DB_PROVED(park_again);

static const char *
number(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%" PRId64, value);
}

/* ---- in */

bool
parked_mark(struct courier *courier, Wire__Event *const *events, size_t count, bool *parked)
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

        parked[i] = effect_wanted(courier->service, events[i]->type);
    }
    return true;
}

/* The personal part lies beside, so that an erasure finds it. */
void
parked_store(struct call *call, const Wire__Event *event, enum parked_status status,
             const char *reason, int attempts)
{
    struct arena *arena = call->arena;
    Wire__Event stored = *event;
    bool personal = stored.has_personal && stored.has_personal_salt;
    uint8_t *bytes;

    stored.has_personal = stored.has_personal_salt = stored.has_actor_personal =
        stored.has_actor_salt = 0;
    bytes = arena_alloc(arena, wire__event__get_packed_size(&stored) + 1);
    db_queue(
        call->db, &park,
        (const char *const[]){
            event->producer, number(arena, event->epoch), number(arena, event->sequence),
            event->event_id, event->type, event->client, event->project,
            db_bytes(arena, bytes, wire__event__pack(&stored, bytes)),
            personal ? db_bytes(arena, event->personal_salt.data, event->personal_salt.len) : NULL,
            personal ? db_bytes(arena, event->personal.data, event->personal.len) : NULL,
            status == PARKED_BEHIND ? "behind" : "failed", reason, number(arena, attempts)});
}

/* ---- out */

/* One parked event on its way out. */
struct release {
    struct courier *courier;
    Wire__Event *event;
    const char *position;
    bool gone; /* it was skipped meanwhile */
};

static ProtobufCBinaryData
bytes_at(struct arena *arena, const PGresult *rows, int row, int column)
{
    ProtobufCBinaryData bytes = {0};

    if (db_value(rows, row, column) != NULL)
        bytes.data = db_unbytes(arena, db_value(rows, row, column), &bytes.len);
    return bytes;
}

static bool
read_release(struct courier *courier, const PGresult *rows, int row, struct release *release)
{
    ProtobufCBinaryData event = bytes_at(courier->arena, rows, row, 1);
    ProtobufCBinaryData salt = bytes_at(courier->arena, rows, row, 2);
    ProtobufCBinaryData personal = bytes_at(courier->arena, rows, row, 3);

    *release = (struct release){.courier = courier, .position = db_value(rows, row, 0)};
    release->event = event_unpark(courier->arena, &event, &salt, &personal);
    return release->event != NULL;
}

static enum rpc_status
transact(struct call *call, void *state)
{
    struct release *release = state;
    struct effect effect;
    PGresult *taken;

    poison_handling(release->courier, release->event);
    TRY(effect_plan(call, release->event, &effect));
    db_begin(call->db, false);
    taken = db_query(call->db, call->arena, &take_parked, (const char *const[]){release->position});
    if (taken == NULL)
        return db_fail(call);
    release->gone = PQntuples(taken) == 0;
    if (release->gone)
        return RPC_UNAVAILABLE;
    TRY(effect_apply(call, &effect));
    projections_write(call);
    events_store(call);
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static void
keep_parked(const struct release *release, const char *reason)
{
    struct courier *courier = release->courier;

    log_error("%s %s of %s:%" PRId64 " stays parked: %s", release->event->type,
              release->event->event_id, release->event->producer, release->event->sequence, reason);
    db_begin(courier->db, false);
    db_queue(courier->db, &park_again, (const char *const[]){release->position, reason});
    if (!db_commit(courier->db))
        log_error("what was tried again could not be parked again: %s",
                  db_error(courier->db)->message);
}

static void
conclude(struct release *release, const struct call *call, enum rpc_status status, int64_t now)
{
    struct courier *courier = release->courier;

    courier->release_at = now;
    if (status == RPC_OK) {
        log_info("%s %s of %s:%" PRId64 " is no longer parked", release->event->type,
                 release->event->event_id, release->event->producer, release->event->sequence);
        atomic_fetch_add(&courier->inherited->counters->applied, 1);
        courier_note_lost(courier, release->event);
        courier_follow_up(courier, call);
    } else if (courier_may_go_better(courier, status)) {
        courier->release_at = now + (release->gone ? 0 : RELEASE_RETRY_MS);
    } else {
        keep_parked(release, courier_reason(courier, call, status));
    }
}

static void
apply(struct release *release, int64_t now)
{
    struct courier *courier = release->courier;
    struct call call;
    enum rpc_status status;

    if (poison_is_deadly(courier, release->event)) {
        poison_handled(courier, release->event);
        keep_parked(release, "handling it killed the process three times");
        return;
    }
    status = courier_transact(courier, &call, transact, release);
    poison_handled(courier, release->event);
    conclude(release, &call, status, now);
}

/* Parking is looked at before waiting: what is parked may still have to wait for other streams. */
bool
parked_release(struct courier *courier, int64_t now)
{
    struct release release;
    struct applied place;
    PGresult *rows = db_query(courier->db, courier->arena, &list_released,
                              (const char *const[]){number(courier->arena, RELEASE_HEADS_MAX)});

    courier->release_at = now + LEASE_RENEW_MS;
    for (int row = 0; rows != NULL && row < PQntuples(rows); row++) {
        if (!read_release(courier, rows, row, &release) ||
            stream_must_wait(EVENTS_MAIN, release.event, courier->streams, courier->streams_count,
                             &place))
            continue;
        apply(&release, now);
        return true;
    }
    return false;
}
