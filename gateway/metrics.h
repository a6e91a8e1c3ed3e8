/* SPDX-License-Identifier: Apache-2.0
 * Counts and times of requests, in Prometheus' text format. Nothing personal. */
#ifndef ESCARCELLE_GATEWAY_METRICS_H
#define ESCARCELLE_GATEWAY_METRICS_H

#include "exchange.h"

/* All figures are 0. */
struct metrics *metrics_new(void);
/* Frees what metrics_new gave. */
void metrics_free(struct metrics *metrics);
/* A request is over, answered or not. */
void metrics_count(struct metrics *metrics, const struct exchange *exchange);
/* Answers /metrics; 401 when a token is configured and not given. */
void metrics_answer(struct exchange *exchange);

#endif
