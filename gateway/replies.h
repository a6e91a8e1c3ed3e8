/* SPDX-License-Identifier: Apache-2.0
 * From a service's answer to the HTTP reply. */
#ifndef ESCARCELLE_GATEWAY_REPLIES_H
#define ESCARCELLE_GATEWAY_REPLIES_H

#include "asks.h"

struct exchange;

/* Composes the reply of an exchange that waits for it, within exchange_run. */
void reply_compose(struct exchange *exchange, const struct answer *answer);
/* The reply is composed: lets the connection go on. */
void reply_finish(struct exchange *exchange);
/* Answers the exchange that is `owner`, and lets its connection go on. */
void reply_received(void *owner, const struct answer *answer);

#endif
