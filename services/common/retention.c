/* SPDX-License-Identifier: Apache-2.0
 * Forgets what is kept for a time only: kept replies, and personal values of events that say how long. The
 * chain holds their hashes and still verifies. */
#include "retention.h"

#include "db.h"

/* In batches, so that no transaction is long. */
static const struct db_statement forget_outdated = {
    .name = "forget_outdated",
    .text =
        "with replies as (delete from idempotency_key where ctid = any(array(select ctid from "
        "idempotency_key where created_at <= now() - interval '72 hours' limit 500)) returning 1), "
        "personal as (delete from event_personal where event_id = any(array(select event_id from "
        "event_personal where keep_until <= now() limit 500)) returning 1), "
        "actors as (delete from event_actor where event_id = any(array(select event_id from "
        "event_actor where keep_until <= now() limit 500)) returning 1) "
        "select (select count(*) from replies) + (select count(*) from personal) + "
        "(select count(*) from actors)",
};
DB_PROVED(forget_outdated);

static enum rpc_status
forget(struct call *call, void *state)
{
    int64_t *forgotten = state;
    PGresult *result = db_query(call->db, call->arena, &forget_outdated, NULL);

    if (result == NULL)
        return db_fail(call);
    *forgotten = db_integer(result, 0, 0);
    return RPC_OK;
}

static bool
forget_batch(struct call *call)
{
    int64_t forgotten = 0;

    return job_transaction(call, forget, &forgotten) == RPC_OK && forgotten > 0;
}

const struct job retention_jobs[] = {
    {"forget_batch", forget_batch, RETENTION_PERIOD_MS, JOB_TIMED},
    {.name = NULL},
};
