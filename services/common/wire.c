/* SPDX-License-Identifier: Apache-2.0
 * A process's own end: context, keys, sockets, and events (publishing and subscribing). Asking is
 * in wire_asker.c, serving in wire_worker.c. */
#include "wire.h"

#include "config.h"
#include "log.h"
#include "wire_doors.h"
#include "wire_frames.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEAT_MS = 500, BEAT_ALONE_MS = 1000, WAIT_ITEMS_MAX = 16 };

struct wire_publisher {
    void *socket;
};

struct wire_subscriber {
    void *socket;
    bool drained;
};

/* Proves one entry of the list now, so that connecting can't fail later. */
static void
add_broker(struct wire *wire, const char *base, size_t length)
{
    char address[ADDRESS_BYTES_MAX];
    if (wire->brokers_count == WIRE_BROKERS_MAX)
        fatal("ESCARCELLE_BROKERS names more than %d brokers", WIRE_BROKERS_MAX);
    char *kept = wire->brokers[wire->brokers_count++];
    int written = snprintf(kept, ADDRESS_BYTES_MAX, "%.*s", (int)length, base);
    if (written >= ADDRESS_BYTES_MAX || !door_address(kept, DOOR_SUBSCRIBE, address))
        fatal("ESCARCELLE_BROKERS: \"%.*s\" is no ipc:// or tcp:// address, or is too long",
              (int)length, base);
}

static void
add_brokers(struct wire *wire)
{
    const char *rest = config.brokers;
    while (*rest != '\0') {
        size_t length = strcspn(rest, ",");
        if (length > 0)
            add_broker(wire, rest, length);
        rest += length + (rest[length] == ',');
    }
    if (wire->brokers_count == 0)
        fatal("ESCARCELLE_BROKERS names no broker");
}

struct wire *
wire_open(const char *program)
{
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        fatal("no memory for the connections to the brokers");
    wire->program = program;
    add_brokers(wire);
    key_read_pair(program, &wire->keys);
    key_read_public("broker", wire->broker_key);
    wire->context = zmq_ctx_new();
    if (!wire->context)
        fatal("no ZeroMQ context: %s", zmq_strerror(errno));
    return wire;
}

void
wire_close(struct wire *wire)
{
    while (zmq_ctx_term(wire->context) != 0 && errno == EINTR)
        ;
    explicit_bzero(&wire->keys, sizeof wire->keys);
    free(wire);
}

static void
set_text(void *socket, int option, const char *text)
{
    int failed = zmq_setsockopt(socket, option, text, strlen(text));
    assert(!failed);
}

void *
wire_socket(struct wire *wire, int type)
{
    void *socket = zmq_socket(wire->context, type);
    if (!socket) {
        /* Out of descriptors: nothing works from here; the parent starts the process anew. */
        log_error("no ZeroMQ socket: %s", zmq_strerror(errno));
        abort();
    }
    int immediate = 1;
    zmq_setsockopt(socket, ZMQ_IMMEDIATE, &immediate, sizeof immediate);
    set_text(socket, ZMQ_CURVE_SERVERKEY, wire->broker_key);
    set_text(socket, ZMQ_CURVE_PUBLICKEY, wire->keys.public_key);
    set_text(socket, ZMQ_CURVE_SECRETKEY, wire->keys.secret_key);
    return socket;
}

void
wire_connect(struct wire *wire, void *socket, size_t broker, enum door door)
{
    char address[ADDRESS_BYTES_MAX];
    bool valid = door_address(wire->brokers[broker], door, address);
    assert(valid);
    door_limit(socket, address);
    if (zmq_connect(socket, address) != 0)
        log_error("cannot connect to %s: %s", address, zmq_strerror(errno));
}

