/* SPDX-License-Identifier: Apache-2.0
 * The last refusals of requests with an Idempotency-Key, in memory that a program's processes share. A refusal changes
 * nothing and is not kept; but a request that was held up on its way must not be done once its repetition was refused:
 * its caller goes by that. */
#ifndef ESCARCELLE_REFUSED_KEYS_H
#define ESCARCELLE_REFUSED_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeros at the start. A place holds the last of the keys that share it. */
struct refused_keys {
    _Atomic uint64_t places[1024];
};

/* key: a hash of who asks, what and under which key; asked_ms: Unix time at which the gateway took the request. */
void refused_keys_note(struct refused_keys *keys, uint64_t key, int64_t asked_ms);
/* Whether this request or a later one under its key was refused, as far as is known here. */
bool refused_keys_since(const struct refused_keys *keys, uint64_t key, int64_t asked_ms);

#endif
