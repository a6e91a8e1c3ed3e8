/* SPDX-License-Identifier: Apache-2.0
 * What a process knows of the run that it belongs to. */
#include "instance.h"

#include "dates.h"

#include <unistd.h>

#define SET_COUNT(report, field, counters)                                                         \
    ((report)->has_##field = 1, (report)->field = (int64_t)atomic_load(&(counters)->field))

enum { HOST_BYTES_MAX = 256 };

Ops__InstanceReport *
instance_describe(struct arena *arena, struct counters *counters)
{
    Ops__InstanceReport *report = arena_alloc(arena, sizeof *report);
    char host[HOST_BYTES_MAX] = "", now[25];

    ops__instance_report__init(report);
    gethostname(host, sizeof host - 1);
    instant_now(now);
    report->id = arena_printf(arena, "%s:%ld", host, (long)getppid());
    report->host = arena_strdup(arena, host);
    report->version = arena_strdup(arena, program_version);
    report->since = arena_strdup(arena, counters->since);
    report->seen_at = arena_strdup(arena, now);
    report->has_healthy = report->healthy = 1;
    SET_COUNT(report, handled, counters);
    SET_COUNT(report, failed, counters);
    SET_COUNT(report, applied, counters);
    SET_COUNT(report, parked, counters);
    SET_COUNT(report, restarts, counters);
    return report;
}
