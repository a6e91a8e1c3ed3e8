/* SPDX-License-Identifier: Apache-2.0
 * Moves requests from askers to workers and replies back. A request that reached a worker is never
 * sent to another one: nobody knows what the first has done. */
#include "requests.h"

#include "answers.h"
#include "dates.h"
#include "log.h"
#include "peers.h"
#include "queue.h"
#include "report.h"
#include "wire_frames.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    TURN_MESSAGES_MAX = 100,
    REMAINING_MS_MAX = 60000,
    ANSWER_MS = 50, /* for "unavailable" to arrive before the caller's deadline */
    WORKERLESS_MS =
        1500,         /* workers that lost their broker, or are started anew, are back by then */
    RETURN_MS = 5000, /* workers that leave are being restarted, mostly */
    PROBE_MS = 250,   /* a busy worker is silent for so long: is its connection still there? */
    TICK_BUSY_MS = 100,
    TICK_IDLE_MS = 1000,
    REPORT_BYTES_MAX = 1 << 20,
};

struct requests {
    void *clients_socket, *workers_socket;
    struct refusals *refusals;
    bool stopping;
    uint64_t run;                    /* what PONG calls this process */
    int64_t due_ms;                  /* of the next tick */
    int64_t used_ms;                 /* when the last request came, or the last reply went */
    int64_t served_ms[SERVED_COUNT]; /* when a name last had a worker, or is to have one again */
    struct workers workers;
    struct queues queues;
    struct counters *counters;
    struct arena *arena; /* of one report */
};

static void
random_name(void *name, size_t bytes)
{
    if (getrandom(name, bytes, 0) != (ssize_t)bytes)
        fatal("no random numbers");
}

struct requests *
requests_open(void *clients, void *workers, struct refusals *refusals, struct counters *counters)
{
    struct requests *requests = calloc(1, sizeof *requests);
    if (!requests)
        fatal("no memory for requests");
    requests->clients_socket = clients;
    requests->workers_socket = workers;
    requests->refusals = refusals;
    requests->counters = counters;
    random_name(&requests->run, sizeof requests->run);
    requests->arena = arena_new(REPORT_BYTES_MAX);
    queues_init(&requests->queues);
    return requests;
}

void
requests_close(struct requests *requests)
{
    assert(requests->queues.count == 0);
    arena_free(requests->arena);
    free(requests);
}

/* ---- sending */

static void
answer_unavailable(struct requests *requests, const struct peer *client, uint64_t tag,
                   uint32_t elsewhere, const char *why)
{
    peer_send_control(requests->clients_socket, client, COMMAND_UNAVAILABLE, tag, elsewhere, why);
}

static void
drop_worker(struct requests *requests, struct worker *worker, const char *why)
{
    log_info("a worker of %s is gone: %s; %zu requests in hand", served_name(worker->served), why,
             worker->pending_count);
    workers_remove(&requests->workers, worker);
}

/* Its connection is gone: whoever waits for it is told now instead of running into a deadline. */
static void
lose_worker(struct requests *requests, struct worker *worker)
{
    for (size_t i = 0; i < worker->pending_count; i++)
        peer_send_control(requests->clients_socket, &worker->pending[i].client, COMMAND_LOST,
                          worker->pending[i].tag, 0, "its worker is gone");
    drop_worker(requests, worker, "not reachable");
}

/* ---- from the queue to the workers */

static bool
forward(struct requests *requests, struct worker *worker, struct waiting *waiting, int64_t now)
{
    uint8_t control[CONTROL_BYTES_MAX];
    uint64_t number = stay_number(worker->registration, worker->sent + 1);
    size_t length = control_encode(control, COMMAND_FORWARD, number,
                                   (uint32_t)(waiting->deadline_ms - now), waiting->sender);
    if (!peer_send(requests->workers_socket, &worker->peer, control, length, &waiting->header,
                   &waiting->body))
        return false;
    uint32_t serial = workers_give(&requests->workers, worker, &waiting->client, waiting->tag);
    assert(serial == stay_count(number));
    return true;
}

