/* SPDX-License-Identifier: Apache-2.0
 * What one consumer knows of one producer's stream: how far it is applied, what has come beyond, what to ask
 * for, what may be applied next. Pure: no socket, no database, no clock (`now` is given in ms). */
#ifndef ESCARCELLE_EVENT_STREAM_H
#define ESCARCELLE_EVENT_STREAM_H

#include "arena.h"
#include "events.h"

enum {
    STREAM_BUFFER_MAX = 2000,   /* events received beyond the cursor */
    STREAM_PAGES_MAX = 64,      /* messages they came in */
    STREAM_PREFETCH_MAX = 1000, /* nothing is asked for while more than this waits to be applied */
    STREAM_PAGE_BYTES_MAX = 32 << 20, /* memory of one decoded message */
    STREAM_RETRY_MS_MIN = 100,
    STREAM_RETRY_MS_MAX = 5000,
    STREAM_JITTER_MS = 40,   /* a lost publication is asked for by many consumers at once */
    STREAM_EPOCHS_MAX = 100, /* the newest; an answer of ListEvents names as many */
    BATCH_MAX = 100,         /* events applied in one transaction */
    APPLY_ATTEMPTS_MAX = 3   /* then the event is parked */
};

/* A place in a stream with the hash of the event there. */
struct place {
    int64_t epoch, sequence;
    uint8_t hash[32];
};

/* A place named by an event's `applied`. */
struct applied {
    char producer[32];
    int64_t epoch, sequence;
};

/* The first sequence of an epoch. */
struct epoch_start {
    int64_t epoch, first;
};

/* Events that came together, verified and in order; in an arena of its own. */
struct stream_page {
    struct stream_page *next;
    struct arena *arena;
    Wire__Event **events;
    size_t count, taken; /* taken: already applied, from the first on */
};

struct stream {
    const char *consumer, *producer;
    bool causal;         /* waits for what its events name; false: audit */
    int64_t gather_ms;   /* after a batch; what comes meanwhile makes the next one. 0: nothing is */
    struct place cursor; /* last applied, as in stream_cursor */
    struct place tail;   /* last received and verified: the cursor or beyond */
    const char *stopped; /* why nothing is taken from it any more, or NULL */
    struct stream_page *first, *last;
    size_t buffered, pages;

    int64_t head;                                 /* furthest sequence heard of */
    int64_t epoch;                                /* newest epoch heard of */
    struct epoch_start epochs[STREAM_EPOCHS_MAX]; /* as the producer's last answer named them */
    size_t epochs_count;
    bool known; /* the producer answered since the start, or since a head did not fit */
    bool asking;
    uint64_t ask_tag;
    int64_t asked_after, ask_deadline, ask_at;
    int unanswered;  /* in a row */
    uint32_t random; /* of the jitter; seeded by the caller */

    int attempts; /* of the event behind the cursor; transient failures don't count */
    int retries;  /* transient failures in a row */
    int64_t retry_at, gather_until;
    int64_t singly_until; /* one event per transaction up to this sequence */
    char reason[256];     /* of the last failed attempt */
    struct applied waits_for;
    int64_t waiting_since; /* 0: does not wait */
    int64_t failing_since; /* transiently, again and again; 0: the last attempt went well */
    struct applied
        lost; /* a place of a lost future that an applied event named; producer empty: none */
    int64_t alarm_at; /* not before: the same alarm again */
};

/* Starts at a place; forgets what was received. */
void stream_start(struct stream *stream, const struct place *cursor);

/* Frees what was received. */
void stream_end(struct stream *stream);

/* ---- receiving */

/* Takes a packed wire.Events that was published. What is there already is skipped, what does not follow
 * is dropped and counts as a gap. A broken chain or a foreign epoch stop the stream. */
void stream_receive(struct stream *stream, const uint8_t *bytes, size_t length, int64_t now);
/* The producer's head, as it told by heartbeat. One that lies behind, or is another event than the one received,
 * makes the stream ask. */
void stream_heard(struct stream *stream, const Wire__Position *head, int64_t now);

/* Whether ListEvents should be asked now. */
bool stream_wants(const struct stream *stream, int64_t now);
/* A question with this tag is under way; by the deadline it is given up. */
void stream_asked(struct stream *stream, uint64_t tag, int64_t deadline);
/* The answer to the question under way. */
void stream_answered(struct stream *stream, const uint8_t *bytes, size_t length, int64_t now);
/* It was refused or came too late: asked again later, later each time. */
void stream_unanswered(struct stream *stream, int64_t now);

/* ---- applying */

/* The next `max` events behind the cursor, in order; returns how many there are. */
size_t stream_peek(const struct stream *stream, Wire__Event **events, size_t max);
/* How many of them may go into one transaction now: cut before the first that must wait; none while more are
 * gathered. One that is parked (parked[i]; NULL: none) does not wait. */
size_t stream_batch(struct stream *stream, Wire__Event *const *events, const bool *parked,
                    size_t count, const struct stream *streams, size_t streams_count, int64_t now);
/* Whether an event names a place that its consumer has not come to. */
bool stream_must_wait(const char *consumer, const Wire__Event *event, const struct stream *streams,
                      size_t streams_count, struct applied *place);
/* They were applied: the cursor has moved over them. */
void stream_advance(struct stream *stream, size_t count, int64_t now);
/* When what is buffered may be applied although nothing arrives; INT64_MAX: nothing waits for a moment. */
int64_t stream_due(const struct stream *stream, int64_t now);
/* A transaction over `count` events failed. Transient: again, later each time. Else one by one, each
 * with its attempts; in the audit log, which parks nothing, for ever. */
void stream_failed(struct stream *stream, size_t count, bool transient, int64_t now);

/* Takes the next place off an event's `applied`; false at its end or where it is malformed (then
 * **text is not NUL). */
bool applied_next(const char **text, struct applied *place);
/* The last place of an epoch that was closed by a newer one, in *end; false while it is open, as far as is known. */
bool stream_epoch_end(const struct stream *stream, int64_t epoch, int64_t *end);
/* Whether an event names a place beyond the end of a closed epoch: its producer had applied what was lost when
 * another one was restored. */
bool stream_names_lost(const char *consumer, const Wire__Event *event, const struct stream *streams,
                       size_t streams_count, struct applied *place);
/* Whether a stream has come to a place, or to the end of its epoch where that was closed before it. */
bool stream_reached(const struct stream *stream, const struct applied *place);

#endif
