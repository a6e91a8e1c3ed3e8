/* SPDX-License-Identifier: Apache-2.0
 * Starts, restarts and ends the children of one program; the parent does nothing else, so that
 * there is nothing in it that could fail. */
#include "parent.h"

#include "config.h"
#include "dates.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BACKOFF_MIN_MS = 10,
    BACKOFF_MAX_MS = 1000,
    LIVED_MS = 5000,      /* a child that lived as long starts with the least backoff again */
    DRAIN_MS_MAX = 10000, /* from SIGTERM to SIGKILL */
    WAIT_MS_MAX = 60000,
    EXIT_CONFIGURATION = 2 /* a child that ends so at its first start would do so for ever */
};

/* The place of one child; pid is 0 while it is not there. */
struct slot {
    const char *role;
    pid_t pid;
    bool started_before;
    int64_t started_ms, start_at_ms;
    int backoff_ms;
};

struct parent {
    const char *program;
    char *argument; /* argv[0] */
    pid_t pid;
    int (*child)(const char *role, const struct inherited *inherited, const void *state);
    const void *state;
    struct slot slots[PARENT_CHILDREN_MAX];
    int slots_count;
    struct inherited inherited;
    int64_t watchdog_ms; /* between two signs of life; 0: nobody asks */
    int64_t watchdog_at_ms;
    int refusal; /* exit code of a child that refused to start, or 0 */
};

volatile sig_atomic_t stopping;

static sigset_t
awaited_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    return signals;
}

static struct counters *
new_counters(void)
{
    struct counters *counters =
        mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (counters == MAP_FAILED)
        fatal("the shared counters can't be mapped: %s", strerror(errno));
    instant_now(counters->since);
    return counters;
}

static int
new_wake(void)
{
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (descriptor < 0)
        fatal("what wakes the children can't be made: %s", strerror(errno));
    return descriptor;
}

static int64_t
watchdog_period_ms(void)
{
    const char *period_us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (period_us == NULL || (pid != NULL && atoll(pid) != getpid()))
        return 0;
    return atoll(period_us) / 2000;
}

static void
add_slots(struct parent *parent, const struct parent_child *child)
{
    for (int i = 0; i < child->count; i++) {
        if (parent->slots_count == PARENT_CHILDREN_MAX)
            fatal("a program has at most %d processes; lower ESCARCELLE_WORKERS_FAST",
                  PARENT_CHILDREN_MAX);
        parent->slots[parent->slots_count++] =
            (struct slot){.role = child->role, .backoff_ms = BACKOFF_MIN_MS};
    }
}

static void
prepare(struct parent *parent, const struct parent_child *children, int listen)
{
    int wake_courier = new_wake(), wake_jobs = new_wake();

    parent->pid = getpid();
    parent->watchdog_ms = watchdog_period_ms();
    parent->inherited = (struct inherited){
        .counters = new_counters(),
        .wake_courier_read = wake_courier,
        .wake_courier_write = wake_courier,
        .wake_jobs_read = wake_jobs,
        .wake_jobs_write = wake_jobs,
        .listen = listen,
    };
    for (; children->role != NULL; children++)
        add_slots(parent, children);
}

/* The kernel reads a process's arguments where it was started with them. */
static void
show_role(const struct parent *parent, const char *role)
{
    size_t room = strlen(parent->argument);

    memset(parent->argument, 0, room);
    snprintf(parent->argument, room + 1, "%s --role=%s", parent->program, role);
}

/* In the new process. */
static noreturn void
become(const struct parent *parent, const struct slot *slot)
{
    sigset_t signals = awaited_signals();
    struct inherited inherited = parent->inherited;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent->pid)
        _exit(EXIT_SUCCESS);
    show_role(parent, slot->role);
    parent_heed_signals();
    signal(SIGPIPE, SIG_IGN); /* a peer that went away is an error of write, not our death */
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    log_open(parent->program, slot->role, config.log_level);
    inherited.place = (int)(slot - parent->slots);
    exit(parent->child(slot->role, &inherited, parent->state));
}

static void
start_later(struct slot *slot, int64_t now_ms)
{
    if (now_ms - slot->started_ms >= LIVED_MS)
        slot->backoff_ms = BACKOFF_MIN_MS;
    slot->start_at_ms = now_ms + slot->backoff_ms;
    slot->backoff_ms *= 2;
    if (slot->backoff_ms > BACKOFF_MAX_MS)
        slot->backoff_ms = BACKOFF_MAX_MS;
}

static void
start_child(struct parent *parent, struct slot *slot, int64_t now_ms)
{
    pid_t pid = fork();

    if (pid == 0)
        become(parent, slot);
    slot->started_ms = now_ms;
    if (pid < 0) {
        log_warning("%s can't be started: %s", slot->role, strerror(errno));
        start_later(slot, now_ms);
        return;
    }
    slot->pid = pid;
}

static void
start_due(struct parent *parent)
{
    int64_t now_ms = clock_ms();

    for (int i = 0; i < parent->slots_count; i++) {
        struct slot *slot = &parent->slots[i];

        if (slot->pid == 0 && slot->start_at_ms <= now_ms)
            start_child(parent, slot, now_ms);
    }
}

static bool
refused_to_start(const struct slot *slot, int status)
{
    return !slot->started_before && WIFEXITED(status) &&
           (WEXITSTATUS(status) == EXIT_CONFIGURATION ||
            WEXITSTATUS(status) == PARENT_EXIT_REFUSED);
}

