/* SPDX-License-Identifier: Apache-2.0
 * Forgets the personal values of audit entries that say how long they are kept, and access tokens, tickets
 * and password links that have ended. In batches, so that no transaction is long. */
#include "expiry.h"

#include "accounts.rpc.h"
#include "service.h"
#include "sql.h"

SQL(forget_audit_values, Empty, Empty,
    "delete from audit_personal where sequence = any(array(select sequence from audit_personal "
    "where keep_until <= now() limit 500))");

SQL(forget_audit_actors, Empty, Empty,
    "delete from audit_actor where sequence = any(array(select sequence from audit_actor "
    "where keep_until <= now() limit 500))");

SQL(forget_object_values, Empty, Empty,
    "update audit_object set personal = '{}', keep_until = null where (subject_id, kind) in "
    "(select subject_id, kind from audit_object where keep_until <= now() limit 500)");

SQL(forget_tokens, Empty, Empty,
    "delete from access_token where id = any(array(select id from access_token "
    "where expires_at <= now() limit 500))");

SQL(forget_tickets, Empty, Empty,
    "delete from ticket where ticket_hash = any(array(select ticket_hash from ticket "
    "where expires_at <= now() limit 500))");

/* A month later: until then who follows an old link is told that it has ended. */
SQL(forget_links, Empty, Empty,
    "delete from password_link where id = any(array(select id from password_link "
    "where expires_at <= now() - interval '30 days' limit 500))");

static enum rpc_status
forget(struct call *call, void *state)
{
    struct sql_statement *const statements[] = {&forget_audit_values,  &forget_audit_actors,
                                                &forget_object_values, &forget_tokens,
                                                &forget_tickets,       &forget_links};
    long *forgotten = state;

    *forgotten = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        long deleted;

        TRY(sql_run(call, statements[i], NEW(call, Empty), &deleted));
        *forgotten += deleted;
    }
    return RPC_OK;
}

bool
expiry_forget(struct call *call)
{
    long forgotten = 0;

    return job_transaction(call, forget, &forgotten) == RPC_OK && forgotten > 0;
}
