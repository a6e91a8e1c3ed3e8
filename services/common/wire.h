/* SPDX-License-Identifier: Apache-2.0
 * ZeroMQ, and nothing else knows it: asking, serving, publishing, subscribing, all through the
 * brokers, all under CURVE. Sockets belong to the process that opened them. */
#ifndef ESCARCELLE_WIRE_H
#define ESCARCELLE_WIRE_H

#include "arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

struct wire;

enum { WIRE_BROKERS_MAX = 4, WIRE_FRAME_BYTES_MAX = 4 << 20 };

/* Context, keys of `program` (config.keys_dir) and brokers (config.brokers); fatal when a key is
 * missing. */
struct wire *wire_open(const char *program);
/* Closes what is common to the sockets, which are closed before. */
void wire_close(struct wire *wire);

/* zmq_poll with fewer system calls: sockets are asked once whether something is there, then everything waits in one
 * poll. A socket whose descriptor has woken is marked readable though nothing may be there. */
int wire_wait(zmq_pollitem_t *items, int count, long timeout_ms);

/* ---- asking: one DEALER per broker; requests carry a tag of ours that the reply brings back. */
struct wire_asker;

enum wire_outcome {
    WIRE_ANSWERED,
    WIRE_UNAVAILABLE, /* the broker could not place it: nothing happened */
    WIRE_ELSEWHERE,   /* nothing happened; another broker, or this one's next run, may place it */
    WIRE_LOST,        /* its worker is gone: whether it happened is not known */
};

struct wire_reply {
    uint64_t tag;
    enum wire_outcome outcome;
    const uint8_t *header, *body; /* in the arena given to wire_asker_receive */
    size_t header_bytes, body_bytes;
};

/* Connects to every broker; nobody need be there yet. */
struct wire_asker *wire_asker_open(struct wire *wire);
/* service: "accounts.fast". Never blocks; false: nobody to send to, nothing happened.
 * remaining_ms bounds the time that the broker may queue it. */
bool wire_asker_send(struct wire_asker *asker, const char *service, uint64_t tag,
                     int64_t remaining_ms, const uint8_t *header, size_t header_bytes,
                     const uint8_t *body, size_t body_bytes);
/* Fills items to poll for reading (events = ZMQ_POLLIN); returns how many. */
size_t wire_asker_items(struct wire_asker *asker, zmq_pollitem_t *items, size_t items_max);
/* One reply that is there, without waiting. */
bool wire_asker_receive(struct wire_asker *asker, struct arena *arena, struct wire_reply *reply);
/* Whether at least one broker answers and takes questions. */
bool wire_asker_connected(struct wire_asker *asker);

/* The connection that a question took. */
struct wire_way {
    size_t link;
    uint32_t generation;
};

/* Of the question that was sent last. */
struct wire_way wire_asker_way(const struct wire_asker *asker);
/* Whether that connection has ended, as far as wire_asker_connected has seen: no reply comes over it any
 * more. */
bool wire_asker_lost(const struct wire_asker *asker, struct wire_way way);
/* Whether the broker at its end says nothing any more; it may yet. */
bool wire_asker_silent(const struct wire_asker *asker, struct wire_way way);
/* Questions under way get no reply any more. */
void wire_asker_close(struct wire_asker *asker);

/* ---- serving: a worker is registered with one broker at a time and moves when it is lost. */
struct wire_worker;

struct wire_request {
    const uint8_t *envelope; /* opaque, goes back with the reply */
    size_t envelope_bytes;
    const char *sender;   /* program, stamped by the broker */
    int64_t remaining_ms; /* 0 or less: it waited behind another request until its time was over */
    const uint8_t *header, *body;
    size_t header_bytes, body_bytes;
};

/* name: "accounts.fast"; credit: requests that may be under way or prefetched here. The place chooses the first
 * broker: by it workers spread, and who replaces one is found where that one was. */
struct wire_worker *wire_worker_open(struct wire *wire, const char *name, int credit,
                                     unsigned place);
/* Repeats READY, watches the broker, moves; call it before each wait. */
void wire_worker_tick(struct wire_worker *worker);
/* Sleeps until there is something to receive, one of the others (four at most) is readable, or a tick is
 * due. */
void wire_worker_wait(struct wire_worker *worker, zmq_pollitem_t *others, size_t others_count);
/* One request that is there. They are handled one at a time: one not replied to is dropped. */
bool wire_worker_receive(struct wire_worker *worker, struct arena *arena,
                         struct wire_request *request);
/* Ends the request received last. */
void wire_worker_reply(struct wire_worker *worker, const struct wire_request *request,
                       const uint8_t *header, size_t header_bytes, const uint8_t *body,
                       size_t body_bytes);
/* No more requests, please: what was already sent here is still served. */
void wire_worker_drain(struct wire_worker *worker);
/* After wire_worker_drain: whether the broker has said that nothing more comes (after what
 * wire_worker_receive still finds), or is not there. */
bool wire_worker_drained(const struct wire_worker *worker);
/* Leaves the broker and closes. */
void wire_worker_close(struct wire_worker *worker);

/* ---- events: the topic is the producer's name; kind is 'E' (a packed wire.Events) or 'H' (a
 * packed wire.Position: the head, as heartbeat). The brokers admit a topic only from its own
 * program. */
struct wire_publisher;
/* Connects to every broker. */
struct wire_publisher *wire_publisher_open(struct wire *wire);
void wire_publish(struct wire_publisher *publisher, const char *topic, char kind,
                  const uint8_t *body, size_t body_bytes); /* to every broker; may lose */
void wire_publisher_close(struct wire_publisher *publisher);

struct wire_subscriber;
struct wire_publication {
    const char *topic;
    char kind;
    const uint8_t *body;
    size_t body_bytes;
};
/* topics: NULL-ended. The same message may come once per broker. */
struct wire_subscriber *wire_subscriber_open(struct wire *wire, const char *const *topics);
/* Fills items to poll for reading; returns how many. */
size_t wire_subscriber_items(struct wire_subscriber *subscriber, zmq_pollitem_t *items,
                             size_t items_max);
/* One publication that is there; it lies in the arena. */
bool wire_subscriber_receive(struct wire_subscriber *subscriber, struct arena *arena,
                             struct wire_publication *publication);
void wire_subscriber_close(struct wire_subscriber *subscriber);

#endif
