/* SPDX-License-Identifier: Apache-2.0
 * How this program is, as its instances told and its tables show. */
#include "config.h"
#include "db.h"
#include "events.h"
#include "ops.rpc.h"
#include "service.h"
#include "sql.h"

#include <string.h>

enum { CHECKS_MAX = 4, OWN_CHECKS_MAX = 4 };

SQL(read_head, Empty, ProgramReport,
    "select current_schema()::text as program, epoch, sequence from stream_head");

SQL(list_instances, Empty, InstanceReport,
    "select id, host, version, since, seen_at, seen_at > now() - interval '10 seconds' as healthy, "
    "active, handled, failed, applied, parked, restarts, streams from instance "
    "order by since, id limit 100");

SQL(list_failed, Empty, Trouble,
    "select 'event_parked' as kind, event_id::text as key, format('%s of %s could not be applied in "
    "%s; mend what is wrong, then retry or skip it (/v1/ops/parked-events).', type, producer, "
    "current_schema()) as sentence, event_id, client as client_id, project as project_id "
    "from parked_event where status = 'failed' order by position limit 100");

static const struct db_statement count_queues = {
    .name = "count_queues",
    .text = "select 'outbox', count(*) from outbox union all "
            "select 'parked_events', count(*) from parked_event union all "
            "select 'failed_events', count(*) from parked_event where status = 'failed'",
};
DB_PROVED(count_queues);

/* ---- what is there */

static void
add_queues(struct call *call, ProgramReport *report, const PGresult *rows)
{
    size_t count = (size_t)PQntuples(rows);
    QueueReport **queues =
        arena_array(call->arena, report->n_queues + count + 1, sizeof *report->queues);

    for (size_t i = 0; i < report->n_queues; i++)
        queues[i] = report->queues[i];
    for (size_t i = 0; i < count; i++) {
        QueueReport *queue = queues[report->n_queues++] = NEW(call, QueueReport);

        queue->name = arena_strdup(call->arena, db_value(rows, (int)i, 0));
        SET(queue, depth, db_integer(rows, (int)i, 1));
    }
    report->queues = queues;
}

static enum rpc_status
read_queues(struct call *call, ProgramReport *report)
{
    const struct db_statement *const statements[] = {&count_queues, call->service->queues};

    for (size_t i = 0; i < 2 && statements[i] != NULL; i++) {
        PGresult *rows = db_query(call->db, call->arena, statements[i], NULL);

        if (rows == NULL)
            return db_fail(call);
        add_queues(call, report, rows);
    }
    return RPC_OK;
}

/* ---- whether it is well */

/* `detail` NULL: it is. */
static void
add_check(struct call *call, ProgramReport *report, const char *name, const char *detail)
{
    Check *check = NEW(call, Check);

    check->name = arena_strdup(call->arena, name);
    check->detail = (char *)detail;
    SET(check, ok, detail == NULL);
    report->checks[report->n_checks++] = check;
    SET(report, healthy, report->healthy && check->ok);
}

/* The one that told last: one that was killed is not missed at once. */
static const InstanceReport *
find_active(const ProgramReport *report)
{
    const InstanceReport *active = NULL;

    for (size_t i = 0; i < report->n_instances; i++) {
        const InstanceReport *instance = report->instances[i];

        if (instance->active && instance->healthy &&
            (active == NULL || strcmp(instance->seen_at, active->seen_at) > 0))
            active = instance;
    }
    return active;
}

enum { TROUBLES_OF_A_STREAM_MAX = 2 };

static void
add_trouble(struct call *call, Troubles *troubles, TroubleKind kind, const char *key,
            const char *sentence)
{
    Trouble *trouble = NEW(call, Trouble);

    SET(trouble, kind, kind);
    trouble->key = (char *)key;
    trouble->sentence = (char *)sentence;
    troubles->troubles[troubles->n_troubles++] = trouble;
}

/* Why nothing is applied: at most one of these. */
static void
add_standstill(struct call *call, const StreamReport *stream, const char *key, Troubles *troubles)
{
    const char *service = call->service->rpc->name;
    struct arena *arena = call->arena;

    if (stream->stopped != NULL)
        /* Another reason is another trouble, even where nobody looked between the two. */
        add_trouble(call, troubles, TROUBLE_KIND_STREAM_STOPPED,
                    arena_printf(arena, "%s %s", key, stream->stopped),
                    arena_printf(arena, "The stream of %s is stopped in %s: %s. " STREAM_REMEDY ".",
                                 stream->producer, service, stream->stopped, service));
    else if (stream->waits_for != NULL && stream->waits_s * 1000 >= config.wait_alarm_ms)
        add_trouble(call, troubles, TROUBLE_KIND_STREAM_WAITING, key,
                    arena_printf(arena,
                                 "The stream of %s waits in %s for the event %s. See in "
                                 "/v1/ops/services whether %.*s runs and its stream goes on in %s.",
                                 stream->producer, service, stream->waits_for,
                                 (int)strcspn(stream->waits_for, ":"), stream->waits_for, service));
    else if (stream->fails != NULL && stream->fails_s * 1000 >= config.wait_alarm_ms)
        add_trouble(call, troubles, TROUBLE_KIND_STREAM_WAITING, key,
                    arena_printf(arena,
                                 "The stream of %s stands still in %s: %s. It goes on by itself "
                                 "once the database of %s takes its next event.",
                                 stream->producer, service, stream->fails, service));
}

