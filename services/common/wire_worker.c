/* SPDX-License-Identifier: Apache-2.0
 * Serving: one DEALER, registered with one broker, which it leaves for the next when it is lost. */
#include "dates.h"
#include "log.h"
#include "wire_doors.h"
#include "wire_frames.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_BYTES_MAX = 64,
    OTHERS_MAX = 4,
    FROZEN_MS = 500, /* a wait that took so much longer than it was to */
    DOUBT_MS = 200,  /* after it */
    WATCH_MS = 250,
    RETURN_MS = 50,       /* the only broker stops: its next run is looked for as often */
    RETURN_MS_MAX = 5000, /* for so long */
    CLOSE_MS = 400,       /* requests that follow each other so soon, */
    CLOSE_COUNT = 4,  /* and so many, are work; questions after health come by twos and threes */
    ACTIVE_MS = 5000, /* so long after such a request READY is sent more often */
    DISCONNECTED_MS = 500, /* a connection that is not there for so long is lost */
    SILENT_MS = 1000,      /* so is a broker that does not answer READY */
    LINGER_MS = 1000,      /* for the last reply */
};

struct wire_worker {
    struct wire *wire;
    void *socket;
    size_t broker;
    char name[NAME_BYTES_MAX];
    uint32_t credit;
    bool read_out;     /* `drained` of wire_item */
    int64_t ticked_ms; /* when the connection was last looked at */
    bool connecting;   /* no READY went out on this connection yet */
    int64_t served_ms; /* when the last request came, 0: never */
    int close_count;   /* requests that came close after another, without a pause */
    int64_t busy_ms;   /* when the last of many came, 0: never */
    int64_t ready_ms;  /* when READY was last sent, 0: at once */
    int64_t left_ms;   /* when the only broker sent it away, 0: it did not */
    int64_t doubt_ms;  /* until when that is not believed */
    int64_t empty_ms;  /* when no request was there: what is there came later */
    int64_t down_since_ms, silent_since_ms; /* 0: connected; nothing unanswered */
    uint32_t registration, handled;         /* as the broker named this stay; requests over in it */
    bool open;                              /* a request was received and not replied to */
    uint64_t open_number;
    int64_t open_until_ms;
    bool drained;
};

static void
connect_to(struct wire_worker *worker, size_t broker)
{
    worker->broker = broker;
    worker->socket = wire_socket(worker->wire, ZMQ_DEALER);
    wire_connect(worker->wire, worker->socket, broker, DOOR_WORKERS);
    worker->connecting = true;
    worker->ready_ms = worker->down_since_ms = worker->silent_since_ms = 0;
    worker->empty_ms = clock_ms();
}

struct wire_worker *
wire_worker_open(struct wire *wire, const char *name, int credit, unsigned place)
{
    assert(credit > 0 && credit <= READY_CREDIT);
    struct wire_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        fatal("no memory for serving");
    worker->wire = wire;
    worker->credit = (uint32_t)credit;
    int length = snprintf(worker->name, sizeof worker->name, "%s", name);
    assert(length > 0 && length < NAME_BYTES_MAX);
    connect_to(worker, place % wire->brokers_count);
    return worker;
}

static void
send_control(struct wire_worker *worker, enum command command, uint64_t number, uint32_t argument,
             const char *text)
{
    uint8_t control[CONTROL_BYTES_MAX];
    size_t length = control_encode(control, command, number, argument, text);
    worker->read_out = false;
    wire_send(worker->socket, control, length, NULL, 0, NULL, 0);
}

/* The open request is over, whether replied to or dropped. */
static void
finish_open(struct wire_worker *worker)
{
    if (!worker->open)
        return;
    worker->open = false;
    if (stay_registration(worker->open_number) == worker->registration)
        worker->handled++;
}

static void
send_ready(struct wire_worker *worker, int64_t now)
{
    /* A caller that is gone waits for nothing: a handler that dropped it must not cost a credit. */
    if (now > worker->open_until_ms)
        finish_open(worker);
    /* With one broker there is nowhere to move to: its silence is no news. */
    bool answer = worker->credit == 0 || worker->wire->brokers_count > 1;
    send_control(worker, COMMAND_READY, stay_number(worker->registration, worker->handled),
                 worker->credit | (answer ? READY_ANSWER : 0), worker->name);
    worker->connecting = false;
    worker->ready_ms = now;
    if (answer && worker->silent_since_ms == 0)
        worker->silent_since_ms = now;
}

