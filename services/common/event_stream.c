/* SPDX-License-Identifier: Apache-2.0
 * One producer's stream as one consumer sees it: what is received is verified against the chain, what is
 * applied waits for what its producer had seen. Pure: see event_stream.h. */
#include "event_stream.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>

void
stream_end(struct stream *stream)
{
    while (stream->first != NULL) {
        struct stream_page *page = stream->first;

        stream->first = page->next;
        arena_free(page->arena);
    }
    stream->last = NULL;
    stream->buffered = stream->pages = 0;
}

void
stream_start(struct stream *stream, const struct place *cursor)
{
    stream_end(stream);
    stream->cursor = stream->tail = *cursor;
    stream->attempts = stream->retries = 0;
    stream->retry_at = stream->singly_until = stream->waiting_since = 0;
    stream->gather_until = 0;
    stream->failing_since = 0;
    stream->stopped = NULL;
    stream->known = false;
    if (stream->head < cursor->sequence)
        stream->head = cursor->sequence;
}

static int64_t
jitter(struct stream *stream)
{
    stream->random = stream->random * 1664525u + 1013904223u;
    return (stream->random >> 16) % STREAM_JITTER_MS;
}

static void
stop(struct stream *stream, const char *why)
{
    if (stream->stopped == NULL)
        stream->stopped = why;
}

/* ---- the chain */

static bool
same_bytes(bool present, const ProtobufCBinaryData *bytes, const uint8_t expected[32])
{
    return present && bytes->len == 32 && memcmp(bytes->data, expected, 32) == 0;
}

static bool
personal_matches(const Wire__Event *event)
{
    uint8_t hash[32];

    if (!event->has_personal)
        return true;
    if (!event->has_personal_salt || event->personal_salt.len != 16)
        return false;
    events_personal_hash(event->personal_salt.data, event->personal.data, event->personal.len,
                         hash);
    return same_bytes(event->has_personal_hash, &event->personal_hash, hash);
}

static bool
applied_well_formed(const char *text)
{
    struct applied place;

    while (applied_next(&text, &place))
        ;
    return *text == '\0';
}

/* Why an event that claims the next place can't be taken, or NULL. */
static const char *
fault(const struct stream *stream, const Wire__Event *event)
{
    uint8_t hash[32];

    if (event->producer == NULL || strcmp(event->producer, stream->producer) != 0)
        return "an event names another producer";
    if (event->epoch < stream->tail.epoch)
        return "an event is of an epoch that was closed";
    if (!same_bytes(event->has_previous_hash, &event->previous_hash, stream->tail.hash))
        return "the next event does not follow the last one: the chain is another one";
    events_hash(event, hash);
    if (!same_bytes(event->has_hash, &event->hash, hash) || !personal_matches(event))
        return "an event does not match its hash";
    if (event->event_id == NULL || event->type == NULL)
        return "an event has no id or no type";
    if (stream->causal && !applied_well_formed(event->applied == NULL ? "" : event->applied))
        return "an event does not say what its producer had applied";
    return NULL;
}

/* ---- receiving */

static void
note_head(struct stream *stream, int64_t sequence, int64_t now)
{
    bool was_behind = stream->head > stream->tail.sequence;

    if (sequence > stream->head)
        stream->head = sequence;
    if (!was_behind && stream->head > stream->tail.sequence && stream->ask_at < now)
        stream->ask_at = now + jitter(stream);
}

/* The epochs that the producer names, and whether this consumer had gone beyond the end of its own. */
static void
note_epochs(struct stream *stream, const Wire__Events *events)
{
    int64_t end;

    stream->epochs_count = 0;
    for (size_t i = 0; i < events->n_epochs && i < STREAM_EPOCHS_MAX; i++) {
        const Wire__Epoch *epoch = events->epochs[i];

        if (epoch->epoch > stream->epoch)
            stream->epoch = epoch->epoch;
        stream->epochs[stream->epochs_count++] =
            (struct epoch_start){epoch->epoch, epoch->first_sequence};
    }
    if (stream_epoch_end(stream, stream->cursor.epoch, &end) && end < stream->cursor.sequence)
        stop(stream, "the producer was restored to a place before what was already applied");
}

/* Whether a head says something else about the place that was reached. */
static bool
contradicts(const struct stream *stream, const Wire__Position *head)
{
    return head->sequence == stream->tail.sequence && head->has_hash &&
           !same_bytes(true, &head->hash, stream->tail.hash);
}

