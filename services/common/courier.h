/* SPDX-License-Identifier: Apache-2.0
 * The courier's state, shared by the files that are the courier: courier.c (the loop and the wire),
 * event_log.c (numbering), event_apply.c (effects). Nothing else includes it. */
#ifndef ESCARCELLE_COURIER_H
#define ESCARCELLE_COURIER_H

#include "db.h"
#include "event_effects.h"
#include "event_stream.h"
#include "wire.h"

enum {
    COURIER_STREAMS_MAX = 16,
    LEASE_MS = 2000,
    LEASE_RENEW_MS = LEASE_MS / 2, /* also: heartbeat, and the fallback look at the outbox */
    LEASE_RETRY_MS = 250,          /* another courier of this service is active */
    LINGER_MS = 1,                 /* so that commits of the same moment are numbered together */
    GATHER_MS = 25, /* after a batch, or after numbering, for what nobody waits for */
    PUBLISH_BYTES_MAX = 256 << 10, /* events of one publication, about */
    NUMBERING_BYTES_MAX = 4 << 20, /* events numbered in one transaction, about */
    LIST_EVENTS_TIMEOUT_MS = 5000,
    SUSPECT_MS =
        10000, /* how long an event that killed the courier is looked for before others go on */
    ALARM_MS = 10000,
    INSTANCE_PERIOD_MS = 2000
};

struct lease {
    char holder[40];
    bool held;
    int64_t fence, renew_at;
};

struct courier {
    const struct service *service;
    const struct inherited *inherited;
    struct db *db;
    struct arena *arena;      /* of one turn of the loop */
    struct arena *call_arena; /* of one transaction */
    struct wire *wire;
    struct wire_asker *asker;      /* for ListEvents, answered while the loop goes on */
    struct wire_asker *call_asker; /* for references, which a reaction waits for */
    struct wire_publisher *publisher;
    struct wire_subscriber *subscriber;

    struct lease lease;
    struct place head; /* of this service's own stream */
    bool outbox;       /* may have rows */
    int64_t number_at; /* when they are numbered */
    int64_t number_retry_at, numbered_at;
    bool parked;        /* parked_event has rows */
    int64_t release_at; /* when to look for one that may be applied after all */

    struct stream streams[COURIER_STREAMS_MAX];
    size_t streams_count;
    bool cursors_loaded;
    uint64_t last_tag;
    int64_t failure_alarm_at;
    int64_t tell_at; /* how this instance is */

    char handling[64]; /* producer:sequence of the event being handled */
    char suspect[64];  /* the one that was being handled when the courier died before */
    uint32_t suspect_count;
    int64_t suspect_until;
};

/* ---- event_lease.c */

/* Takes, renews or, when another courier is active, waits for the lease; publishes the head as heartbeat.
 * False when the database failed. */
bool lease_keep(struct courier *courier, int64_t now);
/* Lets another courier take over at once. */
void lease_release(struct courier *courier);
/* It is another courier's now, or will be when this one takes part again. */
void lease_lost(struct courier *courier);

/* ---- event_log.c */

/* Tells the head of this service's stream to whoever listens. */
void head_publish(struct courier *courier);
/* epoch, sequence, hash from `column` of the first row on. */
void place_read(struct arena *arena, const PGresult *rows, int column, struct place *place);
/* The outbox has rows, or may have: they are numbered at this moment, unless they were to be sooner. */
void outbox_due(struct courier *courier, int64_t due);
/* Numbers one batch of the outbox and publishes it. False when the database failed. */
bool outbox_number(struct courier *courier);

/* A page of this service's own log behind `after`, with head and epochs. False when the database failed. */
bool log_read(struct db *db, struct arena *arena, const char *producer, int64_t after,
              int64_t limit, Wire__Events *page);

/* ---- event_poison.c */

/* At the start: what the courier before this one was handling when it died. */
void poison_note(struct courier *courier);
/* Before an event that may be parked is touched. */
void poison_handling(struct courier *courier, const Wire__Event *event);
/* It returned, well or not: the process lives. */
void poison_handled(struct courier *courier, const Wire__Event *event);
/* Whether a stream must wait because the event that killed the courier goes first. */
bool poison_holds_back(struct courier *courier, struct stream *stream, int64_t now);
/* Whether an event has killed the courier as often as it may. */
bool poison_is_deadly(const struct courier *courier, const Wire__Event *event);

/* ---- event_erasure.c */

/* Takes what is personal off those of these events (BATCH_MAX at most) whose client was erased here. False
 * when the database failed. */
bool events_forget_erased(struct db *db, struct arena *arena, Wire__Event **events, size_t count);

/* ---- event_apply.c */

/* Makes the rows of stream_cursor that lack and starts every stream at its row. */
bool cursors_load(struct courier *courier);
/* Applies one batch of one stream if something is there and need not wait. Whether anything moved. */
bool stream_apply(struct courier *courier, struct stream *stream, int64_t now);
/* Runs body, which begins and commits, in a fresh call; what goes wrong is rolled back. */
enum rpc_status courier_transact(struct courier *courier, struct call *call,
                                 enum rpc_status (*body)(struct call *call, void *state),
                                 void *state) RPC_CHECKED;
/* After a commit: what it emitted is numbered, the jobs it woke are run. */
void courier_follow_up(struct courier *courier, const struct call *call);
/* An event was applied: says so where it follows from what was lost when a database was restored. */
void courier_note_lost(struct courier *courier, const Wire__Event *event);
/* Whether a refusal is one of the moment. */
bool courier_may_go_better(const struct courier *courier, enum rpc_status status);
/* A refusal in words. */
const char *courier_reason(const struct courier *courier, const struct call *call,
                           enum rpc_status status);

/* ---- event_report.c */

/* When it is time to, tells how this instance is. */
void instance_tell(struct courier *courier, int64_t now);
/* It stops: nobody need miss it. */
void instance_end(struct courier *courier, int64_t now);

/* ---- event_parking.c */

/* The words of parked_event.status. */
enum parked_status { PARKED_FAILED, PARKED_BEHIND };

/* Marks which of these events must be parked behind a parked one. False when the database failed. */
bool parked_mark(struct courier *courier, Wire__Event *const *events, size_t count, bool *parked);
/* Queues the row of an event that is parked. */
void parked_store(struct call *call, const Wire__Event *event, enum parked_status status,
                  const char *reason, int attempts);
/* Applies one parked event that nothing holds any more. Whether there was one. */
bool parked_release(struct courier *courier, int64_t now);

#endif
