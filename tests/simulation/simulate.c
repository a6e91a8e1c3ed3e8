/* SPDX-License-Identifier: Apache-2.0
 * `simulate [--seed S] [--steps N]`: one world after the other, seeds from S on, until N steps are done. Couriers crash
 * and stall, servers lose what was not synced, messages are lost, doubled, late and out of order, databases go back to a
 * backup; then all heals. Every event took effect once, in causal order, in every service. */
#include "simulation.h"

#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { STEPS_OF_A_WORLD = 100000, HEALING_STEPS_MAX = 3000000 };

static uint64_t seed, steps, alone_until;

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

/* Something goes wrong somewhere. */
static void
disturb(void)
{
    struct host *host = &hosts[chance(HOSTS)];

    switch (chance(10)) {
    case 0:
    case 1:
        if (host->running)
            host_bury(host);
        break;
    case 2:
    case 3:
        hosts_stall();
        break;
    case 4:
    case 5:
        if (host->db != NULL)
            store_cut(host->db);
        break;
    case 6:
        store_crash((int)chance(SERVICES), chance(3000));
        break;
    case 7:
        store_strain((int)chance(SERVICES), chance(1500));
        break;
    default:
        network_fails_until_ms = now_ms() + chance(2000);
    }
}

static void
bury_all(int first, int count)
{
    for (int i = first; i < first + count; i++)
        if (hosts[i].running)
            host_bury(&hosts[i]);
}

/* One database goes back to a backup while the others run: who has seen more of its stream than it still knows
 * stops there, until the whole cluster goes back. */
static void
go_back_alone(void)
{
    int service = (int)chance(SERVICES);

    bury_all(service * HOSTS_PER_SERVICE, HOSTS_PER_SERVICE);
    if (!store_restore_one(service))
        return;
    alone_until = steps + 1 + chance(20000);
}

/* The whole cluster goes back to a backup; what ran with the lost future is gone with it. */
static void
go_back(void)
{
    bury_all(0, HOSTS);
    network_reset();
    store_restore();
    alone_until = 0;
}

static void
pass_time(void)
{
    int64_t next = network_next_ms();

    for (int i = 0; i < HOSTS; i++) {
        const struct host *host = &hosts[i];
        int64_t due = !host->running                      ? host->start_at_ms
                      : host->stalled_until_ms > now_ms() ? host->stalled_until_ms
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
        if (!hosts[i].running && now_ms() >= hosts[i].start_at_ms)
            host_spawn(&hosts[i]);
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
        if (host_may_run(&hosts[i]) && chance(++runnable) == 0)
            chosen = &hosts[i];
    if (chosen == NULL)
        pass_time();
    else
        host_resume(chosen);
}

static void
begin_world(uint64_t of_seed)
{
    seed = of_seed;
    chance_start(seed);
    fates_count = 0;
    alone_until = 0;
    clock_us = 1000000;
    network_fails_until_ms = 0;
    network_kind = false;
    store_reset();
    hosts_start();
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
            const struct rpc_service *rpc = &simulated_rpcs[service];
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
    bury_all(0, HOSTS);
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
        if (alone_until == 0 && once_in(10000))
            store_snapshot();
        else if (alone_until == 0 && once_in(60000))
            go_back();
        else if (alone_until == 0 && once_in(30000))
            go_back_alone();
        else if (alone_until > 0 && steps >= alone_until)
            go_back();
        step();
    }
    if (alone_until > 0)
        go_back();
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
    config.arena_bytes_max = 16 << 20;
    for (; steps < steps_min; worlds++) {
        play_world(first + worlds);
        events += (uint64_t)fates_count;
    }
    printf("%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " events: each took effect once\n",
           worlds, steps, events);
    return 0;
}
