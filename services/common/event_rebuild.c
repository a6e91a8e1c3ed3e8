/* SPDX-License-Identifier: Apache-2.0
 * `<service> --rebuild`: replays the producers' logs into shadow tables and, in one transaction that holds the
 * cursors still, makes every projection equal to its shadow. Needs the owner role; the service may be running. */
#include "courier.h"

#include "config.h"
#include "log.h"
#include "projections.h"
#include "sql_compile.h"
#include "wire.rules.h"

#include <poll.h>
#include <string.h>

enum { ASKS_MAX = 20, ASK_AGAIN_MS = 250, PRODUCERS_MAX = 8 };

static const struct db_statement list_cursors = {
    .name = "list_cursors",
    .text =
        "select producer, sequence from stream_cursor where consumer = 'main' order by producer",
};
DB_PROVED(list_cursors);
/* Holds the courier back: it moves a cursor first in every transaction. */
static const struct db_statement lock_cursors = {
    .name = "lock_cursors",
    .text =
        "select producer, sequence from stream_cursor where consumer = 'main' order by producer for update",
};
DB_PROVED(lock_cursors);
static const struct db_statement list_columns = {
    .name = "list_columns",
    .text =
        "select string_agg(quote_ident(attname), ', ' order by attnum),"
        " string_agg('excluded.' || quote_ident(attname), ', ' order by attnum) from pg_attribute"
        " where attrelid = ($1 || '.' || $2)::regclass and attnum > 0 and not attisdropped",
    .parameters = 2,
};
DB_PROVED(list_columns);

struct rebuild {
    const struct service *service;
    struct db *db;
    struct wire *wire;
    struct wire_asker *asker;
    struct arena *arena; /* of one page */
    struct stream streams[PRODUCERS_MAX];
    size_t streams_count;
};

static bool
fail(struct rebuild *rebuild, const char *what)
{
    const char *message = db_error(rebuild->db)->message;

    log_error("%s: %s", what, message == NULL ? "see above" : message);
    db_rollback(rebuild->db);
    return false;
}

/* A statement that is written for one table; its text lies in the arena. */
static bool
run_text(struct rebuild *rebuild, const char *text)
{
    const struct db_statement statement = {.name = "rebuild", .text = text, .unnamed = true};

    return db_query(rebuild->db, rebuild->arena, &statement, NULL) != NULL || fail(rebuild, text);
}

/* ---- shadows */

/* Temporary tables of the same name come first in every search path: the projections' own statements fill
 * them as they are. */
static bool
make_shadows(struct rebuild *rebuild)
{
    const char *schema = rebuild->service->rpc->name;
    size_t count;
    const struct projection *const *all = projections(&count);

    db_begin(rebuild->db, false);
    for (size_t i = 0; i < count; i++)
        if (!run_text(rebuild, arena_printf(rebuild->arena,
                                            "create temporary table %s (like %s.%s including all)",
                                            all[i]->table, schema, all[i]->table)))
            return false;
    return db_commit(rebuild->db) || fail(rebuild, "the shadow tables could not be made");
}

static bool
feeds_projection(const struct rebuild *rebuild, const char *producer)
{
    const struct rpc_service *rpc = rebuild->service->rpc;

    for (size_t i = 0; i < rpc->subscriptions_count; i++)
        if (rpc->subscriptions[i].projection != NULL &&
            strcmp(rpc->subscriptions[i].producer, producer) == 0)
            return true;
    return false;
}

static void
follow_producers(struct rebuild *rebuild)
{
    const struct rpc_service *rpc = rebuild->service->rpc;

    for (size_t i = 0; i < rpc->subscriptions_count; i++) {
        const char *producer = rpc->subscriptions[i].producer;
        size_t n = 0;

        while (n < rebuild->streams_count && strcmp(rebuild->streams[n].producer, producer) != 0)
            n++;
        if (n < rebuild->streams_count || !feeds_projection(rebuild, producer) ||
            n == PRODUCERS_MAX)
            continue;
        rebuild->streams[n] = (struct stream){.consumer = "rebuild", .producer = producer};
        stream_start(&rebuild->streams[n], &(struct place){.epoch = 1});
        rebuild->streams_count++;
    }
}

