/* SPDX-License-Identifier: Apache-2.0
 * The workers that are registered, what each has in hand, and whose turn it is. Knows no socket. */
#ifndef ESCARCELLE_WORKERS_H
#define ESCARCELLE_WORKERS_H

#include "peers.h"
#include "permissions.h"

#include <stdint.h>

enum {
    WORKERS_MAX = 256,
    CREDIT_MAX = 8,
    WORKER_IDLE_LOST_MS = 3000,  /* silent with nothing in hand */
    WORKER_BUSY_LOST_MS = 30000, /* silent in a handler, which may take 10 s, twice with credit 2 */
};

/* A request that a worker has in hand, and who waits for it. */
struct pending {
    uint32_t serial;
    struct peer client;
    uint64_t tag;
};

struct worker {
    bool registered;
    struct peer peer;
    int served;
    uint32_t registration, sent;
    uint32_t credit;
    int64_t heard_ms;
    uint64_t used_turn;
    size_t pending_count;
    struct pending pending[CREDIT_MAX]; /* oldest first */
};

struct workers {
    struct worker slots[WORKERS_MAX];
    size_t end; /* beyond it no slot was ever used */
    uint64_t turn;
    size_t counts[SERVED_COUNT]; /* that take requests */
};

/* NULL when not registered. */
struct worker *workers_find(struct workers *workers, const struct peer *peer);
/* A new one, of credit 0; NULL when there are too many. */
struct worker *workers_add(struct workers *workers, const struct peer *peer, int served,
                           uint32_t registration);
/* What it had in hand is forgotten: nobody knows whether it was done, so its callers run into their
 * deadlines. */
void workers_remove(struct workers *workers, struct worker *worker);

/* What READY says: 0 takes no more requests; handled is how many of this stay are over. */
void workers_set_credit(struct workers *workers, struct worker *worker, uint32_t credit);
void workers_set_handled(struct worker *worker, uint32_t handled);

/* The one with credit left that has fewest in hand, then the one not used for longest, or NULL. */
struct worker *workers_choose(struct workers *workers, int served);
/* Notes that the worker gets a request; returns its serial. */
uint32_t workers_give(struct workers *workers, struct worker *worker, const struct peer *client,
                      uint64_t tag);
/* Takes a request back out of the worker's hand; false when it isn't there. */
bool workers_finish(struct worker *worker, uint32_t serial, struct pending *pending);

#endif
