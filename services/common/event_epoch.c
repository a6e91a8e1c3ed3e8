/* SPDX-License-Identifier: Apache-2.0
 * `<service> --restored EPOCH [FILE]`: what a service does once after its database was put back to an earlier
 * moment, before it runs: its stream goes on in a new epoch, and what the service itself must not repeat or
 * let come back to life is held back. One transaction; told in the stream itself. */
#include "events.h"
#include "log.h"
#include "ops.rpc.h"
#include "service.h"
#include "sql.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

SQL(lock_own_stream, Empty, OwnStream,
    "select h.epoch, h.sequence, e.first_sequence from stream_head h "
    "join stream_epoch e using (epoch) for update of h");

/* The lease of a courier that ran before is over. */
SQL(begin_epoch, OwnStream, Empty,
    "with head as (update stream_head set epoch = :epoch, lease_holder = null, "
    "lease_fence = lease_fence + 1, lease_expires_at = '-infinity' returning sequence, hash) "
    "insert into stream_epoch (epoch, first_sequence, previous_hash, layout) "
    "select :epoch, sequence + 1, hash, "
    "(select layout from stream_epoch order by epoch desc limit 1) from head");

/* An epoch that holds nothing yet was begun by a run before: nothing is done twice. One that was lived in comes from
 * an earlier restore. */
static enum rpc_status
restore(struct call *call, void *state)
{
    const struct restored *restored = state;
    const struct service *service = call->service;
    DatabaseRestored event = OPS__DATABASE_RESTORED__INIT;
    OwnStream *stream = NEW(call, OwnStream);

    TRY(sql_one(call, &lock_own_stream, NEW(call, Empty), stream));
    if (stream->epoch == restored->epoch && stream->sequence < stream->first_sequence)
        return RPC_OK;
    if (stream->epoch >= restored->epoch)
        return call_fail(call, RPC_INVALID, NULL,
                         "the stream is in epoch %" PRId64 " already; name a later one",
                         stream->epoch);
    SET(&event, epoch, restored->epoch);
    SET(&event, sequence, stream->sequence);
    SET(stream, epoch, restored->epoch);
    TRY(sql_run(call, &begin_epoch, stream, NULL));
    if (service->restored != NULL)
        TRY(service->restored(call, restored, &event));
    job_enter(call, "begin_epoch");
    return emit_database_restored(call, &event);
}

static bool
read_epoch(const char *text, int64_t *epoch)
{
    char *end;

    errno = 0;
    *epoch = strtoll(text, &end, 10);
    return *text >= '1' && *text <= '9' && *end == '\0' && errno == 0;
}

int
events_restored(struct call *call, int argc, char **argv)
{
    struct restored restored = {.mails = argc == 4 ? argv[3] : NULL};
    const char *name = call->service->rpc->name;

    if (argc < 3 || argc > 4 || !read_epoch(argv[2], &restored.epoch)) {
        fprintf(stderr, "usage: %s --restored EPOCH [MAILS]\n", name);
        return EXIT_USAGE;
    }
    if (job_transaction(call, restore, &restored) != RPC_OK) {
        log_error("%s is not ready to go on after its restore: %s", name, call->problem.detail);
        return 1;
    }
    return 0;
}
