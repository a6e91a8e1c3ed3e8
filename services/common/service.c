/* SPDX-License-Identifier: Apache-2.0
 * A service's command line and its children: workers of each lane, courier, jobs. */
#include "service.h"

#include "asks.h"
#include "config.h"
#include "dates.h"
#include "db.h"
#include "dispatch.h"
#include "event_join.h"
#include "events.h"
#include "link.h"
#include "log.h"
#include "migrate.h"
#include "parent.h"
#include "projections.h"
#include "retention.h"
#include "sql_compile.h"

#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, DRAIN_MS = 8000, DATABASE_RETRY_MS = 200, FRAMES_BYTES_MAX = 16 << 20 };

/* ---- what every child does first */

static const struct job_rules *
rules_of_job(const struct service *service, const char *name)
{
    const struct job_rules *const tables[] = {service->rpc->jobs, ops_rpc.jobs};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct job_rules *rules = tables[i]; rules != NULL && rules->name != NULL;
             rules++)
            if (strcmp(rules->name, name) == 0)
                return rules;
    return NULL;
}

/* Whether the contract knows every job that this program runs. */
static bool
jobs_prove(const struct service *service)
{
    bool known = true;

    for (const struct job *job = service->jobs; job != NULL && job->name != NULL; job++)
        if (rules_of_job(service, job->name) == NULL) {
            log_error("the job %s does not stand in the contract: add it to the (jobs) of %s",
                      job->name, service->rpc->name);
            known = false;
        }
    return known;
}

struct db *
service_database(const struct service *service)
{
    struct db *db = db_new(service->rpc->name, false);

    while (!db_connect(db)) {
        if (stopping)
            exit(0);
        poll(NULL, 0, DATABASE_RETRY_MS);
    }
    return db;
}

/* Refuses to go on with a schema, statement or contract that does not fit; a database that goes away meanwhile
 * is waited for. */
static struct db *
proved_database(const struct service *service)
{
    for (;;) {
        struct db *db = service_database(service);

        if (migrate_verify(db, service) && db_prove(db) && sql_prove(db) &&
            projections_prove(db, service) && jobs_prove(service) && asks_prove(service)) {
            db_say_durability(db);
            return db;
        }
        if (!db_lost(db))
            exit(PARENT_EXIT_REFUSED);
        log_warning("the database went away while the statements were proved: once more");
        db_free(db);
    }
}

/* ---- workers */

struct worker {
    struct dispatcher dispatcher;
    struct wire_worker *wire;
    struct arena *frames;
};

static bool
serve_one(struct worker *worker)
{
    struct wire_request request;
    struct dispatched reply;

    arena_reset(worker->frames);
    if (!wire_worker_receive(worker->wire, worker->frames, &request))
        return false;
    reply = dispatch(&worker->dispatcher, &request);
    wire_worker_reply(worker->wire, &request, reply.header, reply.header_bytes, reply.body,
                      reply.body_bytes);
    return true;
}

/* What the broker had already sent here is still served. */
static void
drain(struct worker *worker)
{
    int64_t deadline = clock_ms() + DRAIN_MS;

    wire_worker_drain(worker->wire);
    while (clock_ms() < deadline) {
        if (serve_one(worker))
            continue;
        if (wire_worker_drained(worker->wire))
            return;
        wire_worker_wait(worker->wire, NULL, 0);
        wire_worker_tick(worker->wire);
    }
}

static int
run_worker(const struct service *service, const struct inherited *inherited, const char *lane)
{
    struct wire *wire = wire_open(service->rpc->name);
    struct arena *arena = arena_new((size_t)config.arena_bytes_max);
    char name[64];
    struct worker worker = {.frames = arena_new(FRAMES_BYTES_MAX)};

    snprintf(name, sizeof name, "%s.%s", service->rpc->name, lane);
    worker.dispatcher = (struct dispatcher){.service = service,
                                            .db = service_database(service),
                                            .asker = wire_asker_open(wire),
                                            .arena = arena,
                                            .inherited = inherited};
    worker.wire =
        wire_worker_open(wire, name, strcmp(lane, "slow") == 0 ? 1 : 2, (unsigned)inherited->place);
    while (!stopping) {
        wire_worker_tick(worker.wire);
        if (!serve_one(&worker))
            wire_worker_wait(worker.wire, NULL, 0);
    }
    drain(&worker);
    wire_worker_close(worker.wire);
    wire_asker_close(worker.dispatcher.asker);
    wire_close(wire);
    db_free(worker.dispatcher.db);
    arena_free(worker.frames);
    arena_free(arena);
    return 0;
}