/* ---- replaying */

static enum rpc_status
apply_event(struct call *call, const Wire__Event *event)
{
    const struct rpc_service *rpc = call->service->rpc;
    const struct event_type *type = events_find(event->type);

    call->event = event;
    for (size_t i = 0; type != NULL && i < rpc->subscriptions_count; i++) {
        const struct subscription *subscription = &rpc->subscriptions[i];
        const struct projection *projection;
        ProtobufCMessage *message;

        if (subscription->type != type || subscription->projection == NULL)
            continue;
        projection = projection_named(subscription->projection);
        message = events_unpack(call->arena, type, event);
        if (projection == NULL || message == NULL)
            return call_fail(call, RPC_INTERNAL, NULL, "%s can't be applied", event->event_id);
        TRY(projection_apply(call, projection, type, message));
    }
    return RPC_OK;
}

/* In the transaction that is open, up to a place. */
static bool
apply_received(struct rebuild *rebuild, struct call *call, struct stream *stream, int64_t until)
{
    Wire__Event *events[BATCH_MAX];
    size_t count, applied;

    while ((count = stream_peek(stream, events, BATCH_MAX)) > 0 && events[0]->sequence <= until) {
        if (!events_forget_erased(rebuild->db, call->arena, events, count))
            return fail(rebuild, "the erased clients could not be read");
        for (applied = 0; applied < count && events[applied]->sequence <= until; applied++)
            if (apply_event(call, events[applied]) != RPC_OK)
                return fail(rebuild, call->problem.detail);
        projections_write(call);
        stream_advance(stream, applied, 0);
        /* What is queued is bounded; any statement drains it. */
        if (!run_text(rebuild, "select 1"))
            return false;
    }
    return true;
}

static bool
ask_page(struct rebuild *rebuild, struct call *call, struct stream *stream)
{
    Wire__ListEventsRequest request = WIRE__LIST_EVENTS_REQUEST__INIT;
    const char *method = arena_printf(call->arena, "%s.ListEvents", stream->producer);
    ProtobufCMessage *page = NULL;
    const uint8_t *bytes;
    size_t length;

    SET(&request, after, stream->tail.sequence);
    for (int asks = 0; asks < ASKS_MAX; asks++) {
        if (call_ask(call, method, &request.base, &wire__events__rules, &page) == RPC_OK)
            break;
        page = NULL;
        poll(NULL, 0, ASK_AGAIN_MS);
    }
    if (page == NULL)
        return fail(rebuild, "a producer does not answer");
    bytes = message_pack(call->arena, page, &length);
    stream_asked(stream, 0, 0);
    stream_answered(stream, bytes, length, 0);
    if (stream->stopped == NULL && stream->unanswered == 0)
        return true;
    log_error("the stream of %s can't be replayed: %s", stream->producer,
              stream->stopped == NULL ? "its log has a gap" : stream->stopped);
    return false;
}

/* Page by page; a transaction for each unless one is open already. */
static bool
replay(struct rebuild *rebuild, struct stream *stream, int64_t until, bool open)
{
    while (stream->cursor.sequence < until) {
        struct call call;

        if (!open)
            arena_reset(rebuild->arena);
        call_start(&call, rebuild->arena, rebuild->db, rebuild->asker, rebuild->service);
        if (stream->buffered == 0 && !ask_page(rebuild, &call, stream))
            return false;
        if (!open)
            db_begin(rebuild->db, false);
        if (!apply_received(rebuild, &call, stream, until))
            return false;
        if (!open && !db_commit(rebuild->db))
            return fail(rebuild, "a page could not be applied");
    }
    return true;
}

