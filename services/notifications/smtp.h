/* SPDX-License-Identifier: Apache-2.0
 * Hands the bytes of a mail to an SMTP server; the only user of libcurl's SMTP. */
#ifndef ESCARCELLE_SMTP_H
#define ESCARCELLE_SMTP_H

#include "arena.h"
#include <stdbool.h>
#include <stdint.h>

/* The second is the least for the whole of a sending, the farewell included; libcurl looks at the clock once a second.
 * The lease under which a mail is claimed outlasts both (mail_sending.c). */
#define SMTP_CONNECT_TIMEOUT_MS 5000
#define SMTP_TIMEOUT_MS 25000
#define SMTP_TIMEOUT_SLACK_MS 1000

struct smtp_server {
    const char *url;     /* smtp://host:port (STARTTLS) or smtps://host:port */
    const char *ca_file; /* certificates trusted beside none other; "" or NULL: the system's */
    const char *user, *password; /* "" or NULL: no login; with a login TLS is required */
    bool tls_required; /* refuse a server that offers none; else TLS where it is offered */
    long timeout_ms;   /* of the whole; 0: SMTP_TIMEOUT_MS */
};

enum smtp_result {
    SMTP_ACCEPTED,  /* the server took it */
    SMTP_TRANSIENT, /* try again: not reached, cut, busy, or our own settings are refused */
    SMTP_PERMANENT  /* the server refused this mail for good */
};

struct smtp_outcome {
    enum smtp_result result;
    int code;          /* the server's last reply; 0 without one */
    const char *words; /* what it said, or what went wrong on the way; in the arena */
};

/* Sends one mail to one recipient. A mail cut off after its last byte may have been accepted: it is
 * transient, and its second sending carries the same Message-ID. */
struct smtp_outcome smtp_send(struct arena *arena, const struct smtp_server *server,
                              const char *from, const char *to, const uint8_t *bytes,
                              size_t length);

#endif
