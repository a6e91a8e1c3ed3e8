/* SPDX-License-Identifier: Apache-2.0
 * One courier per service is active, whichever host it runs on: it holds the stream's lease. The same statement
 * that renews it is the heartbeat and the fallback look at the tables, so that an idle service costs one
 * round trip a second. */
#include "courier.h"

#include "log.h"
#include "uuid.h"

#include <inttypes.h>
#include <string.h>

/* The holder is one per parent process, and a parent has one courier at a time: its successor need not
 * wait for the lease to run out. The fence counts every taking over. */
static const struct db_statement take_lease = {
    .name = "take_lease",
    .text =
        "update stream_head set lease_holder = $1, lease_fence = lease_fence + 1,"
        " lease_expires_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)"
        " where lease_holder = $1 or lease_expires_at < clock_timestamp()"
        " returning lease_fence, epoch, sequence, hash, true, exists (select from parked_event)",
    .parameters = 2,
};
DB_PROVED(take_lease);
static const struct db_statement renew_lease = {
    .name = "renew_lease",
    .text = "update stream_head"
            " set lease_expires_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)"
            " where lease_holder = $1 and lease_fence = $3::bigint"
            " returning lease_fence, epoch, sequence, hash, exists (select from outbox),"
            " exists (select from parked_event)",
    .parameters = 3,
};
DB_PROVED(renew_lease);
static const struct db_statement release_lease = {
    .name = "release_lease",
    .text = "update stream_head set lease_expires_at = '-infinity'"
            " where lease_holder = $1 and lease_fence = $2::bigint",
    .parameters = 2,
};
DB_PROVED(release_lease);

static const char *
number(struct courier *courier, int64_t value)
{
    return arena_printf(courier->arena, "%" PRId64, value);
}

static void
name_holder(struct courier *courier)
{
    char *shared = courier->inherited->counters->courier_id;

    if (shared[0] == '\0')
        uuid_new(shared);
    memcpy(courier->lease.holder, shared, sizeof courier->lease.holder);
}

void
lease_lost(struct courier *courier)
{
    if (courier->lease.held)
        log_warning("another courier is active: this one waits");
    courier->lease.held = false;
    courier->cursors_loaded = false;
}

/* All couriers of a host renew at the same moment: their heartbeats come together and wake each other once. */
bool
lease_keep(struct courier *courier, int64_t now)
{
    struct lease *lease = &courier->lease;
    PGresult *row;

    if (now < lease->renew_at)
        return true;
    if (lease->holder[0] == '\0')
        name_holder(courier);
    db_begin(courier->db, false);
    row = db_query(courier->db, courier->arena, lease->held ? &renew_lease : &take_lease,
                   (const char *const[]){lease->holder, number(courier, LEASE_MS),
                                         number(courier, lease->fence)});
    if (row == NULL || !db_commit(courier->db))
        return false;
    if (PQntuples(row) == 0) {
        lease_lost(courier);
        lease->renew_at = now + LEASE_RETRY_MS;
        return true;
    }
    lease->held = true;
    lease->fence = db_integer(row, 0, 0);
    lease->renew_at = (now / LEASE_RENEW_MS + 1) * LEASE_RENEW_MS;
    place_read(courier->arena, row, 1, &courier->head);
    if (*PQgetvalue(row, 0, 4) == 't')
        outbox_due(courier, now);
    courier->parked = *PQgetvalue(row, 0, 5) == 't';
    head_publish(courier);
    return true;
}

void
lease_release(struct courier *courier)
{
    if (!courier->lease.held)
        return;
    db_begin(courier->db, false);
    db_queue(courier->db, &release_lease,
             (const char *const[]){courier->lease.holder, number(courier, courier->lease.fence)});
    courier->lease.held = false;
    if (!db_commit(courier->db))
        log_warning("the lease was not given back and runs out by itself: %s",
                    db_error(courier->db)->message);
}
