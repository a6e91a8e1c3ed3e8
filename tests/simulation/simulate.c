/* SPDX-License-Identifier: Apache-2.0
 * `simulate [--seed S] [--steps N]`: one world after the other, seeds from S on, until N steps are done: worlds in which the couriers crash, stall and lose messages and
 * sessions at every step, then heal; every event took effect once, in causal order, in every service. */
#include "simulation.h"

/* The loop itself, step by step. */
#include "../../services/common/courier.c"

#include "dates.h"
#include "sessions.pb-c.h"
#include "sessions.rules.h"
#include "uuid.h"

#include <getopt.h>
#include <stdio.h>
#include <ucontext.h>

enum {
    STACK_BYTES = 256 << 10,
    STEPS_OF_A_WORLD = 100000,
    HEALING_STEPS_MAX = 3000000,
    FOLLOW_UPS_MAX = 3,
};

const char *const service_names[SERVICES] = {"accounts", "budgeting", "sessions", "funding"};
struct host hosts[HOSTS];
struct host *acting;
struct fate fates[EVENTS_MAX];
int fates_count;
int64_t clock_us;

static ucontext_t world;
static ucontext_t contexts[HOSTS];
static char *stacks[HOSTS];
static bool dying;
static uint64_t seed, random_state, steps, uuids;

/* ---- chance: splitmix64 */

static uint64_t
next_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t
chance(uint32_t below)
{
    return (uint32_t)(next_random() % below);
}

bool
once_in(uint32_t times)
{
    return chance(times) == 0;
}

static const char *
generator_name(void)
{
    return "simulation";
}

static uint32_t
generator_random(void)
{
    return (uint32_t)next_random();
}

static void
generator_fill(void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)next_random();
}

static randombytes_implementation generator = {
    .implementation_name = generator_name, .random = generator_random, .buf = generator_fill};

void
broken(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("seed %" PRIu64 ", step %" PRIu64 ": ", seed, steps);
    vprintf(format, arguments);
    printf("\n");
    exit(1);
}

int
event_number(const char *event_id)
{
    int number = (int)strtol(event_id + strlen("00000000-0000-7000-8000-"), NULL, 16);

    if (number >= fates_count)
        broken("%s is no event of this world", event_id);
    return number;
}

/* ---- what the couriers call instead of the clock, the kernel and other parts of the runtime */

int64_t __wrap_clock_ms(void);
int __wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout);
void __wrap_wake(int descriptor);
void __wrap_wake_clear(int descriptor);
void __wrap_uuid_new(char out[37]);
void __wrap_log_write(enum log_level level, const char *format, ...);
void __wrap_instance_tell(struct courier *courier, int64_t now);
void __wrap_instance_end(struct courier *courier, int64_t now);
struct db *__wrap_service_database(const struct service *service);

int64_t
__wrap_clock_ms(void)
{
    return clock_us / 1000;
}

/* The courier's one wait. */
int
__wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout)
{
    (void)count;
    acting->polling = true;
    acting->poll_until_ms = clock_us / 1000 + timeout;
    give_way();
    items[0].revents = acting->woken ? ZMQ_POLLIN : 0;
    return acting->woken || network_has_for(acting, is_asking(acting->courier));
}

void
__wrap_wake(int descriptor)
{
    (void)descriptor;
}

void
__wrap_wake_clear(int descriptor)
{
    (void)descriptor;
    acting->woken = false;
}

static bool emitting;

/* Events are numbered; whoever else needs a name gets one. */
void
__wrap_uuid_new(char out[37])
{
    if (emitting)
        snprintf(out, 37, "00000000-0000-7000-8000-%012x", (unsigned)fates_count++);
    else
        snprintf(out, 37, "00000000-0000-7000-b000-%012" PRIx64, ++uuids);
}

void
__wrap_log_write(enum log_level level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    if (getenv("SIMULATION_LOG") == NULL)
        return;
    va_start(arguments, format);
    printf("%8" PRIu64 " %6" PRId64 " %d %s: ", steps, clock_us / 1000,
           acting == NULL ? -1 : acting->number,
           acting == NULL ? "" : service_names[acting->service]);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void
__wrap_instance_tell(struct courier *courier, int64_t now)
{
    courier->tell_at = now + 60000;
}

void
__wrap_instance_end(struct courier *courier, int64_t now)
{
    (void)courier, (void)now;
}

struct db *
__wrap_service_database(const struct service *service)
{
    acting->db = db_new(service->rpc->name, false);
    return acting->db;
}

/* ---- services: each follows others and reacts to whatever happens there */

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
    emitting = true;
    status = call_emit(call, &rpc_event_types[acting->service], &event.base);
    emitting = false;
    return status;
}

