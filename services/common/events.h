/* SPDX-License-Identifier: Apache-2.0
 * Events: split and stored with the change, numbered and chained by one courier, applied by others once,
 * in causal order. Life of an event: services/ARCHITECTURE.md. */
#ifndef ESCARCELLE_EVENTS_H
#define ESCARCELLE_EVENTS_H

#include "call.h"
#include "parent.h"
#include "service.h"

enum {
    EVENTS_PAGE_MAX = 1000,          /* events in one answer of ListEvents */
    EVENTS_PAGE_BYTES_MAX = 1 << 20, /* their bytes, about; one event may exceed it alone */
    EVENTS_NESTING_MAX = 16          /* messages in messages; the generator refuses circles */
};

/* The consumer of a service's own subscriptions, and the one that writes the audit log. */
#define EVENTS_MAIN "main"
#define EVENTS_AUDIT "audit"

/* What an administrator does about a stream that is stopped, as printf writes it with the consumer's name. */
#define STREAM_REMEDY                                                                               \
    "Other streams go on. If a database was restored, restore the schemas of both services to the " \
    "same moment; if not, the producer's log was changed: restore it. Then start %s again"

/* The same about an event that follows from lost ones. */
#define STREAM_LOST_REMEDY                                                                         \
    "compare what both services hold, or restore all schemas to the same moment"

/* An event queued by call_emit, in the call's arena. */
struct emitted {
    struct emitted *next;
    const struct event_type *type;
    const char *event_id, *subject, *client, *project; /* NULL when absent */
    const uint8_t *payload;                            /* without its personal fields */
    size_t payload_bytes;
    const uint8_t *personal; /* its personal fields, NULL when there are none */
    size_t personal_bytes;
    const uint8_t *actor_personal; /* a packed wire.ActorPersonal, NULL when nobody is behind it */
    size_t actor_personal_bytes;
    uint8_t personal_salt[16], actor_salt[16];
    const char *actor; /* a packed wire.Actor, as a parameter */
    bool caused;       /* by another event, which this call handles */
};

/* By its name, "accounts.ClientCreated"; NULL when there is none. */
const struct event_type *events_find(const char *name);
/* What call_emit queues: an id of its own, the message parted and packed, who did it. */
struct emitted *events_emitted(struct call *call, const struct event_type *type,
                               const ProtobufCMessage *event);
/* Parts a message by its rules: what is personal goes into *personal (NULL when nothing is set there),
 * the rest into *rest; shallow copies in the arena. Concatenating both packed gives the whole again: a
 * list with something personal in its items therefore moves whole. */
void events_split(struct arena *arena, const struct message_rules *rules,
                  const ProtobufCMessage *whole, ProtobufCMessage **rest,
                  ProtobufCMessage **personal);
/* The whole message of a stored event: payload merged with what is left of its personal part; NULL when
 * it does not decode. */
ProtobufCMessage *events_unpack(struct arena *arena, const struct event_type *type,
                                const Wire__Event *event);
/* Salted hash of a personal part: SHA-256(salt ‖ bytes). */
void events_personal_hash(const uint8_t salt[16], const uint8_t *bytes, size_t length,
                          uint8_t out[32]);
/* Hash of an event over its stored bytes and the one before. This layout can never change:
 *   SHA-256 of the following fields, each as its length (4 bytes, big-endian; FF FF FF FF and no bytes
 *   when absent) and its bytes:
 *   "escarcelle.event.1", previous_hash (32), producer, epoch (8, big-endian), sequence (8, big-endian),
 *   event_id, type, subject, client, project, occurred_at, actor, applied, payload, personal_hash (32),
 *   actor_hash (32).
 * Ids are lower-case with hyphens; occurred_at is UTC with microseconds, 2026-11-22T18:19:00.123456Z;
 * actor and payload are protobuf bytes as stored; applied is never absent but may be empty: places
 * "producer:epoch:sequence" joined by commas, each producer once, in the order of their bytes. The first
 * event of a stream has 32 zero bytes as previous_hash. */
void events_hash(const Wire__Event *event, uint8_t out[32]);
/* For how many months the personal values of a type's events are kept; NULL: as long as the client's. */
const char *events_personal_months(struct arena *arena, const struct event_type *type);
/* Queues the outbox rows of the call's events; called by the dispatcher right before commit. */
void events_store(struct call *call);
/* Queues, inside the caller's transaction, the deletion of what this service's event tables and kept
 * replies hold of a client's personal data. The courier does it for every event that (erases); accounts
 * calls it where it archives. */
void events_erase_client(struct call *call, const char *client_id);

/* For a reaction: whether this service told an event of `type` about the same project, which the producer of the event
 * being handled had not read when it told that one. */
enum rpc_status events_crossed(struct call *call, const ProtobufCMessageDescriptor *type,
                               bool *crossed) RPC_CHECKED;

/* The courier's loop; returns on SIGTERM. It is woken by inherited->wake_courier_read when there is
 * something in the outbox. */
int events_courier(const struct service *service, const struct inherited *inherited);
/* `<service> --rebuild`: refills every projection from the producers' logs. Returns the exit code. */
int events_rebuild(const struct service *service);

/* `<service> --restored EPOCH [MAILS]`: begins a new epoch after the database was restored, and what else the
 * service must do before it runs. Returns the exit code. */
int events_restored(struct call *call, int argc, char **argv);

/* Adds unknown references to the violations that were found already, so that all are told at once; returns
 * RPC_INVALID. What can't be found out now is not told. */
enum rpc_status references_judge(struct call *call, const struct message_rules *rules,
                                 const ProtobufCMessage *message) RPC_CHECKED;
/* Rows that were seen are looked up anew: a rebuild may have taken one away that its owner was asked for. */
void references_forget(void);
/* Asks for the objects that `message` refers to and this service's projections lack; used by the
 * dispatcher before the transaction and by the courier before a reaction. */
enum rpc_status references_resolve(struct call *call, const struct message_rules *rules,
                                   const ProtobufCMessage *message) RPC_CHECKED;

#endif
