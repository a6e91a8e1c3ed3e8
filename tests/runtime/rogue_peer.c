/* SPDX-License-Identifier: Apache-2.0
 * A peer that means harm, under a test's control. It must not judge.
 *
 *   rogue_peer <program> frames <count> <seed>   with the program's good key: messages of right and wrong
 *       form and mere noise to all that a broker listens to, replies to requests of others, floods of READY,
 *       subscriptions to whatever
 *   rogue_peer <program> strangers <count> <seed>   without any key: connections that greet wrongly
 * Both say "sent <count>" when all of it is on its way; a known peer's requests have been taken in then. */
#include "config.h"
#include "log.h"
#include "wire_doors.h"
#include "wire_frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    DOORS = 4,
    FRAMES_SENT_MAX = 6,
    FRAME_BYTES_MAX = 20000,
    DRAWN_OUT_BYTES_MAX = 1200,
    SEEN_MAX = 64,
    DRAIN_EVERY = 64,
    SUBSCRIPTIONS_MAX = 250, /* of a connection: the broker keeps them as long as it lasts */
    GREETING_BYTES = 64,
    LAST_TAG = 0x7a5e,
    ASK_AGAIN_MS = 50, /* a reply is lost on a peer that has too much to read */
    LINGER_MS = 2000,  /* for what was sent; a connection that just broke can keep it for ever */
};

struct rogue {
    struct wire *wire;
    void *doors[DOORS]; /* by enum door */
    size_t subscribed;  /* messages of the present connection */
    uint64_t random;
    uint64_t seen[SEEN_MAX]; /* numbers of FORWARDs that came, to be answered more than once */
    size_t forwarded;
    bool last_answered;
};

struct frame {
    size_t length;
    uint8_t bytes[FRAME_BYTES_MAX + DRAWN_OUT_BYTES_MAX];
};

/* xorshift64*: the same seed is the same storm. */
static uint64_t
random_number(struct rogue *rogue)
{
    rogue->random ^= rogue->random >> 12;
    rogue->random ^= rogue->random << 25;
    rogue->random ^= rogue->random >> 27;
    return rogue->random * UINT64_C(2685821657736338717);
}

static size_t
below(struct rogue *rogue, size_t limit)
{
    return (size_t)(random_number(rogue) >> 33) % limit;
}

/* ---- what is sent */

static const char *
any_name(struct rogue *rogue)
{
    static const char *const names[] = {
        "accounts.leaf",
        "accounts.fast",
        "sessions.fast",
        "sessions.leaf",
        "sessions.slow",
        "funding.leaf",
        "mmi.service",
        "mmi.report",
        "nobody.fast",
        "accounts.",
        ".",
        "",
    };

    return names[below(rogue, sizeof names / sizeof *names)];
}

static uint64_t
any_number(struct rogue *rogue)
{
    switch (below(rogue, 4)) {
    case 0:
        return below(rogue, 100);
    case 1:
        return rogue->seen[below(rogue, SEEN_MAX)];
    case 2:
        return stay_number((uint32_t)random_number(rogue), (uint32_t)below(rogue, 10));
    default:
        return random_number(rogue);
    }
}

static void
write_control(struct rogue *rogue, struct frame *frame, enum door door)
{
    static const enum command clients[] = {COMMAND_REQUEST, COMMAND_REQUEST, COMMAND_REQUEST,
                                           COMMAND_PING,    COMMAND_REPLY,   COMMAND_LOST,
                                           COMMAND_READY,   COMMAND_DONE};
    static const enum command workers[] = {COMMAND_READY,   COMMAND_READY,  COMMAND_READY,
                                           COMMAND_DONE,    COMMAND_DONE,   COMMAND_LEAVE,
                                           COMMAND_FORWARD, COMMAND_REQUEST};
    enum command command = (door == DOOR_CLIENTS ? clients : workers)[below(rogue, 8)];
    uint32_t argument =
        below(rogue, 3) == 0 ? (uint32_t)random_number(rogue) : (uint32_t)below(rogue, 512);

    frame->length =
        control_encode(frame->bytes, command, any_number(rogue), argument, any_name(rogue));
}

static void
write_topic(struct rogue *rogue, struct frame *frame)
{
    static const char *const topics[] = {"accounts:E", "sessions:E", "sessions:H",
                                         "sessions:Z", "sessions",   ":E"};
    const char *topic = topics[below(rogue, sizeof topics / sizeof *topics)];

    frame->length = strlen(topic);
    memcpy(frame->bytes, topic, frame->length);
}

