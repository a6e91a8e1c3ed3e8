/* SPDX-License-Identifier: Apache-2.0
 * Entries of the audit log while they are made: audit.c fills them in, audit_drafts.c stores them. */
#ifndef ESCARCELLE_AUDIT_DRAFTS_H
#define ESCARCELLE_AUDIT_DRAFTS_H

#include "audit.h"

/* All that one entry is made of. */
struct audit_draft {
    const Wire__Event *event;
    const struct event_type *type;
    Wire__Actor *actor;
    Wire__ActorPersonal *person;          /* NULL when nobody is behind it */
    const char *kind;                     /* of the object, "" when the event is no state of one */
    const char *state, *personal_state;   /* of the object */
    const char *before, *personal_before; /* of the object, at its last event; NULL: the first */
    const char *said, *personal_said;     /* what else the event says */
    const char *personal_payload, *actor_payload; /* NULL when there is nothing */
    uint8_t personal_salt[16], actor_salt[16];
    struct audit_row row;
    const char *previous, *hash; /* of the chain, as bound */
};

/* Whether both tell of the same object. */
bool audit_same_object(const struct audit_draft *entry, const struct audit_draft *other);

/* Queues what these entries, in order, make of the tables; what the last of them erases goes after it. */
void audit_store(struct call *call, const struct audit_draft *entries, size_t count);

#endif
