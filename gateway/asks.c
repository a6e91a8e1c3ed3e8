/* SPDX-License-Identifier: Apache-2.0
 * Slots of questions with their tags, and a list in the order of deadlines. It must not know what
 * is asked, nor why. */
#include "asks.h"

#include "bounds.h"
#include "dates.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum { SCRATCH_BYTES_MAX = 4 * WIRE_FRAME_BYTES_MAX };

struct slot {
    uint64_t tag; /* slot number in the low half, how often it was used in the high one */
    bool busy;
    int64_t deadline_ms;
    ask_done *done;
    void *owner;
    struct slot *next, *previous; /* in the order of deadlines; next also links the free ones */
};

struct asks {
    struct wire_asker *asker;
    struct arena *scratch; /* of one reply */
    struct slot *first, *last, *free;
    struct slot slots[QUESTIONS_MAX];
};

struct asks *
asks_open(struct wire *wire)
{
    struct asks *asks = calloc(1, sizeof *asks);
    if (asks == NULL)
        fatal("no memory for the questions");
    asks->asker = wire_asker_open(wire);
    asks->scratch = arena_new(SCRATCH_BYTES_MAX);
    for (size_t i = QUESTIONS_MAX; i-- > 0;) {
        asks->slots[i].tag = i;
        asks->slots[i].next = asks->free;
        asks->free = &asks->slots[i];
    }
    return asks;
}

void
asks_close(struct asks *asks)
{
    wire_asker_close(asks->asker);
    arena_free(asks->scratch);
    free(asks);
}

/* Nearly all questions have the same time, so that the place is nearly always the end. */
static void
list_by_deadline(struct asks *asks, struct slot *slot)
{
    struct slot *before = asks->last;
    while (before != NULL && before->deadline_ms > slot->deadline_ms)
        before = before->previous;
    slot->previous = before;
    slot->next = before == NULL ? asks->first : before->next;
    *(slot->next == NULL ? &asks->last : &slot->next->previous) = slot;
    *(before == NULL ? &asks->first : &before->next) = slot;
}

static void
release(struct asks *asks, struct slot *slot)
{
    *(slot->previous == NULL ? &asks->first : &slot->previous->next) = slot->next;
    *(slot->next == NULL ? &asks->last : &slot->next->previous) = slot->previous;
    slot->busy = false;
    slot->tag += (uint64_t)1 << 32;
    slot->next = asks->free;
    asks->free = slot;
}

bool
asks_send(struct asks *asks, struct arena *arena, const struct question *question)
{
    assert(question->timeout_ms > 0);
    struct slot *slot = asks->free;
    if (slot == NULL)
        return false;
    size_t bytes = wire__request_header__get_packed_size(question->header);
    uint8_t *header = arena_alloc(arena, bytes);
    wire__request_header__pack(question->header, header);
    if (!wire_asker_send(asks->asker, question->service, slot->tag, question->timeout_ms, header,
                         bytes, question->body, question->body_bytes))
        return false;
    asks->free = slot->next;
    slot->busy = true;
    slot->deadline_ms = clock_ms() + question->timeout_ms + DEADLINE_GRACE_MS;
    slot->done = question->done;
    slot->owner = question->owner;
    list_by_deadline(asks, slot);
    return true;
}

size_t
asks_items(struct asks *asks, zmq_pollitem_t *items, size_t items_max)
{
    return wire_asker_items(asks->asker, items, items_max);
}

static void
hand_out(struct asks *asks, const struct wire_reply *reply)
{
    size_t number = (size_t)(reply->tag & UINT32_MAX);
    if (number >= QUESTIONS_MAX)
        return;
    struct slot *slot = &asks->slots[number];
    if (!slot->busy || slot->tag != reply->tag)
        return; /* it came after its deadline */
    struct answer answer = {.outcome = reply->outcome == WIRE_LOST ? ASK_EXPIRED : ASK_UNAVAILABLE};
    if (reply->outcome == WIRE_ANSWERED) {
        answer.header = wire__reply_header__unpack(arena_allocator(asks->scratch),
                                                   reply->header_bytes, reply->header);
        answer.outcome = answer.header == NULL ? ASK_GARBLED : ASK_ANSWERED;
        answer.body = reply->body;
        answer.body_bytes = reply->body_bytes;
    }
    ask_done *done = slot->done;
    void *owner = slot->owner;
    release(asks, slot);
    done(owner, &answer);
}

void
asks_receive(struct asks *asks)
{
    struct wire_reply reply;
    for (int i = 0; i < REPLIES_PER_TURN_MAX; i++) {
        if (!wire_asker_receive(asks->asker, asks->scratch, &reply))
            break;
        hand_out(asks, &reply);
        arena_reset(asks->scratch);
    }
    arena_reset(asks->scratch);
}

void
asks_expire(struct asks *asks, int64_t now_ms)
{
    static const struct answer expired = {.outcome = ASK_EXPIRED};
    while (asks->first != NULL && asks->first->deadline_ms <= now_ms) {
        struct slot *slot = asks->first;
        ask_done *done = slot->done;
        void *owner = slot->owner;
        release(asks, slot);
        done(owner, &expired);
    }
}

int
asks_timeout_ms(const struct asks *asks, int64_t now_ms)
{
    if (asks->first == NULL || asks->first->deadline_ms - now_ms >= LOOP_MS_MAX)
        return LOOP_MS_MAX;
    return asks->first->deadline_ms <= now_ms ? 0 : (int)(asks->first->deadline_ms - now_ms);
}

bool
asks_connected(const struct asks *asks)
{
    return wire_asker_connected(asks->asker);
}