static void
child_ended(struct parent *parent, struct slot *slot, int status)
{
    bool refused = refused_to_start(slot, status);

    slot->pid = 0;
    slot->started_before = true;
    if (stopping || parent->refusal != 0)
        return;
    if (refused) {
        parent->refusal = WEXITSTATUS(status);
        log_error("%s refused to start", slot->role);
        return;
    }
    start_later(slot, clock_ms());
    atomic_fetch_add(&parent->inherited.counters->restarts, 1);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && strcmp(slot->role, "courier") == 0)
        /* That comes from outside: what it was handling is not to blame. */
        parent->inherited.counters->poison_key[0] = '\0';
    if (WIFSIGNALED(status))
        log_warning("%s was ended by signal %d; it is started again", slot->role, WTERMSIG(status));
    else
        log_warning("%s ended with %d; it is started again", slot->role, WEXITSTATUS(status));
}

static void
reap(struct parent *parent)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < parent->slots_count; i++)
            if (parent->slots[i].pid == pid)
                child_ended(parent, &parent->slots[i], status);
}

static int64_t
earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t
next_start_ms(const struct parent *parent)
{
    int64_t next_ms = INT64_MAX;

    for (int i = 0; i < parent->slots_count; i++)
        if (parent->slots[i].pid == 0)
            next_ms = earlier(next_ms, parent->slots[i].start_at_ms);
    return next_ms;
}

/* Sleeps until a signal, the watchdog's next sign of life or until_ms, whichever is first. */
static void
await(struct parent *parent, int64_t until_ms)
{
    sigset_t signals = awaited_signals();
    int64_t now_ms = clock_ms(), wait_ms;
    struct timespec timeout;
    int signal_number;

    if (parent->watchdog_ms > 0 && now_ms >= parent->watchdog_at_ms) {
        notify_supervisor("WATCHDOG=1");
        parent->watchdog_at_ms = now_ms + parent->watchdog_ms;
    }
    until_ms = earlier(until_ms, now_ms + WAIT_MS_MAX);
    if (parent->watchdog_ms > 0)
        until_ms = earlier(until_ms, parent->watchdog_at_ms);
    wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    timeout = (struct timespec){wait_ms / 1000, wait_ms % 1000 * 1000000};
    signal_number = sigtimedwait(&signals, NULL, &timeout);
    if (signal_number == SIGTERM || signal_number == SIGINT)
        stopping = 1;
    reap(parent);
}

static bool
has_children(const struct parent *parent)
{
    for (int i = 0; i < parent->slots_count; i++)
        if (parent->slots[i].pid != 0)
            return true;
    return false;
}

static void
signal_children(const struct parent *parent, int signal_number)
{
    for (int i = 0; i < parent->slots_count; i++)
        if (parent->slots[i].pid != 0)
            kill(parent->slots[i].pid, signal_number);
}

/* A second SIGTERM changes nothing: what is under way is still finished. */
static void
drain(struct parent *parent)
{
    int64_t deadline_ms = clock_ms() + DRAIN_MS_MAX;

    notify_supervisor("STOPPING=1");
    /* Who connects waits for the next run, if another holds it. */
    if (parent->inherited.listen >= 0)
        close(parent->inherited.listen);
    signal_children(parent, SIGTERM);
    while (has_children(parent)) {
        await(parent, deadline_ms);
        if (clock_ms() < deadline_ms)
            continue;
        signal_children(parent, SIGKILL);
        deadline_ms = INT64_MAX;
    }
}

int
parent_run(const char *program, char **argv, const struct parent_child *children, int listen,
           int (*child)(const char *role, const struct inherited *inherited, const void *state),
           const void *state)
{
    sigset_t signals = awaited_signals();
    struct parent parent = {
        .program = program, .argument = argv[0], .child = child, .state = state};

    /* An inherited "ignore" would make the children vanish without a word. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    prepare(&parent, children, listen);
    start_due(&parent);
    notify_supervisor("READY=1");
    log_info("%s started with %d processes", program, parent.slots_count);
    while (!stopping && parent.refusal == 0) {
        await(&parent, next_start_ms(&parent));
        if (!stopping && parent.refusal == 0)
            start_due(&parent);
    }
    drain(&parent);
    log_info("%s stopped", program);
    return parent.refusal;
}

static void
stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

/* Without SA_RESTART: a blocking call returns, so that its loop sees `stopping`. */
void
parent_heed_signals(void)
{
    struct sigaction action = {.sa_handler = stop};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

void
wake(int descriptor)
{
    uint64_t one = 1;
    ssize_t written = write(descriptor, &one, sizeof one);

    assert(written == sizeof one || errno == EAGAIN); /* EAGAIN: as awake as can be */
}

void
wake_clear(int descriptor)
{
    uint64_t count;
    ssize_t bytes = read(descriptor, &count, sizeof count);

    assert(bytes == sizeof count || errno == EAGAIN);
}

void
notify_supervisor(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t address_bytes;
    int descriptor;

    if (path == NULL || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@') /* systemd's way to write an abstract address */
        address.sun_path[0] = '\0';
    address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return;
    if (sendto(descriptor, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
               (struct sockaddr *)&address, address_bytes) < 0)
        log_warning("the supervisor can't be told %s: %s", state, strerror(errno));
    close(descriptor);
}
