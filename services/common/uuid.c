/* SPDX-License-Identifier: Apache-2.0
 * UUIDv7 with a counter in rand_a (RFC 9562, 6.2, method 1); remembers only the last one made. */
#include "uuid.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <time.h>

enum { COUNTER_MAX = 0xfff, COUNTER_SEED_MASK = 0x7ff };

static uint64_t last_ms;
static uint32_t last_counter;

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
    last_counter = randombytes_random() & COUNTER_SEED_MASK;
}

void
uuid_new(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    char *end = out;

    advance();
    randombytes_buf(bytes, sizeof bytes);
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
