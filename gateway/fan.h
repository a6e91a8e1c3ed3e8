/* SPDX-License-Identifier: Apache-2.0
 * Operations that every service has: asked of the one that the request names, or of all, whose answers become
 * one. */
#ifndef ESCARCELLE_GATEWAY_FAN_H
#define ESCARCELLE_GATEWAY_FAN_H

#include "exchange.h"

/* Which service a request is for: the route's or the one it names; NULL for all. False: it names none, and that is
 * answered. `message` may be NULL, when the caller is refused anyway. */
bool fan_choose(struct exchange *exchange, const ProtobufCMessage *message, const char **service);
/* The method's name on the wire: "sessions.ListParkedEvents" of "ops.ListParkedEvents". */
char *fan_method(struct exchange *exchange, const char *service);
/* Asks all of them; the exchange is suspended, and answered when the last has answered or its time is over. */
void fan_send(struct exchange *exchange, Wire__RequestHeader *header, const uint8_t *body,
              size_t body_bytes);

#endif
