/* SPDX-License-Identifier: Apache-2.0
 * The open connections: what each waits for and for how long, where they come from, and which of them goes
 * when there are too many. It must not know HTTP's library. */
#ifndef ESCARCELLE_GATEWAY_CONNECTIONS_H
#define ESCARCELLE_GATEWAY_CONNECTIONS_H

#include "bounds.h"

#include <stdint.h>
#include <sys/socket.h>

/* What a connection waits for. libmicrohttpd's own timeout ends silent connections only: a client
 * that sends a byte now and then, or stops in mid-handshake, is ended by the limits of these. */
enum phase { PHASE_GREETING, PHASE_HEADER, PHASE_BODY, PHASE_SERVICE, PHASE_REPLY };

struct connections;
struct connection;

/* Room for `max` connections; the caller frees it. */
struct connections *connections_new(size_t max);
void connections_free(struct connections *connections);

/* A new one. When there are nearly as many as there may be, one of those is ended that no service works
 * for: of the address that has most connections, the one that has waited longest. Those without a request so
 * far are fewer: libmicrohttpd looks at each of them in each turn. */
struct connection *connections_enter(struct connections *connections, const struct sockaddr *peer,
                                     int descriptor);
/* It is closed. */
void connections_leave(struct connections *connections, struct connection *connection);
/* From now on it waits for this, never for the greeting again. */
void connection_enter_phase(struct connection *connection, enum phase phase);
/* The peer's address as text, and what is counted for it; both live as long as the connection. */
const char *connection_address(const struct connection *connection);
struct origin *connection_origin(const struct connection *connection);

/* Ends those that have waited too long; now and then. */
void connections_sweep(struct connections *connections);
/* Whether a new one has not come to its first request, or the next request of one has arrived. */
bool connections_want_answers(const struct connections *connections);
/* Ends all. */
void connections_cut(struct connections *connections);

#endif