static void
note_answer(struct stream *stream, const Wire__Events *events)
{
    note_epochs(stream, events);
    if (events->head == NULL)
        return;
    if (events->head->sequence < stream->asked_after)
        stop(stream, "the producer's stream ends before what was already applied");
    else if (contradicts(stream, events->head))
        stop(stream, "the producer's last event is not the one that was received: the chain is "
                     "another one");
}

static bool
has_room(const struct stream *stream)
{
    return stream->buffered < STREAM_BUFFER_MAX && stream->pages < STREAM_PAGES_MAX;
}

/* Appends what follows the tail to the page; events before it are skipped. */
static void
take_events(struct stream *stream, struct stream_page *page, const Wire__Events *events)
{
    page->events = arena_array(page->arena, events->n_events + 1, sizeof *page->events);
    for (size_t i = 0; i < events->n_events; i++) {
        Wire__Event *event = events->events[i];
        const char *why;

        if (event->sequence <= stream->tail.sequence)
            continue;
        if (event->sequence > stream->tail.sequence + 1)
            return;
        why = fault(stream, event);
        if (why != NULL) {
            stop(stream, why);
            return;
        }
        page->events[page->count++] = event;
        stream->tail.epoch = event->epoch;
        stream->tail.sequence = event->sequence;
        memcpy(stream->tail.hash, event->hash.data, sizeof stream->tail.hash);
    }
}

static void
append_page(struct stream *stream, struct stream_page *page)
{
    if (stream->last == NULL)
        stream->first = page;
    else
        stream->last->next = page;
    stream->last = page;
    stream->buffered += page->count;
    stream->pages++;
}

/* NULL when it does not decode, or not into the memory of one page. */
static Wire__Events *
decode(struct arena *arena, const uint8_t *bytes, size_t length)
{
    Wire__Events *volatile events = NULL;

    if (setjmp(*arena_overflow(arena)) == 0)
        events = wire__events__unpack(arena_allocator(arena), length, bytes);
    arena_overflow_end(arena);
    return events;
}

static int64_t
last_sequence(const Wire__Events *events)
{
    int64_t last = events->head == NULL ? 0 : events->head->sequence;

    if (events->n_events > 0 && events->events[events->n_events - 1]->sequence > last)
        last = events->events[events->n_events - 1]->sequence;
    return last;
}

/* Whether it decoded. */
static bool
receive(struct stream *stream, const uint8_t *bytes, size_t length, int64_t now, bool answer)
{
    struct arena *arena = arena_new(STREAM_PAGE_BYTES_MAX);
    Wire__Events *events = decode(arena, bytes, length);
    struct stream_page *page;

    if (events == NULL || stream->stopped != NULL) {
        arena_free(arena);
        return events != NULL;
    }
    if (answer)
        note_answer(stream, events);
    page = arena_alloc(arena, sizeof *page);
    page->arena = arena;
    if (stream->stopped == NULL && (answer || has_room(stream)))
        take_events(stream, page, events);
    note_head(stream, last_sequence(events), now);
    if (page->count > 0)
        append_page(stream, page);
    else
        arena_free(arena);
    return true;
}

void
stream_receive(struct stream *stream, const uint8_t *bytes, size_t length, int64_t now)
{
    (void)receive(stream, bytes, length, now,
                  false); /* what does not decode is lost, as on any wire */
}

/* Heads may come late; whether one that does not fit is the truth, only an answer decides. */
void
stream_heard(struct stream *stream, const Wire__Position *head, int64_t now)
{
    bool restored = head->epoch > stream->epoch && stream->epoch > 0;

    if (stream->known &&
        (restored || head->sequence < stream->tail.sequence || contradicts(stream, head))) {
        stream->known = false;
        if (stream->ask_at < now)
            stream->ask_at = now + jitter(stream);
    }
    if (head->epoch > stream->epoch)
        stream->epoch = head->epoch;
    note_head(stream, head->sequence, now);
}

bool
stream_wants(const struct stream *stream, int64_t now)
{
    return !stream->asking && stream->stopped == NULL && now >= stream->ask_at &&
           stream->buffered <= STREAM_PREFETCH_MAX && stream->pages < STREAM_PAGES_MAX &&
           (!stream->known || stream->head > stream->tail.sequence);
}

void
stream_asked(struct stream *stream, uint64_t tag, int64_t deadline)
{
    assert(!stream->asking);
    stream->asking = true;
    stream->ask_tag = tag;
    stream->ask_deadline = deadline;
    stream->asked_after = stream->tail.sequence;
}

