/* SPDX-License-Identifier: Apache-2.0
 * Requests and replies between askers and workers (common/wire_frames.h), on two ROUTER sockets. */
#ifndef ESCARCELLE_REQUESTS_H
#define ESCARCELLE_REQUESTS_H

#include "refusals.h"

#include <stdbool.h>

struct requests;
struct counters;

/* Takes two bound ROUTER sockets; the caller closes them after requests_close. */
struct requests *requests_open(void *clients, void *workers, struct refusals *refusals,
                               struct counters *counters);
/* Nothing is queued any more; the sockets stay open. */
void requests_close(struct requests *requests);

/* Handle what has arrived on one of the sockets, a bounded number of messages a turn. */
void requests_from_clients(struct requests *requests);
void requests_from_workers(struct requests *requests);
/* When due, answers what has waited too long and drops workers that are gone. Call it every turn;
 * returns in how many milliseconds it is due again. */
long requests_tick(struct requests *requests);

/* No new work from now on: what waits is answered unavailable, workers without work are sent away.
 * */
void requests_stop(struct requests *requests);
/* How long no request has come and no reply has gone. */
long requests_quiet_ms(const struct requests *requests);
/* Whether a worker still has something in hand. */
bool requests_busy(const struct requests *requests);

#endif
