/* SPDX-License-Identifier: Apache-2.0
 * Which web pages of other origins may call this API: the setting cors_origins, as its events tell
 * it. */
#ifndef ESCARCELLE_GATEWAY_CORS_H
#define ESCARCELLE_GATEWAY_CORS_H

#include "exchange.h"

/* Admits no origin until accounts has told which. */
struct cors *cors_new(void);
/* Frees what cors_new gave. */
void cors_free(struct cors *cors);
/* Asks accounts for the origins; later changes come as events. */
void cors_ask(struct gateway *gateway);
/* Replaces the origins; what is beyond the limits is left out. */
void cors_set(struct cors *cors, char *const *origins, size_t count);
/* Adds what a page of an admitted origin needs to read the reply; nothing for others. */
void cors_answer(struct exchange *exchange);
/* Adds what the browser asks before a request that is not simple. */
void cors_preflight(struct exchange *exchange, const char *allow);

#endif
