/* SPDX-License-Identifier: Apache-2.0
 * The services of the world: each follows others and reacts to whatever happens there. */
#include "simulation.h"

#include "sessions.pb-c.h"
#include "sessions.rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FOLLOW_UPS_MAX = 3 };

const char *const service_names[SERVICES] = {"accounts", "budgeting", "sessions", "funding"};
struct fate fates[EVENTS_MAX];
int fates_count;

int
event_number(const char *event_id)
{
    int number = (int)strtol(event_id + strlen("00000000-0000-7000-8000-"), NULL, 16);

    if (number >= fates_count)
        broken("%s is no event of this world", event_id);
    return number;
}

const struct event_type rpc_event_types[] = {
#define HAPPENED(service)                                                                          \
    {                                                                                              \
        .name = service ".Happened", .message = &sessions__project_sealed__rules,                  \
        .subject = "project_id", .client = "client_id", .project = "project_id"                    \
    }
    HAPPENED("accounts"), HAPPENED("budgeting"), HAPPENED("sessions"), HAPPENED("funding"), {0}};

/* Its own number, so that its fate can be followed. */
static enum rpc_status
follow_up(struct call *call, int cause)
{
    Sessions__ProjectSealed event = SESSIONS__PROJECT_SEALED__INIT;
    enum rpc_status status;

    if (fates_count == EVENTS_MAX || fates[cause].depth == FOLLOW_UPS_MAX)
        return RPC_OK;
    fates[fates_count] =
        (struct fate){.producer = acting->service, .depth = fates[cause].depth + 1};
    event.project_id = call->event->project;
    event.client_id = call->event->client;
    event_is_emitted = true;
    status = call_emit(call, &rpc_event_types[acting->service], &event.base);
    event_is_emitted = false;
    return status;
}

/* Everything that the producer had applied is applied here, where it is followed. */
static void
check_causality(struct call *call)
{
    const char *text = call->event->applied;
    struct applied place;

    while (applied_next(&text, &place)) {
        int64_t epoch, sequence, end;
        int producer = 0;

        while (producer < SERVICES && strcmp(service_names[producer], place.producer) != 0)
            producer++;
        store_cursor(call->db, producer, &epoch, &sequence);
        if (epoch == INT64_MAX)
            continue; /* not followed */
        /* What was lost beyond the end of an epoch never comes; in whichever epoch the cursor is, the end will do. */
        end = store_epoch_end(producer, place.epoch);
        if (place.sequence > end
                ? sequence < end
                : place.epoch > epoch || (place.epoch == epoch && place.sequence > sequence))
            broken("%s is applied in %s before %s:%" PRId64, call->event->event_id,
                   service_names[acting->service], place.producer, place.sequence);
    }
}

static enum rpc_status
react(struct call *call, const ProtobufCMessage *message)
{
    int number = event_number(call->event->event_id);
    struct fate *fate = &fates[number];

    (void)message;
    if (fate->kills[acting->service] && !fate->mended)
        die();
    if (fate->fails[acting->service] && !fate->mended)
        return call_fail(call, RPC_CONFLICT, NULL, "it fails for good");
    check_causality(call);
    if (store_stands_behind(call->db, call->event->event_id, call->event->project,
                            call->event->client))
        broken("%s is applied in %s before a parked one of its project", call->event->event_id,
               service_names[acting->service]);
    if (db_query(call->db, call->arena, &record_effect,
                 (const char *const[]){call->event->event_id}) == NULL)
        return db_fail(call);
    return once_in(4) ? follow_up(call, number) : RPC_OK;
}

static const char *const what_may_follow[] = {"Happened", NULL};

#define FOLLOW(name, number)                                                                       \
    {                                                                                              \
        .type = &rpc_event_types[number], .producer = name, .handler = react,                      \
        .emits = what_may_follow                                                                   \
    }

static const struct subscription of_budgeting[] = {FOLLOW("accounts", 0), FOLLOW("sessions", 2),
                                                   FOLLOW("funding", 3)};
static const struct subscription of_sessions[] = {FOLLOW("accounts", 0), FOLLOW("budgeting", 1)};
static const struct subscription of_funding[] = {FOLLOW("budgeting", 1), FOLLOW("accounts", 0)};
const struct rpc_service simulated_rpcs[SERVICES] = {
    {.name = "accounts"},
    {.name = "budgeting", .subscriptions = of_budgeting, .subscriptions_count = 3},
    {.name = "sessions", .subscriptions = of_sessions, .subscriptions_count = 2},
    {.name = "funding", .subscriptions = of_funding, .subscriptions_count = 2},
};
const struct service simulated_services[SERVICES] = {{.rpc = &simulated_rpcs[0]},
                                                     {.rpc = &simulated_rpcs[1]},
                                                     {.rpc = &simulated_rpcs[2]},
                                                     {.rpc = &simulated_rpcs[3]}};
