/* SPDX-License-Identifier: Apache-2.0
 * What an event of another service does in this one; by the courier when it comes, or later, when it was
 * parked. Transactions are the caller's. */
#ifndef ESCARCELLE_EVENT_EFFECTS_H
#define ESCARCELLE_EVENT_EFFECTS_H

#include "events.h"

/* SQL: whether the parked row q stands before the parked row p in p's queue, the one of its project or, where
 * that has none, of its client. */
#define PARKED_BEFORE                                                                              \
    "q.position < p.position and (q.project = p.project or (q.project is null and q.client = "     \
    "p.client))"

/* An event with what this service does about it. */
struct effect {
    const Wire__Event *event;
    const struct event_type *type; /* NULL: nothing is done */
    ProtobufCMessage *message;
};

/* Whether this service subscribes to a type. */
bool effect_wanted(const struct service *service, const char *type);
/* What follows in this call is caused by the event: its trace goes on. */
void effect_enter(struct call *call, const Wire__Event *event);
/* Before the transaction: the message, and what it refers to. */
enum rpc_status effect_plan(struct call *call, const Wire__Event *event,
                            struct effect *effect) RPC_CHECKED;
/* Within the transaction: projections and reactions; projections_write before the commit. */
enum rpc_status effect_apply(struct call *call, const struct effect *effect) RPC_CHECKED;
/* Within the transaction: what is done instead, where a subscription says so. */
enum rpc_status effect_skip(struct call *call, const Wire__Event *event) RPC_CHECKED;
/* A parked event from its stored bytes; the personal part may be absent. NULL when they don't decode. */
Wire__Event *event_unpark(struct arena *arena, const ProtobufCBinaryData *event,
                          const ProtobufCBinaryData *salt, const ProtobufCBinaryData *personal);

#endif
