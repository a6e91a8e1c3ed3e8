/* SPDX-License-Identifier: Apache-2.0
 * Keeps the registered workers and what they have in hand. */
#include "workers.h"

#include <assert.h>
#include <string.h>

static bool
peer_equal(const struct peer *one, const struct peer *other)
{
    return one->length == other->length && memcmp(one->bytes, other->bytes, one->length) == 0;
}

struct worker *
workers_find(struct workers *workers, const struct peer *peer)
{
    for (size_t i = 0; i < workers->end; i++)
        if (workers->slots[i].registered && peer_equal(&workers->slots[i].peer, peer))
            return &workers->slots[i];
    return NULL;
}

struct worker *
workers_add(struct workers *workers, const struct peer *peer, int served, uint32_t registration)
{
    assert(served >= 0 && served < SERVED_COUNT && !workers_find(workers, peer));
    size_t free_slot = 0;
    while (free_slot < workers->end && workers->slots[free_slot].registered)
        free_slot++;
    if (free_slot == WORKERS_MAX)
        return NULL;
    if (free_slot == workers->end)
        workers->end++;
    struct worker *worker = &workers->slots[free_slot];
    *worker = (struct worker){
        .registered = true, .peer = *peer, .served = served, .registration = registration};
    return worker;
}

void
workers_remove(struct workers *workers, struct worker *worker)
{
    assert(worker->registered);
    workers_set_credit(workers, worker, 0);
    worker->registered = false;
    while (workers->end > 0 && !workers->slots[workers->end - 1].registered)
        workers->end--;
}

void
workers_set_credit(struct workers *workers, struct worker *worker, uint32_t credit)
{
    size_t *count = &workers->counts[worker->served];
    assert(worker->credit == 0 || *count > 0);
    *count -= worker->credit > 0;
    worker->credit = credit > CREDIT_MAX ? CREDIT_MAX : credit;
    *count += worker->credit > 0;
}

static void
drop_oldest(struct worker *worker)
{
    worker->pending_count--;
    memmove(worker->pending, worker->pending + 1, worker->pending_count * sizeof *worker->pending);
}

void
workers_set_handled(struct worker *worker, uint32_t handled)
{
    uint32_t in_hand = worker->sent - handled;
    /* A peer that claims more than it got says nothing believable. */
    if (in_hand > worker->sent)
        return;
    while (worker->pending_count > in_hand)
        drop_oldest(worker);
}

static bool
comes_before(const struct worker *one, const struct worker *other)
{
    if (one->pending_count != other->pending_count)
        return one->pending_count < other->pending_count;
    return one->used_turn < other->used_turn;
}

struct worker *
workers_choose(struct workers *workers, int served)
{
    struct worker *best = NULL;
    if (workers->counts[served] == 0)
        return NULL;
    for (size_t i = 0; i < workers->end; i++) {
        struct worker *worker = &workers->slots[i];
        if (!worker->registered || worker->served != served ||
            worker->pending_count >= worker->credit)
            continue;
        if (!best || comes_before(worker, best))
            best = worker;
    }
    return best;
}

uint32_t
workers_give(struct workers *workers, struct worker *worker, const struct peer *client,
             uint64_t tag)
{
    assert(worker->registered && worker->pending_count < worker->credit);
    uint32_t serial = ++worker->sent;
    worker->pending[worker->pending_count++] =
        (struct pending){.serial = serial, .client = *client, .tag = tag};
    worker->used_turn = ++workers->turn;
    return serial;
}

bool
workers_finish(struct worker *worker, uint32_t serial, struct pending *pending)
{
    for (size_t i = 0; i < worker->pending_count; i++) {
        if (worker->pending[i].serial != serial)
            continue;
        *pending = worker->pending[i];
        worker->pending_count--;
        memmove(&worker->pending[i], &worker->pending[i + 1],
                (worker->pending_count - i) * sizeof *pending);
        return true;
    }
    return false;
}
