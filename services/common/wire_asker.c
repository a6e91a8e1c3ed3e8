/* SPDX-License-Identifier: Apache-2.0
 * Asking: one DEALER per broker, turn by turn over those that answer and have workers for the
 * service. */
#include "dates.h"
#include "log.h"
#include "wire_doors.h"
#include "wire_frames.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SILENT_MS = 1000,
    WATCHED_BEATS = 3,
    RETURN_MS = 50 /* how often a broker that stops is asked whether its next run is there */
};

struct link {
    void *socket;
    bool drained; /* see wire_item */
    bool connected, stopping;
    int64_t pinged_ms, silent_since_ms;  /* 0: never, nothing unanswered */
    uint64_t run;                        /* the broker's, 0: not known yet */
    uint32_t generation;                 /* of the connection */
    char services[CONTROL_TEXT_MAX + 1]; /* of the last PONG */
};

struct wire_asker {
    struct wire *wire;
    struct wire_asker *next;
    struct link links[WIRE_BROKERS_MAX];
    size_t links_count, turn, last;
};

struct wire_asker *
wire_asker_open(struct wire *wire)
{
    struct wire_asker *asker = calloc(1, sizeof *asker);
    if (!asker)
        fatal("no memory for asking");
    asker->wire = wire;
    asker->links_count = wire->brokers_count;
    asker->turn = (size_t)clock_ms() % wire->brokers_count;
    for (size_t i = 0; i < asker->links_count; i++) {
        asker->links[i].socket = wire_socket(wire, ZMQ_DEALER);
        wire_connect(wire, asker->links[i].socket, i, DOOR_CLIENTS);
    }
    asker->next = wire->askers;
    wire->askers = asker;
    return asker;
}

void
wire_asker_close(struct wire_asker *asker)
{
    struct wire_asker **place = &asker->wire->askers;
    while (*place != asker)
        place = &(*place)->next;
    *place = asker->next;
    for (size_t i = 0; i < asker->links_count; i++)
        zmq_close(asker->links[i].socket);
    free(asker);
}

static void
ping_when_due(const struct wire *wire, struct link *link, int64_t now)
{
    uint8_t control[CONTROL_BYTES_MAX];
    int64_t beat_ms = link->stopping ? RETURN_MS : wire_beat_ms(wire);
    if (link->pinged_ms != 0 && now - link->pinged_ms < beat_ms)
        return;
    size_t length = control_encode(control, COMMAND_PING, 0, 0, NULL);
    link->drained = false;
    if (!wire_send(link->socket, control, length, NULL, 0, NULL, 0))
        return;
    /* After a time without pings an old silence says nothing about the broker that is there now. */
    bool watched = now - link->pinged_ms < WATCHED_BEATS * wire_beat_ms(wire);
    if (link->silent_since_ms == 0 || !watched)
        link->silent_since_ms = now;
    link->pinged_ms = now;
}

/* What was asked over the connection so far gets no reply any more. */
static void
lose(struct link *link)
{
    link->generation++;
    link->run = 0;
    link->stopping = false;
    link->services[0] = '\0';
}

static bool
is_silent(const struct link *link, int64_t now)
{
    return link->silent_since_ms != 0 && now - link->silent_since_ms > SILENT_MS;
}

static bool
usable(struct link *link, int64_t now)
{
    int state = wire_state(link->socket);
    bool connected = state & ZMQ_POLLOUT;
    link->drained = false;
    if (link->connected && !connected)
        lose(link);
    link->connected = connected;
    if (!connected || link->stopping)
        return false;
    /* An answer that waits to be read is no silence: this process was busy. */
    return !is_silent(link, now) || (state & ZMQ_POLLIN);
}

static bool
offers(const struct link *link, const char *service)
{
    char name[CONTROL_TEXT_MAX + 1];
    snprintf(name, sizeof name, " %s ", service);
    return strstr(link->services, name) != NULL;
}

/* First the brokers known to have workers for the service, then any. */
static struct link *
choose(struct wire_asker *asker, const char *service, int64_t now)
{
    struct link *any = NULL;
    for (size_t i = 0; i < asker->links_count; i++) {
        struct link *link = &asker->links[(asker->turn + i) % asker->links_count];
        if (!usable(link, now))
            continue;
        if (asker->links_count == 1 || offers(link, service))
            return link;
        any = any ? any : link;
    }
    return any;
}

bool
wire_asker_send(struct wire_asker *asker, const char *service, uint64_t tag, int64_t remaining_ms,
                const uint8_t *header, size_t header_bytes, const uint8_t *body, size_t body_bytes)
{
    static const uint8_t nothing[1];
    uint8_t control[CONTROL_BYTES_MAX];
    int64_t now = clock_ms();
    if (remaining_ms <= 0 || header_bytes > WIRE_FRAME_BYTES_MAX ||
        body_bytes > WIRE_FRAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < asker->links_count; i++)
        ping_when_due(asker->wire, &asker->links[i], now);
    struct link *link = choose(asker, service, now);
    if (!link)
        return false;
    asker->last = (size_t)(link - asker->links);
    asker->turn = asker->last + 1;
    link->drained = false;
    uint32_t remaining = remaining_ms > INT32_MAX ? INT32_MAX : (uint32_t)remaining_ms;
    size_t length = control_encode(control, COMMAND_REQUEST, tag, remaining, service);
    return wire_send(link->socket, control, length, header ? header : nothing, header_bytes, body,
                     body_bytes);
}

