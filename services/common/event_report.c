/* SPDX-License-Identifier: Apache-2.0
 * What a courier tells of its instance: a row in the database, which every instance's workers read. */
#include "courier.h"

#include "db.h"
#include "instance.h"
#include "log.h"
#include "ops.rpc.h"
#include "sql.h"

#include <inttypes.h>

SQL(tell_instance, InstanceReport, Empty,
    "with forgotten as (delete from instance where seen_at < now() - interval '10 minutes') "
    "insert into instance (id, host, version, since, active, handled, failed, applied, parked, "
    "restarts, streams) values (:id, :host, :version, :since, :active, :handled, :failed, :applied, "
    ":parked, :restarts, :streams) on conflict (id) do update set seen_at = now(), "
    "active = excluded.active, handled = excluded.handled, failed = excluded.failed, "
    "applied = excluded.applied, parked = excluded.parked, restarts = excluded.restarts, "
    "streams = excluded.streams");

SQL(end_instance, InstanceReport, Empty, "delete from instance where id = :id");

static char *
place_text(struct arena *arena, const struct applied *place)
{
    return arena_printf(arena, "%s:%" PRId64 ":%" PRId64, place->producer, place->epoch,
                        place->sequence);
}

static StreamReport *
describe_stream(struct arena *arena, const struct stream *stream, int64_t now)
{
    StreamReport *report = arena_alloc(arena, sizeof *report);

    ops__stream_report__init(report);
    report->consumer = (char *)stream->consumer;
    report->producer = (char *)stream->producer;
    SET(report, epoch, stream->cursor.epoch);
    SET(report, sequence, stream->cursor.sequence);
    SET(report, lag, stream->head - stream->cursor.sequence);
    if (stream->waiting_since != 0) {
        report->waits_for = place_text(arena, &stream->waits_for);
        SET(report, waits_s, (now - stream->waiting_since) / 1000);
    }
    if (stream->failing_since != 0) {
        report->fails = arena_strdup(arena, stream->reason);
        SET(report, fails_s, (now - stream->failing_since) / 1000);
    }
    if (stream->lost.producer[0] != '\0')
        report->lost = place_text(arena, &stream->lost);
    report->stopped = (char *)stream->stopped;
    return report;
}

static void
describe_streams(struct arena *arena, const struct courier *courier, int64_t now,
                 InstanceReport *report)
{
    report->streams = arena_array(arena, courier->streams_count + 1, sizeof *report->streams);
    for (size_t i = 0; courier->lease.held && i < courier->streams_count; i++)
        report->streams[report->n_streams++] = describe_stream(arena, &courier->streams[i], now);
}

static InstanceReport *
describe(struct call *call, const struct courier *courier, int64_t now)
{
    InstanceReport *report = instance_describe(call->arena, courier->inherited->counters);

    report->id = (char *)courier->lease.holder;
    SET(report, active, courier->lease.held);
    describe_streams(call->arena, courier, now, report);
    return report;
}

struct telling {
    const struct courier *courier;
    int64_t now;
};

static enum rpc_status
tell(struct call *call, void *state)
{
    const struct telling *telling = state;

    db_begin(call->db, false);
    TRY(sql_run(call, &tell_instance, describe(call, telling->courier, telling->now), NULL));
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static enum rpc_status
take_leave(struct call *call, void *state)
{
    const struct telling *telling = state;

    db_begin(call->db, false);
    TRY(sql_run(call, &end_instance, describe(call, telling->courier, telling->now), NULL));
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static void
transact(struct courier *courier, int64_t now,
         enum rpc_status (*body)(struct call *call, void *state))
{
    struct telling telling = {courier, now};
    struct call call;

    if (courier->lease.holder[0] != '\0' &&
        courier_transact(courier, &call, body, &telling) != RPC_OK)
        log_warning("how this instance is could not be told: %s", db_error(courier->db)->message);
}

void
instance_tell(struct courier *courier, int64_t now)
{
    if (now < courier->tell_at)
        return;
    courier->tell_at = now + INSTANCE_PERIOD_MS;
    transact(courier, now, tell);
}

void
instance_end(struct courier *courier, int64_t now)
{
    transact(courier, now, take_leave);
}
