/* SPDX-License-Identifier: Apache-2.0
 * How this program is, as its instances told and its tables show. */
#include "config.h"
#include "db.h"
#include "ops.rpc.h"
#include "service.h"
#include "sql.h"

#include <string.h>

enum { CHECKS_MAX = 4 };

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

static const InstanceReport *
find_active(const ProgramReport *report)
{
    for (size_t i = 0; i < report->n_instances; i++)
        if (report->instances[i]->active && report->instances[i]->healthy)
            return report->instances[i];
    return NULL;
}

/* NULL: nothing is wrong with it. */
static Trouble *
stream_trouble(struct call *call, const StreamReport *stream)
{
    const char *service = call->service->rpc->name;
    Trouble *trouble = NEW(call, Trouble);

    trouble->key = arena_printf(call->arena, "%s %s", stream->consumer, stream->producer);
    if (stream->stopped != NULL) {
        SET(trouble, kind, TROUBLE_KIND_STREAM_STOPPED);
        trouble->sentence = arena_printf(call->arena, "The stream of %s is stopped in %s: %s.",
                                         stream->producer, service, stream->stopped);
        return trouble;
    }
    if (stream->waits_for == NULL || stream->waits_s * 1000 < config.wait_alarm_ms)
        return NULL;
    SET(trouble, kind, TROUBLE_KIND_STREAM_WAITING);
    trouble->sentence = arena_printf(call->arena, "The stream of %s waits in %s for the event %s.",
                                     stream->producer, service, stream->waits_for);
    return trouble;
}

static const char *
first_trouble(struct call *call, const InstanceReport *active)
{
    const Trouble *trouble = NULL;

    for (size_t i = 0; active != NULL && trouble == NULL && i < active->n_streams; i++)
        trouble = stream_trouble(call, active->streams[i]);
    return trouble == NULL ? NULL : trouble->sentence;
}

static int64_t
depth_of(const ProgramReport *report, const char *name)
{
    for (size_t i = 0; i < report->n_queues; i++)
        if (strcmp(report->queues[i]->name, name) == 0)
            return report->queues[i]->depth;
    return 0;
}

static void
check(struct call *call, ProgramReport *report)
{
    const InstanceReport *active = find_active(report);

    report->checks = arena_array(call->arena, CHECKS_MAX, sizeof *report->checks);
    SET(report, healthy, true);
    add_check(call, report, "database", NULL); /* it answered */
    add_check(call, report, "courier",
              active != NULL ? NULL : "no instance numbers and applies events");
    add_check(call, report, "streams", first_trouble(call, active));
    add_check(call, report, "parked_events",
              depth_of(report, "failed_events") == 0
                  ? NULL
                  : "events could not be applied; see /v1/ops/parked-events");
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
    check(call, report);
    reply->services = arena_memdup(call->arena, &report, sizeof report);
    reply->n_services = 1;
    return RPC_OK;
}

enum rpc_status
ops_list_troubles(struct call *call, const Empty *request, Troubles *reply)
{
    ProgramReport *report = NEW(call, ProgramReport);
    const InstanceReport *active;
    Trouble **failed;
    size_t count;

    TRY(sql_rows(call, &list_failed, request, &failed, &count));
    TRY(sql_rows(call, &list_instances, request, &report->instances, &report->n_instances));
    active = find_active(report);
    reply->troubles = arena_array(call->arena, count + (active == NULL ? 0 : active->n_streams) + 1,
                                  sizeof *failed);
    for (; reply->n_troubles < count; reply->n_troubles++)
        reply->troubles[reply->n_troubles] = failed[reply->n_troubles];
    for (size_t i = 0; active != NULL && i < active->n_streams; i++) {
        Trouble *trouble = stream_trouble(call, active->streams[i]);

        if (trouble != NULL)
            reply->troubles[reply->n_troubles++] = trouble;
    }
    return RPC_OK;
}