/* A broker that was started anew learns of its workers from READY: soon, where there is work. */
static int64_t
beat_ms(const struct wire_worker *worker, int64_t now)
{
    bool active = worker->busy_ms != 0 && now - worker->busy_ms < ACTIVE_MS;
    if (worker->left_ms != 0 && now - worker->left_ms < RETURN_MS_MAX)
        return RETURN_MS;
    return active ? WATCH_MS : wire_beat_ms(worker->wire);
}

/* All workers of a host send it at the same moment: the broker is woken once for all. */
static int64_t
ready_at(const struct wire_worker *worker, int64_t now)
{
    int64_t beat = beat_ms(worker, now);
    return (worker->ready_ms / beat + 1) * beat;
}

static bool
ready_due(const struct wire_worker *worker, int64_t now)
{
    return worker->connecting || now >= ready_at(worker, now);
}

static bool
lost(const struct wire_worker *worker, int state, int64_t now)
{
    if (state & ZMQ_POLLIN)
        return false;
    return (worker->down_since_ms != 0 && now - worker->down_since_ms >= DISCONNECTED_MS) ||
           (worker->silent_since_ms != 0 && now - worker->silent_since_ms >= SILENT_MS);
}

static void
move(struct wire_worker *worker)
{
    size_t next = (worker->broker + 1) % worker->wire->brokers_count;
    log_warning("%s: broker %s is lost, moving to %s", worker->name,
                worker->wire->brokers[worker->broker], worker->wire->brokers[next]);
    zmq_close(worker->socket);
    finish_open(worker);
    connect_to(worker, next);
}

void
wire_worker_tick(struct wire_worker *worker)
{
    int64_t now = clock_ms();
    if (!ready_due(worker, now) && now - worker->ticked_ms < WATCH_MS)
        return;
    int state = wire_state(worker->socket);
    worker->read_out = false;
    worker->ticked_ms = now;
    bool connected = state & ZMQ_POLLOUT;
    wire_asker_refresh(worker->wire);
    if (connected)
        worker->down_since_ms = 0;
    else if (worker->down_since_ms == 0)
        worker->down_since_ms = now;
    worker->connecting = worker->connecting || !connected;
    /* With a single broker ZeroMQ reconnects by itself. */
    if (worker->wire->brokers_count > 1 && lost(worker, state, now)) {
        move(worker);
        return;
    }
    if (connected && ready_due(worker, now))
        send_ready(worker, now);
}

/* What was sent while this process was frozen comes in only bit by bit. */
static void
find_nothing(struct wire_worker *worker)
{
    int64_t now = clock_ms();
    if (now >= worker->doubt_ms)
        worker->empty_ms = now;
}

void
wire_worker_wait(struct wire_worker *worker, zmq_pollitem_t *others, size_t others_count)
{
    zmq_pollitem_t items[1 + OTHERS_MAX];
    int64_t start_ms = clock_ms(), wait_ms = ready_at(worker, start_ms) - start_ms;
    assert(others_count <= OTHERS_MAX);
    /* It is overdue where there is no connection. */
    if (wait_ms <= 0)
        wait_ms = beat_ms(worker, start_ms);
    if (worker->wire->brokers_count > 1 && wait_ms > WATCH_MS)
        wait_ms = WATCH_MS;
    /* Writable wakes as soon as the connection is made; the tick that follows sends READY. */
    items[0] = wire_item(worker->socket, worker->read_out);
    if (worker->connecting)
        items[0] = (zmq_pollitem_t){.socket = worker->socket, .events = ZMQ_POLLIN | ZMQ_POLLOUT};
    for (size_t i = 0; i < others_count; i++)
        items[1 + i] = others[i];
    wire_wait(items, 1 + (int)others_count, (long)wait_ms);
    for (size_t i = 0; i < others_count; i++)
        others[i] = items[1 + i];
    /* What came ended the wait, unless this process was frozen meanwhile. */
    int64_t now = clock_ms();
    if (now - start_ms > wait_ms + FROZEN_MS)
        worker->doubt_ms = now + DOUBT_MS;
    else if (now >= worker->doubt_ms)
        worker->empty_ms = now;
}

