/* SPDX-License-Identifier: Apache-2.0
 * What other services had told before this one joined them. */
#ifndef ESCARCELLE_EVENT_JOIN_H
#define ESCARCELLE_EVENT_JOIN_H

#include "courier.h"

/* When the courier loads its cursors. False when the database failed. */
bool joins_load(struct db *db, struct arena *arena);
/* Whether an event was told before this service joined: it is projected, and not reacted to. */
bool event_precedes_join(const Wire__Event *event);
/* `<service> --join`, before its first start. Refuses when it has run before. Returns the exit code. */
int events_join(struct call *call, int argc, char **argv);

#endif
