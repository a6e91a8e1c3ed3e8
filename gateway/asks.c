/* SPDX-License-Identifier: Apache-2.0
 * Slots of questions with their tags, and a list in the order of deadlines. What a broker that stops or
 * dies has not done is sent once more. It must not know what is asked, nor why. */
#include "asks.h"

#include "bounds.h"
#include "dates.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_BYTES_MAX = 4 * WIRE_FRAME_BYTES_MAX,
    SENT_MAX = 4,         /* of one question */
    LOST_MAX = 2,         /* workers that one question may have taken with it */
    UNSENT_MS_MAX = 5000, /* for the only broker to be restarted */
    FIRST_RUN_MS = 100,   /* for a run that the repetition has met to end */
    WATCH_MS = 20,        /* between two looks at the connections, with work to send */
    WATCH_IDLE_MS = 200   /* without */
};

static const uint64_t TAG_STEP = (uint64_t)1 << 32;

struct slot {
    uint64_t tag;         /* slot number in the low half, how often it was used in the high one */
    bool busy, uncertain; /* uncertain: an earlier one may have been done */
    bool sent;
    int sent_count;
    struct wire_way way;
    int64_t deadline_ms;
    int64_t send_at_ms, give_up_ms; /* of one that is held back */
    struct question question;       /* as packed */
    const uint8_t *header;
    size_t header_bytes;
    struct slot *next, *previous; /* in the order of deadlines; next also links the free ones */
};

struct asks {
    struct wire_asker *asker;
    struct arena *scratch; /* of one reply */
    struct slot *first, *last, *free;
    size_t unsent;
    int64_t watched_ms;
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
    asks->unsent -= !slot->sent;
    slot->busy = false;
    slot->tag += TAG_STEP;
    slot->next = asks->free;
    asks->free = slot;
}

/* The slot is free before done is called, which may ask the next question. */
static void
finish(struct asks *asks, struct slot *slot, const struct answer *answer)
{
    ask_done *done = slot->question.done;
    void *owner = slot->question.owner;
    release(asks, slot);
    done(owner, answer);
}

static void
finish_without(struct asks *asks, struct slot *slot, enum ask_outcome outcome)
{
    finish(asks, slot, &(struct answer){.outcome = outcome});
}

/* ---- sending */

static bool
send_slot(struct asks *asks, struct slot *slot, int64_t now_ms)
{
    const struct question *question = &slot->question;
    if (!wire_asker_send(asks->asker, question->service, slot->tag,
                         slot->deadline_ms - DEADLINE_GRACE_MS - now_ms, slot->header,
                         slot->header_bytes, question->body, question->body_bytes))
        return false;
    slot->way = wire_asker_way(asks->asker);
    asks->unsent -= !slot->sent;
    slot->sent = true;
    slot->sent_count++;
    return true;
}

static void
hold_back(struct asks *asks, struct slot *slot, int64_t send_at_ms)
{
    slot->send_at_ms = send_at_ms;
    slot->give_up_ms = send_at_ms + UNSENT_MS_MAX;
    asks->unsent += slot->sent;
    slot->sent = false;
}

bool
asks_send(struct asks *asks, struct arena *arena, const struct question *question)
{
    assert(question->timeout_ms > 0);
    struct slot *slot = asks->free;
    if (slot == NULL)
        return false;
    int64_t now_ms = clock_ms();
    slot->header_bytes = wire__request_header__get_packed_size(question->header);
    uint8_t *header = arena_alloc(arena, slot->header_bytes);
    wire__request_header__pack(question->header, header);
    slot->header = header;
    slot->question = *question;
    slot->deadline_ms = now_ms + question->timeout_ms + DEADLINE_GRACE_MS;
    slot->uncertain = false;
    slot->sent = true;
    slot->sent_count = 0;
    if (!send_slot(asks, slot, now_ms)) {
        if (question->repeat == ASK_ONCE)
            return false;
        hold_back(asks, slot, now_ms);
    }
    asks->free = slot->next;
    slot->busy = true;
    list_by_deadline(asks, slot);
    return true;
}

/* ---- sending once more */

/* Under another tag, so that a late reply to the first one is not taken for the second's. */
static void
send_again(struct asks *asks, struct slot *slot, int64_t now_ms)
{
    slot->tag += TAG_STEP;
    if (!send_slot(asks, slot, now_ms))
        hold_back(asks, slot, now_ms);
}

