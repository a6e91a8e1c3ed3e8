/* SPDX-License-Identifier: Apache-2.0
 * Composes the broker's own answers; it must not touch requests of others. */
#include "answers.h"

#include "wire.pb-c.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void
reply(void *socket, const struct peer *client, uint64_t tag, zmq_msg_t *header, zmq_msg_t *body)
{
    uint8_t control[CONTROL_BYTES_MAX];
    size_t length = control_encode(control, COMMAND_REPLY, tag, 0, NULL);
    peer_send(socket, client, control, length, header, body);
    zmq_msg_close(header);
    zmq_msg_close(body);
}

void
answer_discovery(void *socket, const struct peer *client, uint64_t tag, zmq_msg_t *asked,
                 const struct workers *workers)
{
    char name[TOPIC_BYTES_MAX + 1] = "";
    zmq_msg_t header, body;
    if (zmq_msg_size(asked) <= TOPIC_BYTES_MAX)
        memcpy(name, zmq_msg_data(asked), zmq_msg_size(asked));
    int served = served_find(name);
    bool found = served >= 0 && workers->counts[served] > 0;
    zmq_msg_init(&header);
    zmq_msg_init_size(&body, 3);
    memcpy(zmq_msg_data(&body), found ? "200" : "404", 3);
    reply(socket, client, tag, &header, &body);
}

void
answer_report(void *socket, const struct peer *client, uint64_t tag, const uint8_t *report,
              size_t length)
{
    Wire__ReplyHeader good = WIRE__REPLY_HEADER__INIT;
    zmq_msg_t header, body;
    good.has_status = 1; /* RPC_OK */
    zmq_msg_init_size(&header, wire__reply_header__get_packed_size(&good));
    wire__reply_header__pack(&good, zmq_msg_data(&header));
    zmq_msg_init_size(&body, length);
    memcpy(zmq_msg_data(&body), report, length);
    reply(socket, client, tag, &header, &body);
}

void
answer_ping(void *socket, const struct peer *client, uint64_t run, const struct workers *workers)
{
    char names[CONTROL_TEXT_MAX + 1] = " ";
    size_t length = 1;
    for (int i = 0; workers != NULL && i < SERVED_COUNT; i++)
        if (workers->counts[i] > 0)
            length +=
                (size_t)snprintf(names + length, sizeof names - length, "%s ", served_name(i));
    assert(length < sizeof names);
    peer_send_control(socket, client, COMMAND_PONG, run, workers == NULL ? PONG_STOPPING : 0,
                      names);
}