void
stream_answered(struct stream *stream, const uint8_t *bytes, size_t length, int64_t now)
{
    int64_t tail = stream->tail.sequence;

    if (!receive(stream, bytes, length, now, true)) {
        stream_unanswered(stream, now);
        return;
    }
    /* An answer that brings nothing although there is more must not be asked for in a circle. */
    if (stream->tail.sequence == tail && stream->head > tail && stream->asked_after == tail) {
        stream_unanswered(stream, now);
        return;
    }
    stream->asking = false;
    stream->known = true;
    stream->unanswered = 0;
    stream->ask_at = now;
}

void
stream_unanswered(struct stream *stream, int64_t now)
{
    int64_t wait = STREAM_RETRY_MS_MIN << (stream->unanswered < 5 ? stream->unanswered : 5);

    stream->asking = false;
    stream->unanswered++;
    stream->ask_at = now + wait + jitter(stream);
}

/* ---- applying */

size_t
stream_peek(const struct stream *stream, Wire__Event **events, size_t max)
{
    size_t count = 0;

    for (const struct stream_page *page = stream->first; page != NULL; page = page->next)
        for (size_t i = page->taken; i < page->count && count < max; i++)
            events[count++] = page->events[i];
    return count;
}

static bool
is_gathering(const struct stream *stream, int64_t now)
{
    return now < stream->gather_until && stream->buffered < BATCH_MAX;
}

int64_t
stream_due(const struct stream *stream, int64_t now)
{
    int64_t due = stream->retry_at;

    if (is_gathering(stream, now) && stream->gather_until > due)
        due = stream->gather_until;
    return stream->buffered > 0 && due > now ? due : INT64_MAX;
}

size_t
stream_batch(struct stream *stream, Wire__Event *const *events, const bool *parked, size_t count,
             const struct stream *streams, size_t streams_count, int64_t now)
{
    size_t max = stream->cursor.sequence < stream->singly_until ? 1 : BATCH_MAX;
    size_t batch = 0;
    bool waits = false;

    if (now < stream->retry_at || is_gathering(stream, now))
        return 0;
    for (; batch < count && batch < max && !waits; batch++) {
        bool behind = parked != NULL && parked[batch];

        if (stream->causal && !behind &&
            stream_must_wait(stream->consumer, events[batch], streams, streams_count,
                             &stream->waits_for)) {
            waits = true;
            break;
        }
    }
    if (batch > 0 || !waits)
        stream->waiting_since = 0;
    else if (stream->waiting_since == 0)
        stream->waiting_since = now;
    return batch;
}

void
stream_advance(struct stream *stream, size_t count, int64_t now)
{
    assert(count <= stream->buffered);
    stream->buffered -= count;
    while (count > 0) {
        struct stream_page *page = stream->first;
        const Wire__Event *event;
        size_t taken;

        assert(page != NULL);
        taken = page->count - page->taken < count ? page->count - page->taken : count;
        event = page->events[page->taken + taken - 1];
        stream->cursor.epoch = event->epoch;
        stream->cursor.sequence = event->sequence;
        memcpy(stream->cursor.hash, event->hash.data, sizeof stream->cursor.hash);
        page->taken += taken;
        count -= taken;
        if (page->taken < page->count)
            break;
        stream->first = page->next;
        stream->last = page->next == NULL ? NULL : stream->last;
        stream->pages--;
        arena_free(page->arena);
    }
    stream->attempts = stream->retries = 0;
    stream->retry_at = stream->waiting_since = stream->failing_since = 0;
    stream->gather_until = now + stream->gather_ms;
}

void
stream_failed(struct stream *stream, size_t count, bool transient, int64_t now)
{
    bool parks = stream->causal;

    if (transient || (!parks && count == 1)) {
        int64_t wait = STREAM_RETRY_MS_MIN << (stream->retries < 6 ? stream->retries : 6);

        if (stream->failing_since == 0)
            stream->failing_since = now;
        stream->retries++;
        stream->retry_at = now + (wait < STREAM_RETRY_MS_MAX ? wait : STREAM_RETRY_MS_MAX);
        return;
    }
    if (count > 1) {
        stream->singly_until = stream->cursor.sequence + (int64_t)count;
        return;
    }
    stream->attempts++;
    stream->retry_at = now + STREAM_RETRY_MS_MIN;
}
