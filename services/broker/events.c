/* SPDX-License-Identifier: Apache-2.0
 * Forwards publications. The broker takes everything in and filters on the way out only: a filter that
 * travels to the producer would arrive late and make false gaps. */
#include "events.h"

#include "permissions.h"
#include "wire_frames.h"

enum { TURN_PUBLICATIONS_MAX = 100 };

static void
forward(void *subscribe, struct frames *frames, struct refusals *refusals)
{
    char topic[TOPIC_BYTES_MAX + 1], kind;
    const char *sender = frames_sender(frames);
    zmq_msg_t *name = &frames->frames[0];
    if (frames->count != 2 || !topic_split(zmq_msg_data(name), zmq_msg_size(name), topic, &kind)) {
        refusals_add(refusals, sender, "a malformed publication", "");
        return;
    }
    if (!may_publish(sender, topic)) {
        refusals_add(refusals, sender, "to publish", topic);
        return;
    }
    /* PUB never blocks: a subscriber that doesn't keep up loses, and asks the producer. */
    zmq_msg_send(name, subscribe, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_msg_send(&frames->frames[1], subscribe, ZMQ_DONTWAIT);
}

bool
events_forward(void *publish, void *subscribe, struct refusals *refusals)
{
    struct frames frames;
    for (int i = 0; i < TURN_PUBLICATIONS_MAX; i++) {
        if (!frames_receive(publish, &frames))
            return true;
        forward(subscribe, &frames, refusals);
        frames_close(&frames);
    }
    return false;
}
