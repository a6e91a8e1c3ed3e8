/* SPDX-License-Identifier: Apache-2.0
 * The parts of a hash chain's entry: each goes in with its length before it, so that no two entries
 * are the same bytes. The form is kept for ever: hashes made with it are in databases and archives.
 * */
#ifndef ESCARCELLE_HASHING_H
#define ESCARCELLE_HASHING_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

/* A length of four bytes, the most significant first, then the bytes; 0xffffffff alone when absent.
 * */
void hash_bytes(crypto_hash_sha256_state *state, bool present, const void *bytes, size_t length);
/* A text without its NUL; NULL is absent. */
void hash_text(crypto_hash_sha256_state *state, const char *text);
/* Eight bytes in two's complement, the most significant first. */
void hash_number(crypto_hash_sha256_state *state, int64_t number);

#endif
