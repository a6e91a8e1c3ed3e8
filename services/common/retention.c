/* SPDX-License-Identifier: Apache-2.0
 * Forgets what is kept for a time only: kept replies, and personal values of events that say how long. The
 * chain holds their hashes and still verifies. */
#include "retention.h"

#include "db.h"

#include <stdlib.h>

/* In batches, so that no transaction is long. */
static const struct db_statement forget_replies = {
    .name = "forget_replies",
    .text = "delete from idempotency_key where ctid = any(array(select ctid from idempotency_key "
            "where created_at <= now() - interval '72 hours' limit 500))",
};
DB_PROVED(forget_replies);
static const struct db_statement forget_personal = {
    .name = "forget_personal",
    .text = "delete from event_personal where event_id = any(array(select event_id from "
            "event_personal where keep_until <= now() limit 500))",
};
DB_PROVED(forget_personal);
static const struct db_statement forget_actors = {
    .name = "forget_actors",
    .text = "delete from event_actor where event_id = any(array(select event_id from event_actor "
            "where keep_until <= now() limit 500))",
};
DB_PROVED(forget_actors);

static enum rpc_status
forget(struct call *call, void *state)
{
    const struct db_statement *const statements[] = {&forget_replies, &forget_personal,
                                                     &forget_actors};
    long *forgotten = state;

    *forgotten = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        PGresult *result = db_query(call->db, call->arena, statements[i], NULL);

        if (result == NULL)
            return db_fail(call);
        *forgotten += strtol(PQcmdTuples(result), NULL, 10);
    }
    return RPC_OK;
}

static bool
forget_batch(struct call *call)
{
    long forgotten = 0;

    return job_transaction(call, forget, &forgotten) == RPC_OK && forgotten > 0;
}

const struct job retention_jobs[] = {
    {"forget_batch", forget_batch, RETENTION_PERIOD_MS, JOB_TIMED},
    {.name = NULL},
};
