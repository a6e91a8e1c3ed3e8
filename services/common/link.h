/* SPDX-License-Identifier: Apache-2.0
 * Secret links (ACC-8): a token that its owner can recompute and that nobody else can make.
 *
 * token = base64url(id ‖ expiry ‖ HMAC-SHA-256(key, id ‖ expiry ‖ purpose))
 * id is the UUID's 16 bytes, expiry 8 bytes of Unix seconds, big-endian, and purpose a word such as
 * "funding_review", so that a link made for one thing opens no other. Nothing is stored: the same
 * arguments always give the same token, and whether a link was used is in the row of its object. */
#ifndef ESCARCELLE_LINK_H
#define ESCARCELLE_LINK_H

#include <stdint.h>

enum { LINK_TOKEN_BYTES = 76 }; /* 75 characters and the NUL */

enum link_outcome {
    LINK_VALID,
    LINK_EXPIRED, /* ours, but its time is over: 410 */
    LINK_FORGED   /* not ours, not for this purpose, or damaged: 404 */
};

/* Reads the key, 64 hexadecimal digits on the first line of the file; exits with a sentence when it
 * can't. Every process that makes or verifies links calls it once at start. */
void link_key_load(const char *path);
/* The token of a link to the object with this UUID, valid before expires_at_s (Unix seconds). */
void link_make(const char *purpose, const char *id, int64_t expires_at_s,
               char token[LINK_TOKEN_BYTES]);
/* Verifies a token from outside in constant time. Unless forged, id receives the object's UUID. */
enum link_outcome link_verify(const char *purpose, const char *token, int64_t now_s, char id[37])
    __attribute__((warn_unused_result));

#endif