static void
write_body(struct rogue *rogue, struct frame *frame)
{
    static const size_t sizes[] = {0, 0, 1, 5, 13, 40, 200};

    frame->length = below(rogue, 500) == 0 ? below(rogue, FRAME_BYTES_MAX) : sizes[below(rogue, 7)];
    for (size_t i = 0; i < frame->length && i < 40; i++)
        frame->bytes[i] = (uint8_t)random_number(rogue);
}

/* XSUB says itself what it subscribes to (1) and no longer (0). */
static void
write_subscription(struct rogue *rogue, struct frame *frame)
{
    write_topic(rogue, frame);
    memmove(frame->bytes + 1, frame->bytes, frame->length++);
    frame->bytes[0] = below(rogue, 4) != 0;
}

static void
write_first(struct rogue *rogue, struct frame *frame, enum door door)
{
    switch (door) {
    case DOOR_CLIENTS:
    case DOOR_WORKERS:
        write_control(rogue, frame, door);
        break;
    case DOOR_PUBLISH:
        write_topic(rogue, frame);
        break;
    case DOOR_SUBSCRIBE:
        write_subscription(rogue, frame);
        break;
    }
}

static void
write_noise(struct rogue *rogue, struct frame *frame)
{
    static const size_t limits[] = {2, 20, 300, 1500};

    frame->length = below(rogue, limits[below(rogue, 4)]);
    for (size_t i = 0; i < frame->length; i++)
        frame->bytes[i] = (uint8_t)random_number(rogue);
}

/* A bit turned, a byte replaced, cut off, drawn out, or left as it is. */
static void
mutate(struct rogue *rogue, struct frame *frame)
{
    size_t at = frame->length == 0 ? 0 : below(rogue, frame->length);

    switch (below(rogue, 10)) {
    case 0:
        frame->bytes[at] ^= (uint8_t)(1U << below(rogue, 8));
        break;
    case 1:
        frame->bytes[at] = (uint8_t)random_number(rogue);
        break;
    case 2:
        frame->length = at;
        break;
    case 3:
        frame->length += below(rogue, DRAWN_OUT_BYTES_MAX);
        break;
    default:
        break;
    }
}

static size_t
frames_count(struct rogue *rogue, enum door door)
{
    if (below(rogue, 8) == 0)
        return 1 + below(rogue, FRAMES_SENT_MAX);
    if (door == DOOR_PUBLISH || door == DOOR_SUBSCRIBE)
        return door == DOOR_PUBLISH ? 2 : 1;
    return below(rogue, 2) == 0 ? 1 : 3;
}

static void
write_frame(struct rogue *rogue, struct frame *frame, enum door door, bool first)
{
    if (first)
        write_first(rogue, frame, door);
    else
        write_body(rogue, frame);
    mutate(rogue, frame);
}

/* False when the door can't take a message now. */
static bool
send_one(struct rogue *rogue, enum door door)
{
    static struct frame frame;
    bool noise = below(rogue, 8) == 0;
    size_t count = noise ? 1 + below(rogue, FRAMES_SENT_MAX) : frames_count(rogue, door);

    for (size_t i = 0; i < count; i++) {
        if (noise)
            write_noise(rogue, &frame);
        else
            write_frame(rogue, &frame, door, i == 0);
        if (zmq_send(rogue->doors[door], frame.bytes, frame.length,
                     ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0)) < 0)
            return false; /* only the first can fail: ZeroMQ takes whole messages */
    }
    return true;
}

/* ---- what comes back */

static void
note(struct rogue *rogue, const struct control *control)
{
    if (control->command == COMMAND_FORWARD)
        rogue->seen[rogue->forwarded++ % SEEN_MAX] = control->number;
    if (control->command == COMMAND_REPLY && control->number == LAST_TAG)
        rogue->last_answered = true;
}

static void
drain(struct rogue *rogue)
{
    for (int door = 0; door < DOORS; door++) {
        struct frames frames;
        struct control control;

        while (door != DOOR_PUBLISH && frames_receive(rogue->doors[door], &frames)) {
            if (control_decode(zmq_msg_data(&frames.frames[0]), zmq_msg_size(&frames.frames[0]),
                               &control))
                note(rogue, &control);
            frames_close(&frames);
        }
    }
}

