/* SPDX-License-Identifier: Apache-2.0
 * Two services may write at the same moment, each without what the other wrote. Whoever reacts can tell: an event
 * names how far its producer had read. */
#include "db.h"
#include "event_stream.h"
#include "events.h"

#include <inttypes.h>
#include <string.h>

/* In the order of the key, so that only what the producer had not read is looked at. */
static const struct db_statement find_crossing = {
    .name = "find_crossing",
    .text =
        "select exists (select from outbox where type = $1 and project = $2::uuid) or exists (select from"
        " (select type, project from event_log where sequence > $3::bigint order by sequence) unread"
        " where type = $1 and project = $2::uuid)",
    .parameters = 3,
};
DB_PROVED(find_crossing);

/* How far an event's producer had come in this service's stream, whatever the epoch: a restore makes the question of
 * what crossed it moot; 0: it had read nothing. */
static int64_t
had_read(const struct service *service, const Wire__Event *event)
{
    const char *text = event->applied == NULL ? "" : event->applied;
    struct applied place;

    while (applied_next(&text, &place))
        if (strcmp(place.producer, service->rpc->name) == 0)
            return place.sequence;
    return 0;
}

enum rpc_status
events_crossed(struct call *call, const ProtobufCMessageDescriptor *type, bool *crossed)
{
    const char *read = arena_printf(call->arena, "%" PRId64, had_read(call->service, call->event));
    PGresult *rows = db_query(call->db, call->arena, &find_crossing,
                              (const char *const[]){type->name, call->event->project, read});

    if (rows == NULL)
        return db_fail(call);
    *crossed = db_value(rows, 0, 0)[0] == 't';
    return RPC_OK;
}