size_t
wire_asker_items(struct wire_asker *asker, zmq_pollitem_t *items, size_t items_max)
{
    assert(items_max >= asker->links_count);
    for (size_t i = 0; i < asker->links_count; i++)
        items[i] = wire_item(asker->links[i].socket, asker->links[i].drained);
    return asker->links_count;
}

struct wire_way
wire_asker_way(const struct wire_asker *asker)
{
    return (struct wire_way){asker->last, asker->links[asker->last].generation};
}

bool
wire_asker_lost(const struct wire_asker *asker, struct wire_way way)
{
    return asker->links[way.link].generation != way.generation;
}

bool
wire_asker_silent(const struct wire_asker *asker, struct wire_way way)
{
    return is_silent(&asker->links[way.link], clock_ms());
}

static void
take_pong(struct link *link, const struct control *control)
{
    if (link->run != 0 && link->run != control->number)
        lose(link);
    link->run = control->number;
    link->stopping = control->argument & PONG_STOPPING;
    memcpy(link->services, control->text, sizeof link->services);
}

/* A broker without workers for it: the only one there is knows best. */
static enum wire_outcome
outcome_of(const struct wire_asker *asker, const struct control *control)
{
    if (control->command == COMMAND_LOST)
        return WIRE_LOST;
    bool elsewhere = control->argument == UNAVAILABLE_STOPPING ||
                     (control->argument == UNAVAILABLE_WORKERLESS && asker->links_count > 1);
    return elsewhere ? WIRE_ELSEWHERE : WIRE_UNAVAILABLE;
}

static bool
take_reply(const struct wire_asker *asker, struct frames *frames, const struct control *control,
           struct arena *arena, struct wire_reply *reply)
{
    *reply = (struct wire_reply){.tag = control->number};
    if (control->command == COMMAND_UNAVAILABLE || control->command == COMMAND_LOST) {
        log_debug("broker: %s", control->text);
        reply->outcome = outcome_of(asker, control);
        return true;
    }
    if (control->command != COMMAND_REPLY || frames->count != 3)
        return false;
    zmq_msg_t *header = &frames->frames[1], *body = &frames->frames[2];
    reply->header_bytes = zmq_msg_size(header);
    reply->body_bytes = zmq_msg_size(body);
    reply->header = arena_memdup(arena, zmq_msg_data(header), reply->header_bytes);
    reply->body = arena_memdup(arena, zmq_msg_data(body), reply->body_bytes);
    return true;
}

/* Reads what is there until a reply; with reply NULL they are dropped. */
static bool
receive(const struct wire_asker *asker, struct link *link, struct arena *arena,
        struct wire_reply *reply)
{
    struct frames frames;
    struct control control;
    bool found = false;
    while (!found && frames_receive(link->socket, &frames)) {
        link->silent_since_ms = 0;
        zmq_msg_t *first = &frames.frames[0];
        bool valid = control_decode(zmq_msg_data(first), zmq_msg_size(first), &control);
        if (valid && control.command == COMMAND_UNAVAILABLE &&
            control.argument == UNAVAILABLE_STOPPING)
            link->stopping = true;
        if (valid && control.command == COMMAND_PONG)
            take_pong(link, &control);
        else if (valid && reply)
            found = take_reply(asker, &frames, &control, arena, reply);
        frames_close(&frames);
    }
    link->drained = !found;
    return found;
}

bool
wire_asker_receive(struct wire_asker *asker, struct arena *arena, struct wire_reply *reply)
{
    int64_t now = clock_ms();
    for (size_t i = 0; i < asker->links_count; i++) {
        ping_when_due(asker->wire, &asker->links[i], now);
        if (receive(asker, &asker->links[i], arena, reply))
            return true;
    }
    return false;
}

bool
wire_asker_connected(struct wire_asker *asker)
{
    int64_t now = clock_ms();
    bool connected = false;
    for (size_t i = 0; i < asker->links_count; i++) {
        ping_when_due(asker->wire, &asker->links[i], now);
        connected |= usable(&asker->links[i], now);
    }
    return connected;
}

void
wire_asker_refresh(struct wire *wire)
{
    /* With one broker there is nothing to choose. */
    if (wire->brokers_count == 1)
        return;
    int64_t now = clock_ms();
    for (struct wire_asker *asker = wire->askers; asker; asker = asker->next)
        for (size_t i = 0; i < asker->links_count; i++) {
            receive(asker, &asker->links[i], NULL, NULL);
            ping_when_due(asker->wire, &asker->links[i], now);
        }
}