static void
wait_for(struct rogue *rogue, enum door door)
{
    zmq_pollitem_t item = {.socket = rogue->doors[door], .events = ZMQ_POLLOUT};

    drain(rogue);
    zmq_poll(&item, 1, 50);
}

/* What was sent before on this connection has been taken in once this is answered. */
static void
ask_last(struct rogue *rogue)
{
    uint8_t control[CONTROL_BYTES_MAX];
    size_t length = control_encode(control, COMMAND_REQUEST, LAST_TAG, 1000, "mmi.service");

    while (!rogue->last_answered) {
        zmq_pollitem_t item = {.socket = rogue->doors[DOOR_CLIENTS], .events = ZMQ_POLLIN};

        (void)wire_send(rogue->doors[DOOR_CLIENTS], control, length, control, 0, control, 0);
        zmq_poll(&item, 1, ASK_AGAIN_MS);
        drain(rogue);
    }
}

static void
open_door(struct rogue *rogue, enum door door)
{
    static const int types[DOORS] = {[DOOR_CLIENTS] = ZMQ_DEALER,
                                     [DOOR_WORKERS] = ZMQ_DEALER,
                                     [DOOR_PUBLISH] = ZMQ_PUB,
                                     [DOOR_SUBSCRIBE] = ZMQ_XSUB};
    int linger_ms = LINGER_MS;

    rogue->doors[door] = wire_socket(rogue->wire, types[door]);
    wire_connect(rogue->wire, rogue->doors[door], 0, door);
    zmq_setsockopt(rogue->doors[door], ZMQ_LINGER, &linger_ms, sizeof linger_ms);
}

static void
renew_subscriptions(struct rogue *rogue)
{
    if (++rogue->subscribed < SUBSCRIPTIONS_MAX)
        return;
    zmq_close(rogue->doors[DOOR_SUBSCRIBE]);
    open_door(rogue, DOOR_SUBSCRIBE);
    rogue->subscribed = 0;
}

static enum door
any_door(struct rogue *rogue)
{
    if (below(rogue, 8) == 0)
        return (enum door)below(rogue, DOORS);
    return below(rogue, 2) == 0 ? DOOR_CLIENTS : DOOR_WORKERS;
}

static void
storm(struct wire *wire, long count, uint64_t seed)
{
    struct rogue rogue = {.wire = wire, .random = seed * 2 + 1};

    for (int door = 0; door < DOORS; door++)
        open_door(&rogue, (enum door)door);
    for (long sent = 0; sent < count;) {
        enum door door = any_door(&rogue);

        if (!send_one(&rogue, door)) {
            wait_for(&rogue, door);
            continue;
        }
        if (door == DOOR_SUBSCRIBE)
            renew_subscriptions(&rogue);
        if (++sent % DRAIN_EVERY == 0)
            drain(&rogue);
    }
    ask_last(&rogue);
    for (int door = 0; door < DOORS; door++)
        zmq_close(rogue.doors[door]);
}

/* ---- without a key */

/* ZMTP 3's greeting, damaged, and noise behind it. */
static void
greet(struct rogue *rogue, const char *path)
{
    static struct frame frame;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1); /* door_address admits no longer one */
    if (connect(file, (const struct sockaddr *)&address, sizeof address) == 0) {
        memset(frame.bytes, 0, GREETING_BYTES);
        memcpy(frame.bytes, "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE", 17);
        frame.length = GREETING_BYTES;
        for (size_t i = 0; i < 300; i++)
            frame.bytes[frame.length++] = (uint8_t)random_number(rogue);
        mutate(rogue, &frame);
        (void)send(file, frame.bytes, frame.length, MSG_NOSIGNAL);
    }
    close(file);
}

static void
strangers(const struct wire *wire, long count, uint64_t seed)
{
    struct rogue rogue = {.random = seed * 2 + 1};
    char address[ADDRESS_BYTES_MAX];

    for (long i = 0; i < count; i++)
        if (door_address(wire->brokers[0], (enum door)(i % 4), address))
            greet(&rogue, address + strlen("ipc://"));
}

int
main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    config_load();
    log_open(argv[1], argv[2], config.log_level);
    struct wire *wire = wire_open(argv[1]);
    if (strcmp(argv[2], "frames") == 0)
        storm(wire, atol(argv[3]), strtoull(argv[4], NULL, 10));
    else
        strangers(wire, atol(argv[3]), strtoull(argv[4], NULL, 10));
    printf("sent %s\n", argv[3]);
    fflush(stdout);
    wire_close(wire);
    return EXIT_SUCCESS;
}