static void
add_stream_troubles(struct call *call, const StreamReport *stream, Troubles *troubles)
{
    const char *key = arena_printf(call->arena, "%s %s", stream->consumer, stream->producer);

    add_standstill(call, stream, key, troubles);
    if (stream->lost != NULL)
        add_trouble(call, troubles, TROUBLE_KIND_EVENTS_LOST,
                    arena_printf(call->arena, "%s %s", key, stream->lost),
                    arena_printf(call->arena,
                                 "%s applied an event of %s that follows from %s, which was lost "
                                 "when its database was restored: " STREAM_LOST_REMEDY ".",
                                 call->service->rpc->name, stream->producer, stream->lost));
}

/* Room for `more` besides those of the streams. */
static void
list_stream_troubles(struct call *call, const InstanceReport *active, size_t more,
                     Troubles *troubles)
{
    size_t streams = active == NULL ? 0 : active->n_streams;

    troubles->troubles = arena_array(call->arena, streams * TROUBLES_OF_A_STREAM_MAX + more + 1,
                                     sizeof *troubles->troubles);
    for (size_t i = 0; i < streams; i++)
        add_stream_troubles(call, active->streams[i], troubles);
}

static const char *
first_trouble(struct call *call, const InstanceReport *active)
{
    Troubles *troubles = NEW(call, Troubles);

    list_stream_troubles(call, active, 0, troubles);
    return troubles->n_troubles == 0 ? NULL : troubles->troubles[0]->sentence;
}

static int64_t
depth_of(const ProgramReport *report, const char *name)
{
    for (size_t i = 0; i < report->n_queues; i++)
        if (strcmp(report->queues[i]->name, name) == 0)
            return report->queues[i]->depth;
    return 0;
}

/* What the service itself looks at. */
static enum rpc_status
check_own(struct call *call, ProgramReport *report)
{
    const struct db_statement *statement = call->service->checks;
    PGresult *rows;

    if (statement == NULL)
        return RPC_OK;
    rows = db_query(call->db, call->arena, statement, NULL);
    if (rows == NULL)
        return db_fail(call);
    for (int row = 0; row < PQntuples(rows) && row < OWN_CHECKS_MAX; row++) {
        const char *detail = db_value(rows, row, 1);

        add_check(call, report, db_value(rows, row, 0),
                  detail == NULL ? NULL : arena_strdup(call->arena, detail));
    }
    return RPC_OK;
}

static enum rpc_status
check(struct call *call, ProgramReport *report)
{
    const InstanceReport *active = find_active(report);

    report->checks = arena_array(call->arena, CHECKS_MAX + OWN_CHECKS_MAX, sizeof *report->checks);
    SET(report, healthy, true);
    add_check(call, report, "database", NULL); /* it answered */
    add_check(call, report, "courier",
              active != NULL ? NULL : "no instance numbers and applies events");
    add_check(call, report, "streams", first_trouble(call, active));
    add_check(call, report, "parked_events",
              depth_of(report, "failed_events") == 0
                  ? NULL
                  : "events could not be applied; see /v1/ops/parked-events");
    return check_own(call, report);
}

enum rpc_status
ops_list_services(struct call *call, const ListServicesRequest *request, ListServicesReply *reply)
{
    ProgramReport *report = NEW(call, ProgramReport);
    Empty *nothing = NEW(call, Empty);

    (void)request;
    TRY(sql_one(call, &read_head, nothing, report));
    TRY(sql_rows(call, &list_instances, nothing, &report->instances, &report->n_instances));
    TRY(read_queues(call, report));
    TRY(check(call, report));
    reply->services = arena_memdup(call->arena, &report, sizeof report);
    reply->n_services = 1;
    return RPC_OK;
}

enum rpc_status
ops_list_troubles(struct call *call, const Empty *request, Troubles *reply)
{
    ProgramReport *report = NEW(call, ProgramReport);
    Trouble **failed;
    size_t count;

    TRY(sql_rows(call, &list_failed, request, &failed, &count));
    TRY(sql_rows(call, &list_instances, request, &report->instances, &report->n_instances));
    list_stream_troubles(call, find_active(report), count, reply);
    for (size_t i = 0; i < count; i++)
        reply->troubles[reply->n_troubles++] = failed[i];
    return RPC_OK;
}