/* ---- jobs */

enum { JOBS_MAX = 16 /* of a service, its common ones included */ };

struct jobs {
    const struct service *service;
    const struct inherited *inherited;
    struct db *db;
    struct wire_asker *asker;
    struct arena *arena;
    int64_t due_ms[JOBS_MAX];
};

enum rpc_status
job_transaction(struct call *call, enum rpc_status (*body)(struct call *call, void *state),
                void *state)
{
    enum rpc_status status = RPC_UNAVAILABLE;

    for (int attempt = 0; attempt < 4; attempt++) {
        if (!db_ready(call->db))
            return call_fail(call, RPC_UNAVAILABLE, NULL, "the database is away");
        call_restart(call);
        db_begin(call->db, false);
        status = body(call, state);
        if (status == RPC_OK) {
            events_store(call);
            if (db_commit(call->db))
                return RPC_OK;
            status = db_fail(call);
        }
        db_rollback(call->db);
        if (!db_retryable(call->db) && !db_lost(call->db))
            return status;
    }
    return status;
}

void
job_enter(struct call *call, const char *name)
{
    const struct job_rules *rules = rules_of_job(call->service, name);

    assert(rules != NULL); /* jobs_prove */
    call->moves = rules->moves;
    call->move = NULL;
    call->emits = rules->emits;
}

static bool
run_job(struct jobs *jobs, const struct job *job)
{
    struct call call;
    bool worked;

    arena_reset(jobs->arena);
    call_start(&call, jobs->arena, jobs->db, jobs->asker, jobs->service);
    job_enter(&call, job->name);
    worked = db_ready(jobs->db) && job->run(&call);
    if (call.status != RPC_OK)
        log_warning("job %s: %s", job->name, call.problem.detail);
    if (call.emitted != NULL)
        wake(jobs->inherited->wake_courier_write);
    return worked;
}

/* The service's own jobs, then those of every service; NULL at the end. */
static const struct job *
job_at(const struct service *service, size_t index)
{
    const struct job *job = service->jobs;

    for (; job != NULL && job->name != NULL; job++)
        if (index-- == 0)
            return job;
    return retention_jobs[index].name == NULL ? NULL : &retention_jobs[index];
}

static int
jobs_children(const struct service *service)
{
    return service->jobs_children == 0 ? 1 : service->jobs_children;
}

/* Children take turns, and each looks at all of its jobs in one go: an idle machine is woken seldom. */
static int64_t
next_turn(const struct jobs *jobs, const struct job *job, int64_t now)
{
    int64_t children = jobs_children(jobs->service), round = children * job->period_ms;
    int64_t own = jobs->inherited->place % children * job->period_ms;

    return ((now - own) / round + 1) * round + own;
}

/* Runs what is due; returns the milliseconds until the next. */
static int64_t
run_due_jobs(struct jobs *jobs, bool woken)
{
    int64_t next = INT32_MAX;
    const struct job *job;

    for (size_t i = 0; (job = job_at(jobs->service, i)) != NULL; i++) {
        int64_t now = clock_ms(), left;

        assert(i < JOBS_MAX);
        if ((woken && job->reason == JOB_WOKEN) || now >= jobs->due_ms[i])
            jobs->due_ms[i] = run_job(jobs, job) ? now : next_turn(jobs, job, now);
        left = jobs->due_ms[i] - clock_ms();
        next = left < next ? left : next;
    }
    return next < 0 ? 0 : next;
}

