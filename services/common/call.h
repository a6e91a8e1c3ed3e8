/* SPDX-License-Identifier: Apache-2.0
 * One call: a request, an event or a job being handled, in one transaction, with its memory. */
#ifndef ESCARCELLE_CALL_H
#define ESCARCELLE_CALL_H

#include "arena.h"
#include "rpc.h"
#include "wire.pb-c.h"

/* For the answer of another service; a restart of it is over by then. */
#define CALL_ASK_TIMEOUT_MS 5000

struct db;
struct emitted;
struct projected;
struct wire_asker;
struct service;

struct call {
    struct arena *arena;
    struct db *db;
    struct wire_asker *asker; /* for questions to other services */
    const struct service *service;
    const struct rpc_method *method;   /* NULL in reactions and jobs */
    const Wire__RequestHeader *header; /* never NULL; the service's own in reactions and jobs */
    const Wire__Event *event;          /* the event being handled, NULL in requests and jobs */
    const struct rpc_moves *moves;     /* of the method, the subscription or the job, or NULL */
    const struct rpc_moves *move;      /* the one that state_move chose, or NULL */
    const char *const *emits;          /* what the contract lets it emit, NULL-ended; or NULL */
    ProtobufCMessage **answers;        /* of method->asks, in their order */
    const char *new_id;                /* a fresh UUIDv7 */
    const char *today;                 /* YYYY-MM-DD in Paris */
    enum rpc_status status;            /* of call_fail */
    Wire__Problem problem;
    Wire__ReplyHeader reply_header;
    struct emitted *emitted, **emitted_end; /* queued events, written with the commit */
    struct emitted *refusal;                /* stored by itself when the call is refused */
    struct projected *projected;            /* rows of projections that are not queued yet */
    bool emitted_none;                      /* emit_none was called */
    bool wake_jobs;                         /* call_wake_jobs was called */
    bool matched;                           /* If-Match was compared */
};

/* A fresh call with the service's own header; the dispatcher puts the request's in its place. */
void call_start(struct call *call, struct arena *arena, struct db *db, struct wire_asker *asker,
                const struct service *service);
/* A request's header in which the service speaks as itself: for users only the gateway does. */
Wire__RequestHeader *call_own_header(struct arena *arena, const struct service *service);
/* Forgets outcome and events of an attempt, to try again. */
void call_restart(struct call *call);
/* Asks another service's method and waits, outside any transaction; its refusal becomes the call's.
 * */
enum rpc_status call_ask(struct call *call, const char *method, const ProtobufCMessage *request,
                         const struct message_rules *reply_rules,
                         ProtobufCMessage **reply) RPC_CHECKED;

/* Refuses the call. `field` is the dotted name of the culprit in the request or NULL; `sentence`
 * follows it in the problem's detail and tells the person what to do next. Returns status. */
enum rpc_status call_fail(struct call *call, enum rpc_status status, const char *field,
                          const char *sentence, ...) __attribute__((format(printf, 4, 5)));
/* The same with a stable code of its own ("not_ready") instead of the status's. */
enum rpc_status call_fail_code(struct call *call, enum rpc_status status, const char *code,
                               const char *field, const char *sentence, ...)
    __attribute__((format(printf, 5, 6)));
/* Adds a violation; the call fails with 422 and all of them when call_violations() is returned. What was first
 * said of a field stands: what follows from it helps nobody. */
void call_violation(struct call *call, const char *field, const char *code, const char *sentence,
                    ...) __attribute__((format(printf, 4, 5)));
/* Whether one was added for this JSON pointer. */
bool call_violates(const struct call *call, const char *pointer);
/* A violation when an amount that may be positive or negative is given as nothing. */
void call_refuse_zero(struct call *call, const char *field, bool given, int64_t amount_cents);
/* A violation when the day of a money movement, NULL for today, has not come in Paris. */
void call_refuse_future(struct call *call, const char *field, const char *date);
/* RPC_INVALID if any violation was added, else RPC_OK. */
enum rpc_status call_violations(struct call *call) RPC_CHECKED;

/* Compares If-Match, where it was given, with the version of the object that the call is about: 412 when it is
 * another. Statements with :guard do it by themselves; this is for what is read under a lock. */
enum rpc_status call_match(struct call *call, int64_t version) RPC_CHECKED;

/* Whether a PATCH gave this field (dotted), null included. */
bool call_present(const struct call *call, const char *field);
/* A committed write that changes nothing worth telling: why. */
void emit_none(struct call *call, const char *why);
/* After the commit the jobs process looks at its rows at once. */
void call_wake_jobs(struct call *call);

/* Queues an event; the generated emit_… functions call it with a typed message. */
enum rpc_status call_emit(struct call *call, const struct event_type *type,
                          const ProtobufCMessage *event);

/* What an inner call, started in this one's transaction, emitted and woke becomes this one's; so does its refusal.
 * Returns `status`, the inner call's. */
enum rpc_status call_adopt(struct call *call, const struct call *inner, enum rpc_status status);

/* An event that is stored in a transaction of its own if the call is refused, and dropped if not.
 * */
void call_emit_refusal(struct call *call, const struct event_type *type,
                       const ProtobufCMessage *event);

/* From now on this program is the caller, whoever the header names. */
void call_blame(struct call *call, const char *program);

/* A message's field by dotted path, rendered as text (enums as their lower-case word); NULL if
 * absent. */
const char *message_text(struct arena *arena, const ProtobufCMessage *message, const char *path);
/* An empty message in the arena. */
ProtobufCMessage *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
/* A message's bytes in the arena; never NULL, even when there are none. */
uint8_t *message_pack(struct arena *arena, const ProtobufCMessage *message, size_t *length);
#define NEW(call, type) ((type *)message_new((call)->arena, &type##_descriptor))
/* Sets an optional scalar of a generated type together with its has_ flag. */
#define SET(message, field, value) ((message)->has_##field = 1, (message)->field = (value))

#endif
