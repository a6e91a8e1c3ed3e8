/* SPDX-License-Identifier: Apache-2.0
 * From a service's answer to the HTTP reply. */
#ifndef ESCARCELLE_GATEWAY_REPLIES_H
#define ESCARCELLE_GATEWAY_REPLIES_H

#include "asks.h"

/* Answers the exchange that is `owner`, and lets its connection go on. */
void reply_received(void *owner, const struct answer *answer);

#endif
