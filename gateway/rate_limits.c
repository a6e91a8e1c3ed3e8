/* SPDX-License-Identifier: Apache-2.0
 * One instant per caller, in a table of fixed size: when all that he asked would be over at the pace that he
 * may keep. Who is forgotten, because others came, was the one furthest from his limit. */
#include "rate_limits.h"

#include "log.h"

#include <sodium.h>
#include <stdlib.h>

enum { SETS = 1024, WAYS = 8, MINUTE_US = 60000000, SECOND_US = 1000000 };

struct pace {
    uint64_t name;
    int64_t over_us;
};

struct limits {
    uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody can aim at another one's place */
    struct pace paces[SETS][WAYS];
};

struct limits *
limits_new(void)
{
    struct limits *limits = calloc(1, sizeof *limits);
    if (limits == NULL)
        fatal("no memory for the limits");
    crypto_shorthash_keygen(limits->key);
    return limits;
}

void
limits_free(struct limits *limits)
{
    free(limits);
}

static struct pace *
find(struct limits *limits, uint64_t name)
{
    struct pace *set = limits->paces[name % SETS], *least = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].name == name)
            return &set[i];
        if (set[i].over_us < least->over_us)
            least = &set[i];
    }
    *least = (struct pace){.name = name};
    return least;
}

int64_t
limits_take(struct limits *limits, const void *name, size_t bytes, int64_t per_minute,
            int64_t now_us)
{
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "a name's hash is a number");
    if (per_minute == 0)
        return 0;
    crypto_shorthash((uint8_t *)&hash, name, bytes, limits->key);
    struct pace *pace = find(limits, hash);
    int64_t over_us = pace->over_us > now_us ? pace->over_us : now_us;
    over_us += MINUTE_US / per_minute;
    if (over_us - now_us > MINUTE_US)
        return (over_us - now_us - MINUTE_US + SECOND_US - 1) / SECOND_US;
    pace->over_us = over_us;
    return 0;
}
