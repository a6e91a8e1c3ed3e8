/* SPDX-License-Identifier: Apache-2.0
 * UUIDv7 with a counter in rand_a (RFC 9562, 6.2, method 1); remembers only the last one made. */
#include "uuid.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { COUNTER_MAX = 0xfff, COUNTER_SEED_MASK = 0x7ff, POOL_BYTES = 512 };

static uint64_t last_ms;
static uint32_t last_counter;
static uint8_t pool[POOL_BYTES]; /* random bytes not used yet: one system call for many */
static size_t pool_left;

/* A child must not make what its parent makes. */
static void
forget(void)
{
    pool_left = 0;
}

static void
take_random(uint8_t *out, size_t count)
{
    static bool heeds_forks;

    if (!heeds_forks)
        heeds_forks = pthread_atfork(NULL, NULL, forget) == 0;
    if (pool_left < count) {
        randombytes_buf(pool, sizeof pool);
        pool_left = sizeof pool;
    }
    pool_left -= count;
    memcpy(out, pool + pool_left, count);
}

/* Time goes forward only: within one millisecond, or while the clock is behind, the counter does,
 * and when it is full the time is borrowed from the next millisecond. */
static void
advance(void)
{
    struct timespec now;
    uint64_t now_ms;

    clock_gettime(CLOCK_REALTIME, &now);
    now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (now_ms <= last_ms && last_counter < COUNTER_MAX) {
        last_counter++;
        return;
    }
    last_ms = now_ms > last_ms ? now_ms : last_ms + 1;
    take_random((uint8_t *)&last_counter, sizeof last_counter);
    last_counter &= COUNTER_SEED_MASK;
}

void
uuid_new(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    char *end = out;

    advance();
    take_random(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(last_ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | last_counter >> 8);
    bytes[7] = (uint8_t)last_counter;
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = hex[bytes[i] >> 4];
        *end++ = hex[bytes[i] & 0xf];
    }
    *end = '\0';
    assert(end == out + 36);
}
