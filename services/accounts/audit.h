/* SPDX-License-Identifier: Apache-2.0
 * The audit log (ACC-7): every event of every service in one hash chain, with what changed; heads of the
 * chain are signed and kept outside the database. */
#ifndef ESCARCELLE_AUDIT_H
#define ESCARCELLE_AUDIT_H

#include "call.h"
#include "service.h"

/* Appends events of any stream; for the courier's audit consumer. */
enum rpc_status audit_record(struct call *call, Wire__Event *const *events, size_t count);
/* Keeps the chain's head, signed, in config.audit_dir whenever it has moved. */
bool audit_keep_moved_head(struct call *call);
#define AUDIT_HEAD_PERIOD_MS 2000

/* What of an entry is hashed, in this order: texts as stored, then hashes in hexadecimal. Columns of audit_entry
 * have the same names. */
#define AUDIT_TEXTS(X)                                                                             \
    X(sequence)                                                                                    \
    X(id)                                                                                          \
    X(producer)                                                                                    \
    X(epoch)                                                                                       \
    X(stream_sequence)                                                                             \
    X(type)                                                                                        \
    X(occurred_at)                                                                                 \
    X(recorded_at)                                                                                 \
    X(actor_kind)                                                                                  \
    X(actor_id)                                                                                    \
    X(actor_role)                                                                                  \
    X(subject_id)                                                                                  \
    X(client_id)                                                                                   \
    X(project_id)                                                                                  \
    X(request_id)                                                                                  \
    X(caused_by)                                                                                   \
    X(changes)
#define AUDIT_HASHES(X) X(personal_hash) X(actor_hash) X(event_hash)

/* One entry as it is hashed; NULL where a column is null. */
struct audit_row {
#define AUDIT_MEMBER(name) const char *name;
    AUDIT_TEXTS(AUDIT_MEMBER) AUDIT_HASHES(AUDIT_MEMBER)
#undef AUDIT_MEMBER
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
