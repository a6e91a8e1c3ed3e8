/* SPDX-License-Identifier: Apache-2.0
 * Chance and time: both follow from the seed. */
#include "simulation.h"

#include <sodium.h>

int64_t clock_us;

int64_t
now_ms(void)
{
    return clock_us / 1000;
}

static uint64_t random_state;

/* splitmix64 */
static uint64_t
next_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t
chance(uint32_t below)
{
    return (uint32_t)(next_random() % below);
}

bool
once_in(uint32_t times)
{
    return chance(times) == 0;
}

static const char *
generator_name(void)
{
    return "simulation";
}

static uint32_t
generator_random(void)
{
    return (uint32_t)next_random();
}

static void
generator_fill(void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)next_random();
}

static randombytes_implementation generator = {
    .implementation_name = generator_name, .random = generator_random, .buf = generator_fill};

void
chance_start(uint64_t seed)
{
    randombytes_set_implementation(&generator);
    random_state = seed;
}
