/* SPDX-License-Identifier: Apache-2.0
 * One number for each place, so that it is read and written whole: 22 bits of the key, 42 of the time. */
#include "refused_keys.h"

enum { TIME_BITS = 42 };

#define TIME_MASK (((uint64_t)1 << TIME_BITS) - 1)
#define PLACES (sizeof((struct refused_keys *)0)->places / sizeof(uint64_t))

static bool
is_same(uint64_t noted, uint64_t key)
{
    return noted != 0 && noted >> TIME_BITS == key >> TIME_BITS;
}

void
refused_keys_note(struct refused_keys *keys, uint64_t key, int64_t asked_ms)
{
    if (!refused_keys_since(keys, key, asked_ms))
        atomic_store(&keys->places[key % PLACES],
                     (key & ~TIME_MASK) | ((uint64_t)asked_ms & TIME_MASK));
}

bool
refused_keys_since(const struct refused_keys *keys, uint64_t key, int64_t asked_ms)
{
    uint64_t noted = atomic_load(&keys->places[key % PLACES]);

    return is_same(noted, key) && (noted & TIME_MASK) >= (uint64_t)asked_ms;
}
