/* SPDX-License-Identifier: Apache-2.0
 * How often somebody may ask: so many requests a minute, a minute's worth of them at once. */
#ifndef ESCARCELLE_GATEWAY_RATE_LIMITS_H
#define ESCARCELLE_GATEWAY_RATE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct limits;

/* Nobody has asked yet. */
struct limits *limits_new(void);
void limits_free(struct limits *limits);
/* Counts one request of this name (bytes that tell one caller from another) at now_us, a time that only
 * grows. Returns 0, or in how many seconds the next one may come; it is not counted then. */
int64_t limits_take(struct limits *limits, const void *name, size_t bytes, int64_t per_minute,
                    int64_t now_us);

#endif