/* Hands the head of the queue to a worker; false when none has credit left. */
static bool
place(struct requests *requests, int served, struct waiting *waiting, int64_t now)
{
    struct worker *worker;
    while ((worker = workers_choose(&requests->workers, served))) {
        if (forward(requests, worker, waiting, now))
            return true;
        lose_worker(requests, worker);
    }
    return false;
}

static void
dispatch(struct requests *requests, int served)
{
    struct queue *queue = &requests->queues.of[served];
    int64_t now = clock_ms();
    while (queue->first) {
        struct waiting *waiting = queue->first;
        if (now >= waiting->give_up_ms)
            answer_unavailable(requests, &waiting->client, waiting->tag, 0,
                               "nobody took it in time");
        else if (!place(requests, served, waiting, now))
            return;
        queue_release(&requests->queues, queue_take(&requests->queues, served, &queue->first));
    }
}

static void
give_up(struct requests *requests, const struct waiting *waiting, bool alone)
{
    const char *why = requests->stopping ? "the broker stops"
                      : alone            ? "no worker"
                                         : "nobody took it in time";
    answer_unavailable(requests, &waiting->client, waiting->tag,
                       requests->stopping ? UNAVAILABLE_STOPPING
                       : alone            ? UNAVAILABLE_WORKERLESS
                                          : 0,
                       why);
}

static void
expire(struct requests *requests, int served, int64_t now)
{
    struct queue *queue = &requests->queues.of[served];
    struct waiting **entry = &queue->first;
    while (*entry) {
        struct waiting *waiting = *entry;
        int64_t alone_since = requests->served_ms[served] > waiting->arrived_ms
                                  ? requests->served_ms[served]
                                  : waiting->arrived_ms;
        bool alone = now - alone_since >= WORKERLESS_MS;
        if (!alone && now < waiting->give_up_ms && !requests->stopping) {
            entry = &waiting->next;
            continue;
        }
        give_up(requests, waiting, alone);
        queue_release(&requests->queues, queue_take(&requests->queues, served, entry));
    }
}

/* ---- from clients */

static void
enqueue(struct requests *requests, struct frames *frames, const struct control *control,
        const struct peer *client, const char *sender, int served)
{
    int64_t now = clock_ms();
    int64_t remaining =
        control->argument > REMAINING_MS_MAX ? REMAINING_MS_MAX : (int64_t)control->argument;
    int64_t margin = remaining / 4 < ANSWER_MS ? remaining / 4 : ANSWER_MS;
    struct waiting waiting = {
        .client = *client,
        .tag = control->number,
        .sender = sender,
        .arrived_ms = now,
        .deadline_ms = now + remaining,
        .give_up_ms = now + remaining - margin,
    };
    requests->used_ms = now;
    if (requests->stopping)
        answer_unavailable(requests, client, control->number, UNAVAILABLE_STOPPING,
                           "the broker stops");
    else if (!queue_push(&requests->queues, served, &waiting, &frames->frames[2],
                         &frames->frames[3]))
        answer_unavailable(requests, client, control->number, 0, "too many requests wait");
    else
        dispatch(requests, served);
    if (requests->due_ms > now + TICK_BUSY_MS)
        requests->due_ms = now + TICK_BUSY_MS;
}

static void
report(struct requests *requests, uint64_t tag, const struct peer *client)
{
    size_t length;
    const uint8_t *text = report_write(requests->arena, &requests->workers, &requests->queues,
                                       requests->counters, &length);
    answer_report(requests->clients_socket, client, tag, text, length);
    arena_reset(requests->arena);
}

static void
take_request(struct requests *requests, struct frames *frames, const struct control *control,
             const struct peer *client)
{
    const char *sender = program_find(frames_sender(frames));
    if (frames->count != 4 || !sender) {
        refusals_add(requests->refusals, frames_sender(frames), "a malformed request", "");
        return;
    }
    if (strcmp(control->text, "mmi.service") == 0) {
        answer_discovery(requests->clients_socket, client, control->number, &frames->frames[3],
                         &requests->workers);
        return;
    }
    if (!may_call(sender, control->text)) {
        refusals_add(requests->refusals, sender, "a request for", control->text);
        answer_unavailable(requests, client, control->number, 0, "not permitted");
        return;
    }
    if (strcmp(control->text, REPORT_NAME) == 0)
        report(requests, control->number, client);
    else
        enqueue(requests, frames, control, client, sender, served_find(control->text));
}

