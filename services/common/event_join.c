/* SPDX-License-Identifier: Apache-2.0
 * `<service> --join`: notes how far the streams that a service follows have come before it runs for the first time.
 * A service that is added to a running platform projects what was told before, and reacts to nothing of it. */
#include "event_join.h"

#include "log.h"
#include "services.h"
#include "wire.rules.h"

#include <inttypes.h>
#include <string.h>

static const struct db_statement has_begun = {
    .name = "has_begun",
    .text = "select exists (select from stream_cursor where consumer = 'main')",
};
DB_PROVED(has_begun);
static const struct db_statement note_join = {
    .name = "note_join",
    .text =
        "insert into stream_join (producer, epoch, sequence) values ($1, $2::bigint, $3::bigint)"
        " on conflict (producer) do update set epoch = excluded.epoch, sequence = excluded.sequence",
    .parameters = 3,
};
DB_PROVED(note_join);
static const struct db_statement list_joins = {
    .name = "list_joins",
    .text = "select producer, epoch, sequence from stream_join",
};
DB_PROVED(list_joins);

static struct applied joins[SERVICES_COUNT];
static size_t joins_count;

/* ---- afterwards, in the courier */

bool
joins_load(struct db *db, struct arena *arena)
{
    PGresult *rows = db_query(db, arena, &list_joins, NULL);

    if (rows == NULL)
        return false;
    joins_count = 0;
    for (int row = 0; row < PQntuples(rows) && joins_count < SERVICES_COUNT; row++) {
        struct applied *join = &joins[joins_count++];

        snprintf(join->producer, sizeof join->producer, "%s", PQgetvalue(rows, row, 0));
        join->epoch = db_integer(rows, row, 1);
        join->sequence = db_integer(rows, row, 2);
    }
    return true;
}

bool
event_precedes_join(const Wire__Event *event)
{
    for (size_t i = 0; i < joins_count; i++)
        if (strcmp(joins[i].producer, event->producer) == 0)
            return event->epoch < joins[i].epoch ||
                   (event->epoch == joins[i].epoch && event->sequence <= joins[i].sequence);
    return false;
}

/* ---- the command */

static bool
fail(struct db *db, const char *what)
{
    const char *message = db_error(db)->message;

    log_error("%s%s%s", what, message == NULL ? "" : ": ", message == NULL ? "" : message);
    db_rollback(db);
    return false;
}

static bool
ask_head(struct call *call, const char *producer, struct applied *head)
{
    Wire__ListEventsRequest request = WIRE__LIST_EVENTS_REQUEST__INIT;
    ProtobufCMessage *page = NULL;
    const Wire__Position *place;

    SET(&request, after, INT64_MAX);
    SET(&request, limit, 1);
    if (call_ask(call, arena_printf(call->arena, "%s.ListEvents", producer), &request.base,
                 &wire__events__rules, &page) != RPC_OK) {
        log_error("%s does not say how far its stream is (%s): start it, then do this again",
                  producer, call->problem.detail);
        return false;
    }
    place = ((const Wire__Events *)page)->head;
    snprintf(head->producer, sizeof head->producer, "%s", producer);
    head->epoch = place->epoch;
    head->sequence = place->sequence;
    return true;
}

/* Each producer once. */
static bool
ask_heads(struct call *call)
{
    const struct rpc_service *rpc = call->service->rpc;

    joins_count = 0;
    for (size_t i = 0; i < rpc->subscriptions_count; i++) {
        size_t n = 0;

        while (n < joins_count && strcmp(joins[n].producer, rpc->subscriptions[i].producer) != 0)
            n++;
        if (n == joins_count &&
            !ask_head(call, rpc->subscriptions[i].producer, &joins[joins_count++]))
            return false;
    }
    return true;
}

static bool
note_joins(struct call *call)
{
    struct arena *arena = call->arena;

    db_begin(call->db, false);
    for (size_t i = 0; i < joins_count; i++)
        db_queue(call->db, &note_join,
                 (const char *const[]){joins[i].producer,
                                       arena_printf(arena, "%" PRId64, joins[i].epoch),
                                       arena_printf(arena, "%" PRId64, joins[i].sequence)});
    if (!db_commit(call->db))
        return fail(call->db, "how far the streams are could not be noted");
    for (size_t i = 0; i < joins_count; i++)
        log_info("nothing is done about what %s told up to %" PRId64 "; copies are kept of it",
                 joins[i].producer, joins[i].sequence);
    return true;
}

static bool
join(struct call *call)
{
    PGresult *begun = db_query(call->db, call->arena, &has_begun, NULL);

    if (begun == NULL)
        return fail(call->db, "the cursors could not be read");
    if (strcmp(PQgetvalue(begun, 0, 0), "t") == 0)
        return fail(call->db, "this service has run before: it goes on where it was");
    return ask_heads(call) && note_joins(call);
}

int
events_join(struct call *call, int argc, char **argv)
{
    struct wire *wire = wire_open(call->service->rpc->name);
    bool ok;

    (void)argc, (void)argv;
    call->asker = wire_asker_open(wire);
    ok = join(call);
    wire_asker_close(call->asker);
    wire_close(wire);
    return ok ? 0 : 1;
}
