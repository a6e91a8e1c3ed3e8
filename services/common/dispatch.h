/* SPDX-License-Identifier: Apache-2.0
 * From a request's bytes to its reply's: all that is the same for every operation, in one order:
 * deadline, authorisation, form, rules, references, questions, idempotency, transaction, retry,
 * commit, reply. */
#ifndef ESCARCELLE_DISPATCH_H
#define ESCARCELLE_DISPATCH_H

#include "call.h"
#include "parent.h"
#include "wire.h"

struct dispatcher {
    const struct service *service;
    struct db *db;
    struct wire_asker *asker;
    struct arena *arena; /* of one call; reset by dispatch */
    const struct inherited *inherited;
};

/* What goes back; the bytes live until the next dispatch. */
struct dispatched {
    const uint8_t *header, *body;
    size_t header_bytes, body_bytes;
};

/* Does one request whole; the reply lies in the dispatcher's arena until the next. */
struct dispatched dispatch(struct dispatcher *dispatcher, const struct wire_request *request);

/* Kept replies of requests with an Idempotency-Key; within the call's transaction. */
enum idempotency { IDEMPOTENCY_NEW, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_REFUSED };
/* Takes the key; REPLAYED fills *replay, REFUSED has set the call's problem. */
enum idempotency idempotency_take(struct call *call, struct dispatched *replay);
/* Queues the row that keeps this reply. */
void idempotency_keep(struct call *call, const struct dispatched *reply);
/* Whether the request has a key, and is more than a dry run. */
bool idempotency_wanted(const struct call *call);
/* Notes a final refusal under the key before the key is given back, so that no older request begins in between. */
void idempotency_note_refusal(struct call *call, struct refused_keys *keys, enum rpc_status status);
/* Refuses a request whose repetition was refused, see refused_keys.h. */
enum rpc_status idempotency_heed_refusals(struct call *call,
                                          const struct refused_keys *keys) RPC_CHECKED;
/* Whether the commit failed because a twin was first: look again. */
bool idempotency_lost(const struct call *call);

#endif
