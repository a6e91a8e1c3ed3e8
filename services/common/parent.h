/* SPDX-License-Identifier: Apache-2.0
 * The process tree of one program: a parent without sockets or database that forks children, restarts
 * the ones that die, drains on SIGTERM, answers systemd's watchdog. */
#ifndef ESCARCELLE_PARENT_H
#define ESCARCELLE_PARENT_H

#include "refused_keys.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PARENT_CHILDREN_MAX = 32,
    PARENT_EXIT_REFUSED = 3 /* configuration or schema do not fit, restarting would not help */
};

/* One kind of child: started `count` times; ps shows it as `<program> --role=<role>`. */
struct parent_child {
    const char *role;
    int count;
};

/* Numbers that outlive a child: in memory that all children of the program share. The courier counts
 * there how often an event killed it. */
struct counters {
    _Atomic uint64_t handled, failed, applied, parked, restarts;
    char poison_key[64]; /* producer:sequence that the courier is working on */
    _Atomic uint32_t poison_count;
    char since[25];      /* when the parent was started, RFC 3339 */
    char courier_id[40]; /* lease holder: a restarted courier of this parent takes over at once */
    struct refused_keys refused;
};

/* What all children share with their parent, but for their place. */
struct inherited {
    int place; /* among the program's children, from 0; whoever replaces this one has it again */
    struct counters *counters;
    int wake_courier_read, wake_courier_write; /* eventfd: written after a commit with events */
    int wake_jobs_read, wake_jobs_write;
    int listen; /* the gateway's listening socket, else -1 */
};

/* Of this build: "0.1.0+b5d7b2a". */
extern const char program_version[];

/* Set by SIGTERM and SIGINT in parent and children. */
extern volatile sig_atomic_t stopping;

/* SIGTERM and SIGINT set `stopping` from here on; for what a parent does before it has children. */
void parent_heed_signals(void);
/* Runs the parent until SIGTERM; returns the exit code. Each child runs child(role, inherited, state), which sees
 * `stopping` and returns its exit code; it gets SIGTERM, 10 s later SIGKILL, and this at once when its parent
 * dies. What the parent has made before, its children share: memory, but neither connections nor threads.
 * `listen` is theirs too, or -1. argv is written over: ps reads a child's role there. */
int parent_run(const char *program, char **argv, const struct parent_child *children, int listen,
               int (*child)(const char *role, const struct inherited *inherited, const void *state),
               const void *state);
/* Makes an inherited wake descriptor readable. */
void wake(int descriptor);
/* Makes it unreadable until the next wake. */
void wake_clear(int descriptor);
/* sd_notify without libsystemd: READY=1, STOPPING=1, WATCHDOG=1. Nothing without NOTIFY_SOCKET. */
void notify_supervisor(const char *state);

#endif