/* Everything that the producer had applied is applied here, where it is followed. */
static void
check_causality(struct call *call)
{
    const char *text = call->event->applied;
    struct applied place;

    while (applied_next(&text, &place)) {
        int64_t epoch, sequence;
        int producer = 0;

        while (producer < SERVICES && strcmp(service_names[producer], place.producer) != 0)
            producer++;
        store_cursor(call->db, producer, &epoch, &sequence);
        if (place.epoch > epoch || (place.epoch == epoch && place.sequence > sequence))
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

#define FOLLOW(name, number)                                                                       \
    {                                                                                              \
        .type = &rpc_event_types[number], .producer = name, .handler = react                       \
    }

static const struct subscription of_budgeting[] = {FOLLOW("accounts", 0), FOLLOW("sessions", 2),
                                                   FOLLOW("funding", 3)};
static const struct subscription of_sessions[] = {FOLLOW("accounts", 0), FOLLOW("budgeting", 1)};
static const struct subscription of_funding[] = {FOLLOW("budgeting", 1), FOLLOW("accounts", 0)};
static const struct rpc_service rpcs[SERVICES] = {
    {.name = "accounts"},
    {.name = "budgeting", .subscriptions = of_budgeting, .subscriptions_count = 3},
    {.name = "sessions", .subscriptions = of_sessions, .subscriptions_count = 2},
    {.name = "funding", .subscriptions = of_funding, .subscriptions_count = 2},
};
static const struct service services_of_the_world[SERVICES] = {
    {.rpc = &rpcs[0]}, {.rpc = &rpcs[1]}, {.rpc = &rpcs[2]}, {.rpc = &rpcs[3]}};

/* ---- processes */

void
give_way(void)
{
    if (acting == NULL)
        return;
    struct host *host = acting;

    swapcontext(&contexts[host->number], &world);
    acting = host;
}

void
die(void)
{
    dying = true;
    swapcontext(&contexts[acting->number], &world);
    abort();
}

static void
live(void)
{
    struct host *host = acting;

    start(host->courier, &services_of_the_world[host->service], &host->inherited);
    for (;;)
        turn(host->courier);
}

/* A new courier of a parent; its predecessor's memory is gone but for what the parent shares. */
static void
spawn(struct host *host)
{
    ucontext_t *context = &contexts[host->number];

    host->generation++;
    host->courier = calloc(1, sizeof *host->courier);
    host->polling = host->woken = false;
    host->running = true;
    host->stalled_until_ms = 0;
    getcontext(context);
    context->uc_stack = (stack_t){.ss_sp = stacks[host->number], .ss_size = STACK_BYTES};
    context->uc_link = &world;
    makecontext(context, live, 0);
}

static void
bury(struct host *host)
{
    struct courier *courier = host->courier;

    if (host->db != NULL)
        store_close(host->db);
    for (size_t i = 0; i < courier->streams_count; i++)
        stream_end(&courier->streams[i]);
    if (courier->arena != NULL)
        arena_free(courier->arena);
    if (courier->call_arena != NULL)
        arena_free(courier->call_arena);
    free(courier->asker);
    free(courier->call_asker);
    free(courier->subscriber);
    free(courier);
    host->courier = NULL;
    host->db = NULL;
    host->running = false;
    host->start_at_ms = clock_us / 1000 + 10 + chance(1000);
    if (once_in(4)) /* the parent went with it: another one takes its place */
        host->counters = (struct counters){0};
}

static bool
may_run(const struct host *host)
{
    int64_t now = clock_us / 1000;

    if (!host->running || now < host->stalled_until_ms)
        return false;
    return !host->polling || host->woken || now >= host->poll_until_ms ||
           network_has_for(host, is_asking(host->courier));
}

static void
resume(struct host *host)
{
    host->polling = false;
    acting = host;
    swapcontext(&world, &contexts[host->number]);
    acting = NULL;
    if (dying) {
        dying = false;
        bury(host);
    }
}

/* ---- the world */

/* Best in the middle of a transaction, and often for longer than a lease lasts. */
static void
stall(void)
{
    struct host *host = &hosts[chance(HOSTS)];

    for (int i = 0; i < HOSTS && !store_is_at_work(host->db); i++)
        host = &hosts[chance(HOSTS)];
    host->stalled_until_ms = clock_us / 1000 + chance(5000);
}

/* Something goes wrong somewhere. */
static void
disturb(void)
{
    struct host *host = &hosts[chance(HOSTS)];

    switch (chance(4)) {
    case 0:
        if (host->running)
            bury(host);
        break;
    case 1:
        stall();
        break;
    case 2:
        if (host->db != NULL)
            store_cut(host->db);
        break;
    default:
        network_fails_until_ms = clock_us / 1000 + chance(2000);
    }
}

/* The whole cluster goes back to a backup; what ran with the lost future is gone with it. */
static void
go_back(void)
{
    for (int i = 0; i < HOSTS; i++)
        if (hosts[i].running)
            bury(&hosts[i]);
    network_reset();
    store_restore();
}

static void
pass_time(void)
{
    int64_t next = network_next_ms();

    for (int i = 0; i < HOSTS; i++) {
        const struct host *host = &hosts[i];
        int64_t due = !host->running                             ? host->start_at_ms
                      : host->stalled_until_ms > clock_us / 1000 ? host->stalled_until_ms
                                                                 : host->poll_until_ms;

        next = due < next ? due : next;
    }
    if (next != INT64_MAX && next * 1000 > clock_us)
        clock_us = next * 1000;
    else
        clock_us += 1000;
}

static void
wake_and_start(void)
{
    for (int i = 0; i < SERVICES; i++)
        if (store_wakes(i) && !once_in(20)) /* a wake may go missing; the next look finds it */
            hosts[i * HOSTS_PER_SERVICE + (int)chance(HOSTS_PER_SERVICE)].woken = true;
    for (int i = 0; i < HOSTS; i++)
        if (!hosts[i].running && clock_us / 1000 >= hosts[i].start_at_ms)
            spawn(&hosts[i]);
}

static void
step(void)
{
    uint32_t runnable = 0;
    struct host *chosen = NULL;

    steps++;
    clock_us += 20 + chance(400);
    network_deliver();
    wake_and_start();
    for (int i = 0; i < HOSTS; i++)
        if (may_run(&hosts[i]) && chance(++runnable) == 0)
            chosen = &hosts[i];
    if (chosen == NULL)
        pass_time();
    else
        resume(chosen);
}

static void
begin_world(uint64_t of_seed)
{
    seed = random_state = of_seed;
    fates_count = 0;
    uuids = 0;
    clock_us = 1000000;
    network_fails_until_ms = 0;
    network_kind = false;
    store_reset();
    for (int i = 0; i < HOSTS; i++)
        hosts[i] = (struct host){.number = i,
                                 .service = i / HOSTS_PER_SERVICE,
                                 .generation = hosts[i].generation,
                                 .inherited = {.counters = &hosts[i].counters}};
}

/* Nothing goes wrong any more, administrators mend what is parked: all comes to rest. */
static void
heal(void)
{
    uint64_t until = steps + HEALING_STEPS_MAX;

    network_kind = true;
    while (!store_is_quiet()) {
        step();
        if (steps % 20 == 0)
            store_tend_parked((int)chance(SERVICES), false);
        if (steps >= until)
            broken("it does not come to rest");
    }
}

static void
check_effects(void)
{
    for (int number = 0; number < fates_count; number++)
        for (int service = 0; service < SERVICES; service++) {
            const struct rpc_service *rpc = &rpcs[service];
            const struct fate *fate = &fates[number];
            bool followed = false;

            for (size_t i = 0; i < rpc->subscriptions_count; i++)
                followed =
                    followed || rpc->subscriptions[i].type == &rpc_event_types[fate->producer];
            if (fate->effects[service] != (fate->stored && followed && !fate->skipped[service]))
                broken("event %d of %s took effect %d times in %s", number,
                       service_names[fate->producer], fate->effects[service],
                       service_names[service]);
        }
}

static void
end_world(void)
{
    for (int i = 0; i < HOSTS; i++)
        if (hosts[i].running)
            bury(&hosts[i]);
    network_reset();
    store_check_chains();
    check_effects();
}

static void
play_world(uint64_t of_seed)
{
    uint64_t until = steps + STEPS_OF_A_WORLD;

    begin_world(of_seed);
    while (steps < until) {
        if (once_in(10) && !store_is_crowded())
            store_worker_acts((int)chance(SERVICES));
        if (once_in(100))
            store_tend_parked((int)chance(SERVICES), once_in(2));
        if (once_in(300))
            disturb();
        if (once_in(20000))
            store_snapshot();
        else if (once_in(60000))
            go_back();
        step();
    }
    heal();
    end_world();
    store_forget_snapshot();
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'}, {"steps", required_argument, NULL, 'n'}, {0}};
    uint64_t first = 1, worlds = 0, steps_min = 1, events = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 's':
            first = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            steps_min = strtoull(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    randombytes_set_implementation(&generator);
    config.arena_bytes_max = 16 << 20;
    for (int i = 0; i < HOSTS; i++)
        stacks[i] = malloc(STACK_BYTES);
    for (; steps < steps_min; worlds++) {
        play_world(first + worlds);
        events += (uint64_t)fates_count;
    }
    printf("%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " events: each took effect once\n",
           worlds, steps, events);
    return 0;
}
