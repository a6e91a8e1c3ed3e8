/* SPDX-License-Identifier: Apache-2.0
 * argon2id hashes of passwords, and random access tokens. Slow lane only: one hash takes 64 MiB. */
#ifndef ESCARCELLE_PASSWORDS_H
#define ESCARCELLE_PASSWORDS_H

#include "call.h"

/* The hash to store, with its salt and parameters; NULL when there is no memory for it. */
const char *password_hash(struct call *call, const char *password);
/* Whether the password is the one of the hash; NULL hash: takes as long and says no, so that the
 * time never tells whether an account exists. */
bool password_matches(const char *hash, const char *password);
/* A fresh access token (32 random bytes, base64url) and its SHA-256. */
const char *token_new(struct call *call, ProtobufCBinaryData *hash);

#endif
