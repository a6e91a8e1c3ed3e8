/* SPDX-License-Identifier: Apache-2.0
 * A world in one process: databases, a network, a clock, and the real couriers of several services on two hosts
 * each. Everything that happens follows from the seed. */
#ifndef ESCARCELLE_SIMULATION_H
#define ESCARCELLE_SIMULATION_H

#include "courier.h"
#include "ops.rpc.h"

enum {
    SERVICES = 4,
    HOSTS_PER_SERVICE = 2,
    HOSTS = SERVICES * HOSTS_PER_SERVICE,
    PROJECTS = 5,
    PARKED_MAX = 2000,
    EVENTS_MAX = 60000, /* of one world */
};

extern const char *const service_names[SERVICES];

/* ---- chance and time */

/* 0..below-1, from the seed. */
uint32_t chance(uint32_t below);
/* Begins anew. */
void chance_start(uint64_t seed);
/* True once in so many times. */
bool once_in(uint32_t times);
extern int64_t clock_us;
int64_t now_ms(void);

/* ---- what is known of an event from outside, by the number in its id */

struct fate {
    int producer, depth;
    bool stored;            /* its transaction was committed */
    bool mended;            /* an administrator has mended what made it fail */
    bool fails[SERVICES];   /* handling it fails there for good */
    bool kills[SERVICES];   /* handling it kills the process there */
    bool skipped[SERVICES]; /* an administrator gave it up there */
    uint8_t effects[SERVICES];
};
extern struct fate fates[EVENTS_MAX];
extern int fates_count;
/* What is named now is an event: it gets the next number. */
extern bool event_is_emitted;
extern const struct rpc_service simulated_rpcs[SERVICES];
extern const struct service simulated_services[SERVICES];
/* The number in an event's id. */
int event_number(const char *event_id);

/* ---- hosts */

/* A parent process on one machine, and its courier while that runs. */
struct host {
    int number, service;
    struct counters counters;
    struct inherited inherited;
    struct courier *courier;
    struct db *db;
    uint64_t
        generation; /* of the courier: what was meant for an earlier one does not reach this one */
    int64_t start_at_ms, stalled_until_ms, poll_until_ms;
    bool running, begun, polling, woken, subscribed;
};
extern struct host hosts[HOSTS];
/* The host whose courier runs now; NULL in the world's own code. */
extern struct host *acting;

/* All of them, not yet running. */
void hosts_start(void);
/* A new courier of a parent; its predecessor's memory is gone but for what the parent shares. */
void host_spawn(struct host *host);
void host_bury(struct host *host);
bool host_may_run(const struct host *host);
void host_resume(struct host *host);
/* Somebody stops for a while. */
void hosts_stall(void);
/* Answers are expected. */
bool host_is_asking(const struct host *host);
/* Others may run, this one may be stopped or die here. */
void give_way(void);
/* This process dies now. */
void die(void) __attribute__((noreturn));
/* Something is not as it must be: says it with the seed, ends the program. */
void broken(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- store */

void store_reset(void);
/* Events whose transactions are open and never ended by themselves: another service's workers. */
void store_worker_acts(int service);
void store_cut(struct db *db); /* the server ends the session */
/* Transactions get into each other's way for so long. */
void store_strain(int service, int64_t for_ms);
/* A server stops at once and is away so long: what was not synced is lost. */
void store_crash(int service, int64_t away_ms);
void store_close(struct db *db);
bool store_is_at_work(const struct db *db); /* in a transaction; NULL: no */
bool store_is_quiet(void); /* nothing in an outbox, nothing parked, every cursor at its head */
void store_check_chains(void);
/* What an administrator does about one parked event. */
void store_tend_parked(int service, bool skip);
bool store_is_crowded(void); /* much is parked: nothing new until that is less */
/* All databases as they are now; and as they were then, each in a new epoch. */
void store_snapshot(void);
void store_forget_snapshot(void);
bool store_restore(void);
/* One of them alone, whose future the others have seen. */
bool store_restore_one(int service);
/* The last place of an epoch: of one that a restore closed, or the head. */
int64_t store_epoch_end(int service, int64_t epoch);
/* What is published is stored. */
void store_check_published(const char *producer, const Wire__Position *position);
/* Whether an event of this project or client was parked before this one and still is. */
bool store_stands_behind(struct db *db, const char *event_id, const char *project,
                         const char *client);
/* The position of the main cursor as this connection sees it. */
void store_cursor(struct db *db, int producer, int64_t *epoch, int64_t *sequence);
bool store_wakes(int service); /* something was committed to its outbox since the last look */
extern const struct db_statement record_effect;

/* ---- network */

void network_reset(void);
void network_deliver(void);
/* asking: answers count too. */
bool network_has_for(const struct host *host, bool asking);
/* When the next message arrives; INT64_MAX for never. */
int64_t network_next_ms(void);
extern int64_t network_fails_until_ms; /* everything is lost meanwhile */
extern bool network_kind;              /* nothing is lost any more: the world heals */

#endif