static bool
replay_to(struct rebuild *rebuild, const PGresult *cursors, bool open)
{
    int64_t until[PRODUCERS_MAX] = {0};

    for (int row = 0; row < PQntuples(cursors); row++)
        for (size_t i = 0; i < rebuild->streams_count; i++)
            if (strcmp(rebuild->streams[i].producer, PQgetvalue(cursors, row, 0)) == 0)
                until[i] = db_integer(cursors, row, 1);
    for (size_t i = 0; i < rebuild->streams_count; i++)
        if (!replay(rebuild, &rebuild->streams[i], until[i], open))
            return false;
    return true;
}

/* ---- making equal */

/* Row by row instead of renaming, so that rights, foreign keys and running statements stay as they are, and only
 * where they differ, because the courier waits. What is newer than the stream stays; what it has not brought yet
 * is asked from its owner again. */
static bool
swap_table(struct rebuild *rebuild, const char *table)
{
    const char *schema = rebuild->service->rpc->name;
    PGresult *columns =
        db_query(rebuild->db, rebuild->arena, &list_columns, (const char *const[]){schema, table});

    if (columns == NULL)
        return fail(rebuild, "a table's columns could not be read");
    return run_text(
               rebuild,
               arena_printf(rebuild->arena,
                            "insert into %s.%s as live (%s) select shadow.* from pg_temp.%s shadow"
                            " left join %s.%s old on old.id = shadow.id"
                            " where row(old.*) is distinct from row(shadow.*)"
                            " on conflict (id) do update set (%s) = row(%s)"
                            " where live.version <= excluded.version",
                            schema, table, db_value(columns, 0, 0), table, schema, table,
                            db_value(columns, 0, 0), db_value(columns, 0, 1))) &&
           run_text(rebuild,
                    arena_printf(rebuild->arena,
                                 "delete from %s.%s live where not exists"
                                 " (select from pg_temp.%s shadow where shadow.id = live.id)",
                                 schema, table, table));
}

static bool
swap_all(struct rebuild *rebuild)
{
    size_t count;
    const struct projection *const *all = projections(&count);
    PGresult *cursors;

    arena_reset(rebuild->arena);
    db_begin(rebuild->db, false);
    cursors = db_query(rebuild->db, rebuild->arena, &lock_cursors, NULL);
    if (cursors == NULL)
        return fail(rebuild, "the cursors could not be locked");
    if (!replay_to(rebuild, cursors, true))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!swap_table(rebuild, all[i]->table))
            return false;
    return db_commit(rebuild->db) || fail(rebuild, "the projections could not be replaced");
}

static bool
rebuild_all(struct rebuild *rebuild)
{
    PGresult *cursors = db_query(rebuild->db, rebuild->arena, &list_cursors, NULL);

    if (cursors == NULL)
        return fail(rebuild, "the cursors could not be read");
    /* Statements are prepared when the shadows are there: they mean these from then on. */
    return make_shadows(rebuild) && sql_prove(rebuild->db) &&
           projections_prove(rebuild->db, rebuild->service) && replay_to(rebuild, cursors, false) &&
           swap_all(rebuild);
}

int
events_rebuild(const struct service *service)
{
    struct rebuild rebuild = {.service = service, .db = db_new(service->rpc->name, true)};
    bool ok;

    rebuild.arena = arena_new((size_t)config.arena_bytes_max * 8);
    rebuild.wire = wire_open(service->rpc->name);
    rebuild.asker = wire_asker_open(rebuild.wire);
    follow_producers(&rebuild);
    ok = db_connect(rebuild.db) && rebuild_all(&rebuild);
    if (ok)
        log_info("the projections are rebuilt");
    for (size_t i = 0; i < rebuild.streams_count; i++)
        stream_end(&rebuild.streams[i]);
    wire_asker_close(rebuild.asker);
    wire_close(rebuild.wire);
    arena_free(rebuild.arena);
    db_free(rebuild.db);
    return ok ? 0 : 1;
}
