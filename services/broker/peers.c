/* SPDX-License-Identifier: Apache-2.0
 * Sends frames to one peer of a ROUTER socket, never waiting for it. */
#include "peers.h"

#include <string.h>

bool
peer_set(struct peer *peer, const void *bytes, size_t length)
{
    if (length == 0 || length > PEER_BYTES_MAX)
        return false;
    peer->length = (uint8_t)length;
    memcpy(peer->bytes, bytes, length);
    return true;
}

bool
peer_send(void *socket, const struct peer *peer, const uint8_t *control, size_t control_bytes,
          zmq_msg_t *header, zmq_msg_t *body)
{
    if (zmq_send(socket, peer->bytes, peer->length, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return false;
    zmq_send(socket, control, control_bytes, ZMQ_DONTWAIT | (header ? ZMQ_SNDMORE : 0));
    if (header) {
        zmq_msg_send(header, socket, ZMQ_DONTWAIT | ZMQ_SNDMORE);
        zmq_msg_send(body, socket, ZMQ_DONTWAIT);
    }
    return true;
}

bool
peer_send_control(void *socket, const struct peer *peer, enum command command, uint64_t number,
                  uint32_t argument, const char *text)
{
    uint8_t control[CONTROL_BYTES_MAX];
    size_t length = control_encode(control, command, number, argument, text);
    return peer_send(socket, peer, control, length, NULL, NULL);
}
