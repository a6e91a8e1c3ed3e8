/* SPDX-License-Identifier: Apache-2.0
 * Queues of a fixed pool; memory that was never needed is never touched. */
#include "queue.h"

#include <assert.h>

void
queues_init(struct queues *queues)
{
    for (size_t i = 0; i < SERVED_COUNT; i++)
        queues->of[i] = (struct queue){.end = &queues->of[i].first};
    queues->free = NULL;
    queues->pool_end = queues->count = 0;
}

static struct waiting *
take_free(struct queues *queues)
{
    struct waiting *waiting = queues->free;
    if (waiting)
        queues->free = waiting->next;
    else if (queues->pool_end < WAITING_MAX)
        waiting = &queues->pool[queues->pool_end++];
    return waiting;
}

bool
queue_push(struct queues *queues, int served, const struct waiting *request, zmq_msg_t *header,
           zmq_msg_t *body)
{
    struct queue *queue = &queues->of[served];
    size_t bytes = zmq_msg_size(header) + zmq_msg_size(body);
    if (queue->count == QUEUE_REQUESTS_MAX || bytes > QUEUE_BYTES_MAX - queue->bytes)
        return false;
    struct waiting *waiting = take_free(queues);
    if (!waiting)
        return false;
    *waiting = *request;
    waiting->next = NULL;
    waiting->bytes = bytes;
    zmq_msg_init(&waiting->header);
    zmq_msg_init(&waiting->body);
    zmq_msg_move(&waiting->header, header);
    zmq_msg_move(&waiting->body, body);
    *queue->end = waiting;
    queue->end = &waiting->next;
    queue->count++;
    queue->bytes += bytes;
    queues->count++;
    return true;
}

struct waiting *
queue_take(struct queues *queues, int served, struct waiting **place)
{
    struct queue *queue = &queues->of[served];
    struct waiting *waiting = *place;
    assert(waiting && queue->count > 0 && queues->count > 0);
    *place = waiting->next;
    if (queue->end == &waiting->next)
        queue->end = place;
    queue->count--;
    queue->bytes -= waiting->bytes;
    queues->count--;
    return waiting;
}

void
queue_release(struct queues *queues, struct waiting *waiting)
{
    zmq_msg_close(&waiting->header);
    zmq_msg_close(&waiting->body);
    waiting->next = queues->free;
    queues->free = waiting;
}
