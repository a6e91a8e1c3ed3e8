/* SPDX-License-Identifier: Apache-2.0
 * Who is at the other end of a ROUTER socket, and what is sent there. */
#ifndef ESCARCELLE_PEERS_H
#define ESCARCELLE_PEERS_H

#include "wire_frames.h"

enum { PEER_BYTES_MAX = 16 /* ZeroMQ's own routing ids have 5 */ };

/* A routing id. */
struct peer {
    uint8_t length;
    uint8_t bytes[PEER_BYTES_MAX];
};

/* False when too long: not one of ours. */
bool peer_set(struct peer *peer, const void *bytes, size_t length);
/* header NULL: control alone. False when the peer is gone or does not read; nothing was sent then. */
bool peer_send(void *socket, const struct peer *peer, const uint8_t *control, size_t control_bytes,
               zmq_msg_t *header, zmq_msg_t *body);
/* A control frame alone. */
bool peer_send_control(void *socket, const struct peer *peer, enum command command, uint64_t number,
                       uint32_t argument, const char *text);

#endif
