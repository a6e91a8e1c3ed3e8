/* SPDX-License-Identifier: Apache-2.0
 * libsodium's password hashing with its interactive limits. */
#include "passwords.h"

#include <sodium.h>
#include <string.h>

const char *
password_hash(struct call *call, const char *password)
{
    char *hash = arena_alloc(call->arena, crypto_pwhash_STRBYTES);

    return crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0
               ? hash
               : NULL;
}

bool
password_matches(const char *hash, const char *password)
{
    /* Of a password nobody knows; same parameters. */
    static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                                 "RdescudvJCsgt3ub+b2dWRWJTmaaJObGZW1Zl2m1y5g";

    return crypto_pwhash_str_verify(hash == NULL ? nobody : hash, password, strlen(password)) ==
               0 &&
           hash != NULL;
}

const char *
token_new(struct call *call, ProtobufCBinaryData *hash)
{
    uint8_t random[32];
    size_t size =
        sodium_base64_ENCODED_LEN(sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *token = arena_alloc(call->arena, size);

    randombytes_buf(random, sizeof random);
    sodium_bin2base64(token, size, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    hash->len = crypto_hash_sha256_BYTES;
    hash->data = arena_alloc(call->arena, hash->len);
    crypto_hash_sha256(hash->data, (const uint8_t *)token, strlen(token));
    return token;
}
