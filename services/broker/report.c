/* SPDX-License-Identifier: Apache-2.0
 * The broker's own entry among the programs: for each name its queue and its workers. */
#include "report.h"

#include "instance.h"

static Ops__QueueReport *
describe_name(struct arena *arena, const struct workers *workers, const struct queues *queues,
              int served)
{
    Ops__QueueReport *report = arena_alloc(arena, sizeof *report);

    ops__queue_report__init(report);
    report->name = (char *)served_name(served);
    report->has_depth = report->has_workers = report->has_in_hand = 1;
    report->depth = (int64_t)queues->of[served].count;
    for (size_t i = 0; i < workers->end; i++) {
        const struct worker *worker = &workers->slots[i];

        if (!worker->registered || worker->served != served)
            continue;
        report->workers++;
        report->in_hand += (int64_t)worker->pending_count;
    }
    return report;
}

/* Whether each service has someone to ask. */
static Ops__Check *
check_workers(struct arena *arena, const struct workers *workers)
{
    Ops__Check *check = arena_alloc(arena, sizeof *check);

    ops__check__init(check);
    check->name = arena_strdup(arena, "workers");
    check->has_ok = check->ok = 1;
    for (int i = 0; i < SERVED_COUNT && check->ok; i++) {
        if (workers->counts[i] > 0 || served_is_optional(i))
            continue;
        check->ok = 0;
        check->detail = arena_printf(arena, "nobody serves %s", served_name(i));
    }
    return check;
}

const uint8_t *
report_write(struct arena *arena, const struct workers *workers, const struct queues *queues,
             struct counters *counters, size_t *length)
{
    Ops__ListServicesReply reply = OPS__LIST_SERVICES_REPLY__INIT;
    Ops__ProgramReport report = OPS__PROGRAM_REPORT__INIT, *reports[] = {&report};
    Ops__InstanceReport *instances[] = {instance_describe(arena, counters)};
    Ops__Check *checks[] = {check_workers(arena, workers)};
    uint8_t *bytes;

    report.program = arena_strdup(arena, "broker");
    report.has_healthy = 1;
    report.healthy = checks[0]->ok;
    report.checks = checks;
    report.instances = instances;
    report.n_checks = report.n_instances = 1;
    report.queues = arena_array(arena, SERVED_COUNT, sizeof *report.queues);
    for (int i = 0; i < SERVED_COUNT; i++)
        report.queues[report.n_queues++] = describe_name(arena, workers, queues, i);
    reply.services = reports;
    reply.n_services = 1;
    bytes = arena_alloc(arena, ops__list_services_reply__get_packed_size(&reply));
    *length = ops__list_services_reply__pack(&reply, bytes);
    return bytes;
}