/* The routing id and the control frame of a peer's message; false: it has none. */
static bool
read_message(struct frames *frames, struct peer *peer, struct control *control)
{
    zmq_msg_t *id = &frames->frames[0], *first = &frames->frames[1];
    return frames->kept >= 2 && peer_set(peer, zmq_msg_data(id), zmq_msg_size(id)) &&
           control_decode(zmq_msg_data(first), zmq_msg_size(first), control);
}

static void
from_client(struct requests *requests, struct frames *frames)
{
    struct peer client;
    struct control control;
    if (!read_message(frames, &client, &control))
        refusals_add(requests->refusals, frames_sender(frames), "a malformed message", "");
    else if (control.command == COMMAND_REQUEST)
        take_request(requests, frames, &control, &client);
    else if (control.command == COMMAND_PING)
        answer_ping(requests->clients_socket, &client, requests->run,
                    requests->stopping ? NULL : &requests->workers);
    else
        refusals_add(requests->refusals, frames_sender(frames), "a command for others", "");
}

void
requests_from_clients(struct requests *requests)
{
    struct frames frames;
    for (int i = 0; i < TURN_MESSAGES_MAX && frames_receive(requests->clients_socket, &frames);
         i++) {
        from_client(requests, &frames);
        frames_close(&frames);
    }
}

/* ---- from workers */

static uint32_t
new_registration(void)
{
    uint32_t registration = 0;
    while (registration == 0)
        random_name(&registration, sizeof registration);
    return registration;
}

static void
send_away(struct requests *requests, struct worker *worker)
{
    peer_send_control(requests->workers_socket, &worker->peer, COMMAND_LEAVE, 0, 0, NULL);
    workers_remove(&requests->workers, worker);
}

static struct worker *
admit(struct requests *requests, const struct peer *peer, int served, const char *sender)
{
    struct worker *worker = workers_find(&requests->workers, peer);
    if (worker && worker->served != served) {
        drop_worker(requests, worker, "it serves another name now");
        worker = NULL;
    }
    if (worker)
        return worker;
    worker = workers_add(&requests->workers, peer, served, new_registration());
    if (worker)
        log_info("a worker of %s is registered", served_name(served));
    else
        refusals_add(requests->refusals, sender, "one worker too many of", served_name(served));
    return worker;
}

static void
take_ready(struct requests *requests, struct frames *frames, const struct control *control,
           const struct peer *peer)
{
    const char *sender = frames_sender(frames);
    struct worker *worker = NULL;
    if (frames->count != 2 || !may_serve(sender, control->text))
        refusals_add(requests->refusals, sender, "to serve", control->text);
    else if (requests->stopping)
        worker = workers_find(&requests->workers, peer);
    else
        worker = admit(requests, peer, served_find(control->text), sender);
    if (!worker) {
        peer_send_control(requests->workers_socket, peer, COMMAND_LEAVE, 0, 0, NULL);
        return;
    }
    worker->heard_ms = clock_ms();
    requests->served_ms[worker->served] = worker->heard_ms;
    bool known = stay_registration(control->number) == worker->registration;
    if (known)
        workers_set_handled(worker, stay_count(control->number));
    workers_set_credit(&requests->workers, worker, control->argument & READY_CREDIT);
    /* Before any FORWARD that this READY lets go: it tells a draining worker that none comes. */
    if (!known || (control->argument & READY_ANSWER))
        peer_send_control(requests->workers_socket, peer, COMMAND_ALIVE,
                          stay_number(worker->registration, 0), worker->credit, NULL);
    dispatch(requests, worker->served);
}

/* A service that is restarted says so with each of its workers: what is asked meanwhile waits. Not so long where the
 * worker may come back to another broker, which can be asked as well. */
static void
take_leave(struct requests *requests, struct worker *worker, uint32_t brokers)
{
    int served = worker->served;
    drop_worker(requests, worker, "it leaves");
    if (requests->workers.counts[served] == 0 && brokers == 1)
        requests->served_ms[served] = clock_ms() + RETURN_MS - WORKERLESS_MS;
}

