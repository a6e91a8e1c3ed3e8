/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait for a worker: one bounded queue per name, in order of arrival. */
#ifndef ESCARCELLE_QUEUE_H
#define ESCARCELLE_QUEUE_H

#include "workers.h"

#include <zmq.h>

enum {
    QUEUE_REQUESTS_MAX = 1000,  /* per name */
    QUEUE_BYTES_MAX = 32 << 20, /* per name, headers and bodies */
    WAITING_MAX = 4000,         /* of all names */
};

/* A request that nobody has taken yet. */
struct waiting {
    struct waiting *next;
    struct peer client;
    uint64_t tag;
    const char *sender;              /* one of program_names */
    int64_t arrived_ms, deadline_ms; /* the caller's */
    int64_t give_up_ms; /* when to say unavailable, so that the caller still hears it */
    size_t bytes;
    zmq_msg_t header, body;
};

struct queue {
    struct waiting *first, **end;
    size_t count, bytes;
};

struct queues {
    struct queue of[SERVED_COUNT];
    struct waiting pool[WAITING_MAX];
    struct waiting *free;
    size_t pool_end; /* beyond it no entry was ever used */
    size_t count;
};

/* All queues are empty. */
void queues_init(struct queues *queues);
/* Takes header and body over and leaves them empty. False, and nothing taken, when full. */
bool queue_push(struct queues *queues, int served, const struct waiting *request, zmq_msg_t *header,
                zmq_msg_t *body);
/* Unlinks an entry; `place` is what points to it. The caller gives it back with queue_release. */
struct waiting *queue_take(struct queues *queues, int served, struct waiting **place);
/* Closes its messages. */
void queue_release(struct queues *queues, struct waiting *waiting);

#endif