static int
run_jobs(const struct service *service, const struct inherited *inherited)
{
    struct wire *wire = wire_open(service->rpc->name);
    struct jobs jobs = {.service = service,
                        .inherited = inherited,
                        .db = service_database(service),
                        .asker = wire_asker_open(wire),
                        .arena = arena_new((size_t)config.arena_bytes_max)};
    bool woken = true;

    while (!stopping) {
        struct pollfd wait = {.fd = inherited->wake_jobs_read, .events = POLLIN};
        int64_t left = run_due_jobs(&jobs, woken);

        woken = poll(&wait, 1, (int)left) == 1;
        if (woken)
            wake_clear(inherited->wake_jobs_read);
    }
    wire_asker_close(jobs.asker);
    wire_close(wire);
    db_free(jobs.db);
    arena_free(jobs.arena);
    return 0;
}

/* ---- the command line */

static int
run_child(const char *role, const struct inherited *inherited, const void *state)
{
    const struct service *service = state;

    if (config.link_key_file[0] != '\0')
        link_key_load(config.link_key_file);
    if (strcmp(role, "courier") == 0)
        return events_courier(service, inherited);
    if (strcmp(role, "jobs") == 0)
        return run_jobs(service, inherited);
    return run_worker(service, inherited, role);
}

/* What is proved and compiled here, the children share. */
static int
run_parent(const struct service *service, char **argv)
{
    struct parent_child children[] = {{"fast", (int)config.workers_fast},
                                      {"leaf", 1},
                                      {"courier", 1},
                                      {"slow", service->slow_worker ? 1 : 0},
                                      {"jobs", jobs_children(service)},
                                      {NULL, 0}};

    parent_heed_signals();
    db_free(proved_database(service));
    return parent_run(service->rpc->name, argv, children, -1, run_child, service);
}

static int
run_migrations(const struct service *service)
{
    struct db *owner = db_new(service->rpc->name, true);
    bool ok = db_connect(owner) && migrate(owner, service);

    db_free(owner);
    return ok ? 0 : 1;
}

/* A command in a call of its own. */
static int
run_command(const struct service *service, int (*command)(struct call *, int, char **), int argc,
            char **argv)
{
    struct call call;
    struct db *db = proved_database(service);
    struct arena *arena = arena_new((size_t)config.arena_bytes_max);
    int code;

    call_start(&call, arena, db, NULL, service);
    code = command(&call, argc, argv);
    arena_free(arena);
    db_free(db);
    return code;
}

static int
print_help(const struct service *service)
{
    printf(
        "%s [--help | --config | --check | --migrate | --join | --rebuild | --restored EPOCH]\n\n"
        "Without an argument it serves until SIGTERM.\n"
        "  --config   prints the configuration in force\n"
        "  --check    proves that schema and statements fit this program, and ends\n"
        "  --migrate  brings the schema up to date with the owner role, and ends\n"
        "  --join     before the first start beside services that run already: nothing is done about what they told\n"
        "  --rebuild  refills the projections from the other services' event logs, and ends\n"
        "  --restored begins a new epoch after the database was restored, and ends; see scripts/restore\n%s\n",
        service->rpc->name, service->command_help == NULL ? "" : service->command_help);
    config_print();
    return 0;
}

int
service_main(const struct service *service, int argc, char **argv)
{
    const char *argument = argc > 1 ? argv[1] : "";

    log_open(service->rpc->name, argument[0] == '\0' ? "parent" : argument, "info");
    config_load();
    log_open(service->rpc->name, argument[0] == '\0' ? "parent" : argument, config.log_level);
    if (sodium_init() < 0)
        fatal("libsodium could not be initialised");
    dates_init();
    if (argument[0] == '\0')
        return run_parent(service, argv);
    if (strcmp(argument, "--help") == 0)
        return print_help(service);
    if (strcmp(argument, "--config") == 0) {
        config_print();
        return 0;
    }
    if (strcmp(argument, "--check") == 0) {
        db_free(proved_database(service));
        return 0;
    }
    if (strcmp(argument, "--migrate") == 0)
        return run_migrations(service);
    if (strcmp(argument, "--join") == 0)
        return run_command(service, events_join, argc, argv);
    if (strcmp(argument, "--rebuild") == 0)
        return events_rebuild(service);
    if (strcmp(argument, "--restored") == 0)
        return run_command(service, events_restored, argc, argv);
    if (service->command != NULL)
        return run_command(service, service->command, argc, argv);
    fprintf(stderr, "%s: unknown argument %s; see --help\n", service->rpc->name, argument);
    return EXIT_USAGE;
}
