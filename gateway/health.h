/* SPDX-License-Identifier: Apache-2.0
 * Whether the platform is there: every service is asked for its health again and again. */
#ifndef ESCARCELLE_GATEWAY_HEALTH_H
#define ESCARCELLE_GATEWAY_HEALTH_H

#include "exchange.h"

/* Every service counts as missing until it has answered. */
struct health *health_new(struct gateway *gateway);
/* Frees what health_new gave. */
void health_free(struct health *health);
/* Asks the services when it is time to. */
void health_tick(struct health *health, int64_t now_ms);
/* Milliseconds to the next round. */
int health_timeout_ms(const struct health *health, int64_t now_ms);
/* Answers /livez: this loop turns. */
void health_answer_live(struct exchange *exchange);
/* Answers /readyz: 200 when nothing is missing, else 503 naming what is. */
void health_answer_ready(struct exchange *exchange);

#endif
