/* SPDX-License-Identifier: Apache-2.0
 * The steps of a request's life; http.c and tokens.c call them, each through exchange_run. */
#ifndef ESCARCELLE_GATEWAY_REQUESTS_H
#define ESCARCELLE_GATEWAY_REQUESTS_H

#include "exchange.h"

/* The header is there: route, verb, caller. Leaves the exchange answered, reading or checking. */
void request_begin(struct exchange *exchange);
/* The caller's token was looked at: 401, 503, or on to the role and the body. */
void request_judge(struct exchange *exchange);
/* More of the body is there. */
void request_append(struct exchange *exchange);
/* The body is complete: media types, size, form; then the service is asked. */
void request_finish(struct exchange *exchange);

/* What was typed can't be done: asks for what the visited page shows, so that it shows both. */
void request_show(struct exchange *exchange);

#endif
