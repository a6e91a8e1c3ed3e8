/* SPDX-License-Identifier: Apache-2.0
 * Feeds parts of an entry into a hash; knows nothing of what they are. */
#include "hashing.h"

#include <assert.h>
#include <string.h>

void
hash_bytes(crypto_hash_sha256_state *state, bool present, const void *bytes, size_t length)
{
    uint32_t prefix = present ? (uint32_t)length : UINT32_MAX;
    uint8_t big_endian[4];

    assert(length < UINT32_MAX);
    for (int i = 0; i < 4; i++)
        big_endian[i] = (uint8_t)(prefix >> (24 - 8 * i));
    crypto_hash_sha256_update(state, big_endian, sizeof big_endian);
    if (present && length > 0)
        crypto_hash_sha256_update(state, bytes, length);
}

void
hash_text(crypto_hash_sha256_state *state, const char *text)
{
    hash_bytes(state, text != NULL, text, text == NULL ? 0 : strlen(text));
}

void
hash_number(crypto_hash_sha256_state *state, int64_t number)
{
    uint8_t big_endian[8];

    for (int i = 0; i < 8; i++)
        big_endian[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    hash_bytes(state, true, big_endian, sizeof big_endian);
}