static void
take_done(struct requests *requests, struct frames *frames, const struct control *control,
          struct worker *worker)
{
    struct pending pending;
    uint8_t answer[CONTROL_BYTES_MAX];
    worker->heard_ms = clock_ms();
    if (stay_registration(control->number) != worker->registration ||
        !workers_finish(worker, stay_count(control->number), &pending))
        return;
    if (frames->count == 4) {
        size_t length = control_encode(answer, COMMAND_REPLY, pending.tag, 0, NULL);
        atomic_fetch_add(&requests->counters->handled, 1);
        /* A client that is gone or does not read has lost its reply: it runs into its deadline. */
        peer_send(requests->clients_socket, &pending.client, answer, length, &frames->frames[2],
                  &frames->frames[3]);
        requests->used_ms = worker->heard_ms;
    }
    if (requests->stopping && worker->pending_count == 0)
        send_away(requests, worker);
    else
        dispatch(requests, worker->served);
}

static void
from_worker(struct requests *requests, struct frames *frames)
{
    struct peer peer;
    struct control control;
    if (!read_message(frames, &peer, &control)) {
        refusals_add(requests->refusals, frames_sender(frames), "a malformed message", "");
        return;
    }
    struct worker *worker = workers_find(&requests->workers, &peer);
    if (control.command == COMMAND_READY)
        take_ready(requests, frames, &control, &peer);
    else if (control.command == COMMAND_DONE && worker)
        take_done(requests, frames, &control, worker);
    else if (control.command == COMMAND_LEAVE && worker)
        take_leave(requests, worker, control.argument);
    else if (control.command != COMMAND_DONE && control.command != COMMAND_LEAVE)
        refusals_add(requests->refusals, frames_sender(frames), "a command for others", "");
}

void
requests_from_workers(struct requests *requests)
{
    struct frames frames;
    for (int i = 0; i < TURN_MESSAGES_MAX && frames_receive(requests->workers_socket, &frames);
         i++) {
        from_worker(requests, &frames);
        frames_close(&frames);
    }
}

/* ---- with time */

static void
watch(struct requests *requests, struct worker *worker, int64_t now)
{
    int64_t silent_ms = now - worker->heard_ms;
    bool busy = worker->pending_count > 0;
    if (silent_ms >= (busy ? WORKER_BUSY_LOST_MS : WORKER_IDLE_LOST_MS))
        drop_worker(requests, worker, "silent");
    /* A handler may take long; only the connection tells whether its process lives. */
    else if (busy && silent_ms >= PROBE_MS &&
             !peer_send_control(requests->workers_socket, &worker->peer, COMMAND_ALIVE,
                                stay_number(worker->registration, 0), worker->credit, NULL))
        lose_worker(requests, worker);
}

static void
tick(struct requests *requests, int64_t now)
{
    struct workers *workers = &requests->workers;
    for (size_t i = 0; i < workers->end; i++)
        if (workers->slots[i].registered)
            watch(requests, &workers->slots[i], now);
    for (int i = 0; i < SERVED_COUNT; i++) {
        if (workers->counts[i] > 0)
            requests->served_ms[i] = now;
        expire(requests, i, now);
    }
}

long
requests_tick(struct requests *requests)
{
    int64_t now = clock_ms();
    if (now >= requests->due_ms) {
        tick(requests, now);
        bool busy = requests->queues.count > 0 || requests_busy(requests);
        requests->due_ms = now + (busy ? TICK_BUSY_MS : TICK_IDLE_MS);
    }
    return (long)(requests->due_ms - now);
}

void
requests_stop(struct requests *requests)
{
    requests->stopping = true;
    struct workers *workers = &requests->workers;
    for (size_t i = 0; i < workers->end; i++)
        if (workers->slots[i].registered && workers->slots[i].pending_count == 0)
            send_away(requests, &workers->slots[i]);
    tick(requests, clock_ms());
}

long
requests_quiet_ms(const struct requests *requests)
{
    return (long)(clock_ms() - requests->used_ms);
}

bool
requests_busy(const struct requests *requests)
{
    for (size_t i = 0; i < requests->workers.end; i++)
        if (requests->workers.slots[i].registered && requests->workers.slots[i].pending_count > 0)
            return true;
    return false;
}