static bool
take_request(struct wire_worker *worker, struct frames *frames, const struct control *control,
             struct arena *arena, struct wire_request *request)
{
    if (frames->count != 3)
        return false;
    finish_open(worker);
    if (stay_registration(control->number) != worker->registration) {
        worker->registration = stay_registration(control->number);
        worker->handled = 0;
    }
    int64_t now = clock_ms();
    worker->open = true;
    worker->open_number = control->number;
    bool close = worker->served_ms != 0 && now - worker->served_ms < CLOSE_MS;
    worker->close_count = close ? worker->close_count + (worker->close_count < CLOSE_COUNT) : 0;
    if (worker->close_count == CLOSE_COUNT)
        worker->busy_ms = now;
    worker->served_ms = now;
    worker->open_until_ms = now + control->argument;
    zmq_msg_t *header = &frames->frames[1], *body = &frames->frames[2];
    *request = (struct wire_request){
        .envelope = arena_memdup(arena, &control->number, sizeof control->number),
        .envelope_bytes = sizeof control->number,
        .sender = arena_strdup(arena, control->text),
        .remaining_ms = control->argument - (now - worker->empty_ms),
        .header = arena_memdup(arena, zmq_msg_data(header), zmq_msg_size(header)),
        .header_bytes = zmq_msg_size(header),
        .body = arena_memdup(arena, zmq_msg_data(body), zmq_msg_size(body)),
        .body_bytes = zmq_msg_size(body),
    };
    return true;
}

/* Returns whether it was a request. */
static bool
take(struct wire_worker *worker, struct frames *frames, struct arena *arena,
     struct wire_request *request)
{
    struct control control;
    zmq_msg_t *first = &frames->frames[0];
    if (!control_decode(zmq_msg_data(first), zmq_msg_size(first), &control))
        return false;
    worker->silent_since_ms = worker->left_ms = 0;
    if (control.command == COMMAND_FORWARD)
        return take_request(worker, frames, &control, arena, request);
    if (control.command == COMMAND_ALIVE) {
        if (stay_registration(control.number) != worker->registration)
            worker->handled = 0;
        worker->registration = stay_registration(control.number);
        worker->drained = worker->credit == 0 && control.argument == 0;
    }
    /* The broker stops, or does not want us: somewhere else, or here again later. */
    if (control.command == COMMAND_LEAVE) {
        worker->silent_since_ms = clock_ms() - SILENT_MS;
        worker->left_ms = clock_ms();
        worker->ticked_ms = 0;
    }
    return false;
}

bool
wire_worker_receive(struct wire_worker *worker, struct arena *arena, struct wire_request *request)
{
    struct frames frames;
    bool found = false;
    /* Under load nobody waits, and so nobody ticks: READY must go out all the same. */
    if (ready_due(worker, clock_ms()))
        wire_worker_tick(worker);
    while (!found && frames_receive(worker->socket, &frames)) {
        found = take(worker, &frames, arena, request);
        frames_close(&frames);
    }
    worker->read_out = !found;
    if (!found)
        find_nothing(worker);
    return found;
}

void
wire_worker_reply(struct wire_worker *worker, const struct wire_request *request,
                  const uint8_t *header, size_t header_bytes, const uint8_t *body,
                  size_t body_bytes)
{
    static const uint8_t nothing[1];
    uint8_t control[CONTROL_BYTES_MAX];
    uint64_t number;
    assert(request->envelope_bytes == sizeof number);
    memcpy(&number, request->envelope, sizeof number);
    if (number == worker->open_number)
        finish_open(worker);
    bool fits = header_bytes <= WIRE_FRAME_BYTES_MAX && body_bytes <= WIRE_FRAME_BYTES_MAX;
    if (!fits)
        log_error("a reply of %zu bytes is too large; its caller gets none", body_bytes);
    size_t length = control_encode(control, COMMAND_DONE, number, 0, NULL);
    const uint8_t *sent_header = header ? header : nothing;
    worker->read_out = false;
    if (!wire_send(worker->socket, control, length, fits ? sent_header : NULL, header_bytes, body,
                   body_bytes))
        log_warning("a reply was lost: the broker is not connected");
}

void
wire_worker_drain(struct wire_worker *worker)
{
    worker->credit = 0;
    worker->ready_ms = 0;
    wire_worker_tick(worker);
}

bool
wire_worker_drained(const struct wire_worker *worker)
{
    return worker->drained || worker->connecting;
}

void
wire_worker_close(struct wire_worker *worker)
{
    int linger = LINGER_MS;
    send_control(worker, COMMAND_LEAVE, 0, (uint32_t)worker->wire->brokers_count, NULL);
    zmq_setsockopt(worker->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(worker->socket);
    free(worker);
}
