/* SPDX-License-Identifier: Apache-2.0
 * The gateway's own entry among the programs: this process, and what it has under way. */
#include "report.h"

#include "asks.h"
#include "http.h"
#include "instance.h"

#include <string.h>

void
report_write(struct exchange *exchange, struct buffer *out)
{
    struct gateway *gateway = exchange->gateway;
    bool connected = asks_connected(gateway->asks);
    Ops__ListServicesReply reply = OPS__LIST_SERVICES_REPLY__INIT;
    Ops__ProgramReport report = OPS__PROGRAM_REPORT__INIT, *reports[] = {&report};
    Ops__Check broker = OPS__CHECK__INIT, *checks[] = {&broker};
    Ops__QueueReport requests = OPS__QUEUE_REPORT__INIT, *queues[] = {&requests};
    Ops__InstanceReport *instances[] = {
        instance_describe(exchange->arena, gateway->inherited->counters)};
    char program[] = "gateway", check[] = "broker", lost[] = "no broker answers",
         queue[] = "requests";

    broker.name = check;
    broker.has_ok = 1;
    broker.ok = connected;
    broker.detail = connected ? NULL : lost;
    requests.name = queue;
    requests.has_depth = 1;
    requests.depth = (int64_t)http_exchanges(gateway->http);
    report.program = program;
    report.has_healthy = 1;
    report.healthy = connected;
    report.checks = checks;
    report.instances = instances;
    report.queues = queues;
    report.n_checks = report.n_instances = report.n_queues = 1;
    reply.services = reports;
    reply.n_services = 1;
    size_t bytes = ops__list_services_reply__get_packed_size(&reply);
    uint8_t *packed = arena_alloc(exchange->arena, bytes);
    ops__list_services_reply__pack(&reply, packed);
    buffer_append(out, packed, bytes);
}
