/* SPDX-License-Identifier: Apache-2.0
 * What the broker answers by itself: who serves, how it is, that it is there. */
#ifndef ESCARCELLE_ANSWERS_H
#define ESCARCELLE_ANSWERS_H

#include "workers.h"

#include <zmq.h>

/* RFC 8: whether anybody serves the name in `asked`. */
void answer_discovery(void *socket, const struct peer *client, uint64_t tag, zmq_msg_t *asked,
                      const struct workers *workers);
/* A packed ops.ListServicesReply. */
void answer_report(void *socket, const struct peer *client, uint64_t tag, const uint8_t *report,
                   size_t length);
/* The names that have workers, and the broker's run; workers NULL: it stops. */
void answer_ping(void *socket, const struct peer *client, uint64_t run,
                 const struct workers *workers);

#endif
