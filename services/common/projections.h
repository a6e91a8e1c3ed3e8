/* SPDX-License-Identifier: Apache-2.0
 * The local copies of other services' objects: found by name or object, written from events and
 * answers, looked into. What fills and asks for them is in event_apply.c and references.c. */
#ifndef ESCARCELLE_PROJECTIONS_H
#define ESCARCELLE_PROJECTIONS_H

#include "events.h"
#include "sql.h"

enum { PROJECTIONS_MAX = 32 };

/* All projections of this program; *count of them. */
const struct projection *const *projections(size_t *count);
/* By the name that (consumes) says, by the object; NULL when there is none. */
const struct projection *projection_named(const char *name);
const struct projection *projection_of(const char *object);

/* At start, after sql_prove: every subscription's projection exists, its event holds the object,
 * and its table has what the runtime needs. Logs each that does not fit; true when all do. */
bool projections_prove(struct db *db, const struct service *service);

/* Queues the upsert of an object, which an older version leaves without effect. */
void projection_put(struct call *call, const struct projection *projection,
                    const ProtobufCMessage *object);
/* Notes the object that an event holds for projections_write; a tombstone where the event deletes. */
enum rpc_status projection_apply(struct call *call, const struct projection *projection,
                                 const struct event_type *type,
                                 const ProtobufCMessage *event) RPC_CHECKED;
/* Queues what was noted, one statement for many rows; before anything that reads projections, and before the
 * commit. */
void projections_write(struct call *call);
/* Whether the object is here and not deleted; *status: its state, NULL when the table has none. */
enum rpc_status projection_look(struct call *call, const struct projection *projection,
                                const char *id, bool *found, const char **status) RPC_CHECKED;

#endif
