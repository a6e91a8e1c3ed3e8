/* SPDX-License-Identifier: Apache-2.0
 * The bytes of a mail (RFC 5322, MIME); the only user of GMime. */
#ifndef ESCARCELLE_MIME_H
#define ESCARCELLE_MIME_H

#include "arena.h"
#include <stdbool.h>
#include <stdint.h>

struct mime_address {
    const char *name; /* optional: NULL */
    const char *address;
};

struct mime_attachment {
    const char *name, *media_type;
    const void *bytes;
    size_t length;
};

struct mime_message {
    struct mime_address from, to;
    const char *message_id; /* without the angle brackets */
    const char *date;       /* RFC 3339 UTC */
    const char *subject, *text, *html;
    const struct mime_attachment *attachments;
    size_t attachment_count;
};

/* Text and HTML as multipart/alternative, with attachments inside multipart/mixed; lines end with
 * CR LF and are shorter than 998 bytes. The same message gives the same bytes, so that a second
 * sending is the same mail. False with a sentence in *error when a header would be malformed. */
bool mime_build(struct arena *arena, const struct mime_message *message, uint8_t **bytes,
                size_t *length, const char **error);

#endif
