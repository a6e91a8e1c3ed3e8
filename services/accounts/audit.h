/* SPDX-License-Identifier: Apache-2.0
 * The audit log (ACC-7): every event of every service in one hash chain, with what changed; heads of the
 * chain are signed and kept outside the database. */
#ifndef ESCARCELLE_AUDIT_H
#define ESCARCELLE_AUDIT_H

#include "call.h"
#include "service.h"

/* Appends one event of any stream; for the courier's audit consumer. */
enum rpc_status audit_record(struct call *call, const Wire__Event *event);
/* Keeps the chain's head, signed, in config.audit_dir whenever it has moved. */
extern const struct job audit_jobs[];

/* One entry as it is hashed; texts as stored, NULL when absent. */
struct audit_row {
    const char *sequence, *id, *producer, *epoch, *stream_sequence, *type, *occurred_at,
        *recorded_at;
    const char *actor_kind, *actor_id, *actor_role, *subject_id, *client_id, *project_id,
        *request_id, *caused_by;
    const char *changes, *personal_hash, *actor_hash, *event_hash; /* hashes in hexadecimal */
};

/* The chain's next hash. This layout can never change: SHA-256 of the previous hash (32 zero bytes before the
 * first entry), then "escarcelle.audit.1" and the row's texts in the order above, each as its length (4 bytes,
 * big-endian; FF FF FF FF when absent) and its bytes. Instants are UTC with microseconds. */
void audit_hash(const uint8_t previous[32], const struct audit_row *row, uint8_t out[32]);

/* What an object looks like to the audit log: dotted paths with their JSON values, as one JSON object. */
const char *audit_state(struct arena *arena, const struct message_rules *rules,
                        const ProtobufCMessage *object);
/* The differences of two such states as a JSON array of {field, before, after}; before may be NULL. */
const char *audit_changes(struct arena *arena, const char *before, const char *after);

#endif
