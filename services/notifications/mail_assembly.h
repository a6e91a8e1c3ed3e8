/* SPDX-License-Identifier: Apache-2.0
 * From a stored mail to the bytes that are sent and the bytes that are kept. Pure. */
#ifndef ESCARCELLE_MAIL_ASSEMBLY_H
#define ESCARCELLE_MAIL_ASSEMBLY_H

#include "mime.h"
#include "notifications.rpc.h"

/* What a mail's owner gave for it, just before it is sent. */
struct mail_enclosure {
    const char *link, *link_expires_at;     /* NULL without a link; the end is an instant */
    const struct mime_attachment *document; /* NULL without one */
};

struct mail_bytes {
    const char *subject;
    uint8_t *sent, *kept; /* with the secret link; with the link struck out (ACC-8) */
    size_t sent_length, kept_length;
    const char *sha256;      /* of what is sent, in hexadecimal */
    const char *search_text; /* subject and text of what is kept, with ordinary spaces */
};

/* The same mail and enclosure give the same bytes. False with a sentence in *error when the mail
 * can't be written: no template, a missing word, a malformed address. */
bool mail_assemble(struct arena *arena, const StoredMail *mail,
                   const struct mail_enclosure *enclosure, struct mail_bytes *out,
                   const char **error);
/* What a mail says, as its template takes it: mail->n_words of them, with room for
 * those that only sending knows. */
struct mail_value *mail_values(struct arena *arena, const StoredMail *mail);
/* SHA-256 in hexadecimal. */
const char *mail_sha256(struct arena *arena, const uint8_t *bytes, size_t length);

#endif
