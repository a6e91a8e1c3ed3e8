/* SPDX-License-Identifier: Apache-2.0
 * The couriers of the world, each a process that gives way, stalls and dies. */
#include "simulation.h"

/* The loop itself, step by step. */
#include "../../services/common/courier.c"

#include <sanitizer/asan_interface.h>
#include <ucontext.h>

enum { STACK_BYTES = 256 << 10 };

struct host hosts[HOSTS];
struct host *acting;
/* Where the world and each courier go on. swapcontext would ask the kernel about signals each time. */
typedef void *place_to_go_on[5];
static place_to_go_on world, places[HOSTS];
static char *stacks[HOSTS];
static bool dying;

void
hosts_start(void)
{
    for (int i = 0; i < HOSTS; i++) {
        if (stacks[i] == NULL)
            stacks[i] = malloc(STACK_BYTES);
        hosts[i] = (struct host){.number = i,
                                 .service = i / HOSTS_PER_SERVICE,
                                 .generation = hosts[i].generation,
                                 .start_at_ms = once_in(8) ? chance(20000) : 0,
                                 .inherited = {.counters = &hosts[i].counters}};
    }
}

static _Noreturn __attribute__((noinline)) void
go_on(place_to_go_on place)
{
    __builtin_longjmp(place, 1);
}

static __attribute__((noinline)) void
change_over(place_to_go_on from, place_to_go_on to)
{
    if (__builtin_setjmp(from) == 0)
        go_on(to);
}

void
give_way(void)
{
    if (acting == NULL)
        return;
    struct host *host = acting;

    change_over(places[host->number], world);
    acting = host;
}

void
die(void)
{
    dying = true;
    go_on(world);
}

static void
live(void)
{
    struct host *host = acting;

    start(host->courier, &simulated_services[host->service], &host->inherited);
    for (;;)
        turn(host->courier);
}

/* On a stack of its own. */
static __attribute__((noinline)) void
begin_life(struct host *host)
{
    ucontext_t context;

    host->begun = true;
    if (__builtin_setjmp(world) != 0)
        return;
    /* Who died here left its frames behind. */
    ASAN_UNPOISON_MEMORY_REGION(stacks[host->number], STACK_BYTES);
    getcontext(&context);
    context.uc_stack = (stack_t){.ss_sp = stacks[host->number], .ss_size = STACK_BYTES};
    context.uc_link = NULL;
    makecontext(&context, live, 0);
    setcontext(&context);
}

/* A new courier of a parent; its predecessor's memory is gone but for what the parent shares. */
void
host_spawn(struct host *host)
{
    host->generation++;
    host->courier = calloc(1, sizeof *host->courier);
    host->polling = host->woken = false;
    host->running = true;
    host->stalled_until_ms = 0;
    host->begun = false;
}

void
host_bury(struct host *host)
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
    host->start_at_ms = now_ms() + 10 + chance(1000);
    if (once_in(4)) /* the parent went with it: another one takes its place */
        host->counters = (struct counters){0};
}

bool
host_may_run(const struct host *host)
{
    int64_t now = now_ms();

    if (!host->running || now < host->stalled_until_ms)
        return false;
    return !host->polling || host->woken || now >= host->poll_until_ms ||
           network_has_for(host, is_asking(host->courier));
}

void
host_resume(struct host *host)
{
    host->polling = false;
    acting = host;
    if (host->begun)
        change_over(world, places[host->number]);
    else
        begin_life(host);
    acting = NULL;
    if (dying) {
        dying = false;
        host_bury(host);
    }
}

/* Best in the middle of a transaction, and often for longer than a lease lasts. */
void
hosts_stall(void)
{
    struct host *host = &hosts[chance(HOSTS)];

    for (int i = 0; i < HOSTS && !store_is_at_work(host->db); i++)
        host = &hosts[chance(HOSTS)];
    host->stalled_until_ms = now_ms() + chance(5000);
}

bool
host_is_asking(const struct host *host)
{
    return is_asking(host->courier);
}