bool
wire_send(void *socket, const uint8_t *control, size_t control_bytes, const uint8_t *header,
          size_t header_bytes, const uint8_t *body, size_t body_bytes)
{
    int more = header ? ZMQ_SNDMORE : 0;
    if (zmq_send(socket, control, control_bytes, ZMQ_DONTWAIT | more) < 0)
        return false;
    if (!header)
        return true;
    /* Once the first frame is taken the others are. */
    zmq_send(socket, header, header_bytes, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_send(socket, body, body_bytes, ZMQ_DONTWAIT);
    return true;
}

int
wire_state(void *socket)
{
    int state = 0;
    size_t size = sizeof state;
    if (zmq_getsockopt(socket, ZMQ_EVENTS, &state, &size) != 0)
        return 0;
    return state;
}

static int
descriptor_of(void *socket)
{
    int descriptor = -1;
    size_t size = sizeof descriptor;
    int failed = zmq_getsockopt(socket, ZMQ_FD, &descriptor, &size);
    assert(!failed);
    return descriptor;
}

zmq_pollitem_t
wire_item(void *socket, bool drained)
{
    if (!drained)
        return (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
    return (zmq_pollitem_t){.fd = descriptor_of(socket), .events = ZMQ_POLLIN};
}

int
wire_wait(zmq_pollitem_t *items, int count, long timeout_ms)
{
    struct pollfd descriptors[WAIT_ITEMS_MAX];
    int ready = 0;
    assert(count <= WAIT_ITEMS_MAX);
    for (int i = 0; i < count; i++) {
        zmq_pollitem_t *item = &items[i];
        item->revents = item->socket ? (short)(wire_state(item->socket) & item->events) : 0;
        ready += item->revents != 0;
        descriptors[i] = (struct pollfd){
            .fd = item->socket ? descriptor_of(item->socket) : item->fd, .events = POLLIN};
    }
    if (poll(descriptors, (nfds_t)count, ready > 0 ? 0 : (int)timeout_ms) <= 0)
        return ready;
    for (int i = 0; i < count; i++) {
        ready += descriptors[i].revents != 0 && items[i].revents == 0;
        items[i].revents |= descriptors[i].revents != 0 ? ZMQ_POLLIN : 0;
    }
    return ready;
}

int64_t
wire_beat_ms(const struct wire *wire)
{
    return wire->brokers_count == 1 ? BEAT_ALONE_MS : BEAT_MS;
}

static void *
connect_to_all(struct wire *wire, int type, enum door door)
{
    void *socket = wire_socket(wire, type);
    for (size_t i = 0; i < wire->brokers_count; i++)
        wire_connect(wire, socket, i, door);
    return socket;
}

struct wire_publisher *
wire_publisher_open(struct wire *wire)
{
    struct wire_publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher)
        fatal("no memory for the publisher");
    publisher->socket = connect_to_all(wire, ZMQ_PUB, DOOR_PUBLISH);
    return publisher;
}

void
wire_publish(struct wire_publisher *publisher, const char *topic, char kind, const uint8_t *body,
             size_t body_bytes)
{
    char name[TOPIC_BYTES_MAX + 3];
    int length = snprintf(name, sizeof name, "%s:%c", topic, kind);
    assert(length > 0 && length < (int)sizeof name);
    if (body_bytes > WIRE_FRAME_BYTES_MAX) {
        log_warning("a publication of %zu bytes is too large; consumers will ask for it",
                    body_bytes);
        return;
    }
    /* PUB never blocks; what it drops, consumers find out from the next head. */
    if (zmq_send(publisher->socket, name, (size_t)length, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
        zmq_send(publisher->socket, body, body_bytes, ZMQ_DONTWAIT);
}

void
wire_publisher_close(struct wire_publisher *publisher)
{
    zmq_close(publisher->socket);
    free(publisher);
}

struct wire_subscriber *
wire_subscriber_open(struct wire *wire, const char *const *topics)
{
    struct wire_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber)
        fatal("no memory for the subscriber");
    subscriber->socket = connect_to_all(wire, ZMQ_SUB, DOOR_SUBSCRIBE);
    for (size_t i = 0; topics[i]; i++) {
        char prefix[TOPIC_BYTES_MAX + 2];
        snprintf(prefix, sizeof prefix, "%s:", topics[i]);
        set_text(subscriber->socket, ZMQ_SUBSCRIBE, prefix);
    }
    return subscriber;
}

size_t
wire_subscriber_items(struct wire_subscriber *subscriber, zmq_pollitem_t *items, size_t items_max)
{
    assert(items_max >= 1);
    items[0] = wire_item(subscriber->socket, subscriber->drained);
    return 1;
}

static bool
read_publication(struct frames *frames, struct arena *arena, struct wire_publication *publication)
{
    char topic[TOPIC_BYTES_MAX + 1];
    zmq_msg_t *name = &frames->frames[0], *body = &frames->frames[1];
    if (frames->count != 2 ||
        !topic_split(zmq_msg_data(name), zmq_msg_size(name), topic, &publication->kind))
        return false;
    publication->topic = arena_strdup(arena, topic);
    publication->body_bytes = zmq_msg_size(body);
    publication->body = arena_memdup(arena, zmq_msg_data(body), zmq_msg_size(body));
    return true;
}

bool
wire_subscriber_receive(struct wire_subscriber *subscriber, struct arena *arena,
                        struct wire_publication *publication)
{
    struct frames frames;
    bool found = false;
    while (!found && frames_receive(subscriber->socket, &frames)) {
        found = read_publication(&frames, arena, publication);
        frames_close(&frames);
    }
    subscriber->drained = !found;
    return found;
}

void
wire_subscriber_close(struct wire_subscriber *subscriber)
{
    zmq_close(subscriber->socket);
    free(subscriber);
}
