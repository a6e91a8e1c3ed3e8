/* SPDX-License-Identifier: Apache-2.0
 * How the broker is, for /v1/ops/services. */
#ifndef ESCARCELLE_BROKER_REPORT_H
#define ESCARCELLE_BROKER_REPORT_H

#include "arena.h"
#include "parent.h"
#include "queue.h"

/* A packed ops.ListServicesReply with the broker's own report; in the arena. */
const uint8_t *report_write(struct arena *arena, const struct workers *workers,
                            const struct queues *queues, struct counters *counters, size_t *length);

#endif