/* Whether a question may go once more after this outcome, and so does. */
static bool
repeat(struct asks *asks, struct slot *slot, enum wire_outcome outcome)
{
    bool lost = outcome == WIRE_LOST;
    enum ask_repeat wanted = lost ? ASK_UNTIL_DONE : ASK_UNTIL_TAKEN;
    if ((!lost && outcome != WIRE_ELSEWHERE) || slot->question.repeat < wanted ||
        slot->sent_count >= (lost ? LOST_MAX : SENT_MAX))
        return false;
    slot->uncertain = slot->uncertain || lost;
    send_again(asks, slot, clock_ms());
    return true;
}

/* What a question comes to that got no answer. */
static enum ask_outcome
ending_of(const struct slot *slot, enum wire_outcome outcome)
{
    return outcome == WIRE_LOST || slot->uncertain ? ASK_EXPIRED : ASK_UNAVAILABLE;
}

static void
watch_slot(struct asks *asks, struct slot *slot, bool connected, int64_t now_ms)
{
    if (!slot->sent) {
        bool sent = connected && now_ms >= slot->send_at_ms && send_slot(asks, slot, now_ms);
        if (!sent && now_ms >= slot->give_up_ms)
            finish_without(asks, slot, ending_of(slot, WIRE_ELSEWHERE));
    } else if (wire_asker_lost(asks->asker, slot->way)) {
        if (!repeat(asks, slot, WIRE_LOST))
            finish_without(asks, slot, ASK_EXPIRED);
    } else if (connected && wire_asker_silent(asks->asker, slot->way)) {
        /* Not over, but another broker may be quicker than this one's return. */
        (void)repeat(asks, slot, WIRE_LOST);
    }
}

static void
watch(struct asks *asks, int64_t now_ms)
{
    if (asks->first == NULL || now_ms - asks->watched_ms < WATCH_MS)
        return;
    bool connected = wire_asker_connected(asks->asker);
    asks->watched_ms = now_ms;
    for (struct slot *slot = asks->first, *next; slot != NULL; slot = next) {
        next = slot->next;
        watch_slot(asks, slot, connected, now_ms);
    }
}

/* ---- replies and deadlines */

size_t
asks_items(struct asks *asks, zmq_pollitem_t *items, size_t items_max)
{
    return wire_asker_items(asks->asker, items, items_max);
}

/* What was asked under one Idempotency-Key by its caller, and sent twice by us, may meet itself. */
static bool
meets_itself(const struct slot *slot, const Wire__ReplyHeader *header)
{
    return slot->uncertain && header != NULL && header->problem != NULL &&
           header->problem->code != NULL &&
           strcmp(header->problem->code, "idempotency_key_in_use") == 0;
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
    if (reply->outcome != WIRE_ANSWERED) {
        if (!repeat(asks, slot, reply->outcome))
            finish_without(asks, slot, ending_of(slot, reply->outcome));
        return;
    }
    struct answer answer = {.body = reply->body, .body_bytes = reply->body_bytes};
    answer.header = wire__reply_header__unpack(arena_allocator(asks->scratch), reply->header_bytes,
                                               reply->header);
    if (meets_itself(slot, answer.header)) {
        slot->tag += TAG_STEP;
        hold_back(asks, slot, clock_ms() + FIRST_RUN_MS);
        return;
    }
    answer.outcome = answer.header == NULL ? ASK_GARBLED : ASK_ANSWERED;
    finish(asks, slot, &answer);
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
    while (asks->first != NULL && asks->first->deadline_ms <= now_ms) {
        struct slot *slot = asks->first;
        finish_without(asks, slot, slot->sent ? ASK_EXPIRED : ending_of(slot, WIRE_ELSEWHERE));
    }
    watch(asks, now_ms);
}

int
asks_timeout_ms(const struct asks *asks, int64_t now_ms)
{
    int64_t watch_ms = asks->unsent > 0 ? WATCH_MS : WATCH_IDLE_MS;
    if (asks->first == NULL)
        return LOOP_MS_MAX;
    if (asks->first->deadline_ms - now_ms >= watch_ms)
        return (int)watch_ms;
    return asks->first->deadline_ms <= now_ms ? 0 : (int)(asks->first->deadline_ms - now_ms);
}

bool
asks_connected(const struct asks *asks)
{
    return wire_asker_connected(asks->asker);
}
