/* SPDX-License-Identifier: Apache-2.0
 * What administrators do about parked events: see them, have them tried again, give them up. Applying them is the
 * courier's work. */
#include "event_effects.h"
#include "log.h"
#include "ops.rpc.h"
#include "sql.h"

#define PARKED_COLUMNS                                                                             \
    "event_id as id, current_schema()::text as service, position, status, producer, epoch, "       \
    "sequence, type, client as client_id, project as project_id, reason, "                         \
    "attempts::bigint as attempts, parked_at"

SQL(list_parked, ListParkedEventsRequest, ListParkedEventsReply,
    "select " PARKED_COLUMNS " from parked_event where true :page(position, oldest_first)");

SQL(lock_parked, StoredParkedEvent, ParkedEvent,
    "select " PARKED_COLUMNS " from parked_event where event_id = :id for update");

SQL(find_first, StoredParkedEvent, ParkedEvent,
    "select q.event_id as id, q.type from parked_event p join parked_event q on " PARKED_BEFORE
    " where p.event_id = :id order by q.position limit 1");

SQL(retry_parked, StoredParkedEvent, ParkedEvent,
    "update parked_event set status = 'retrying' where event_id = :id returning " PARKED_COLUMNS);

SQL(remove_parked, StoredParkedEvent, StoredParkedEvent,
    "delete from parked_event where event_id = :id "
    "returning event_id as id, event, personal_salt, personal");

enum rpc_status
ops_list_parked_events(struct call *call, const ListParkedEventsRequest *request,
                       ListParkedEventsReply *reply)
{
    const char *self = call->service->rpc->name;

    if (request->page_token != NULL && request->service == NULL) {
        call_violation(call, "page_token", "invalid_page_token",
                       "goes with the service whose page it continues");
        return call_violations(call);
    }
    TRY(sql_page(call, &list_parked, request, reply));
    if (request->service != NULL || reply->next_page_token == NULL)
        return RPC_OK;
    reply->next_page_token = NULL;
    reply->more_in = arena_memdup(call->arena, &self, sizeof self);
    reply->n_more_in = 1;
    return RPC_OK;
}

/* The row of a parked event that is the first of its project or client, locked. */
static enum rpc_status
lock_first(struct call *call, const char *id, ParkedEvent *parked)
{
    StoredParkedEvent *named = NEW(call, StoredParkedEvent);
    ParkedEvent *first = NEW(call, ParkedEvent);
    bool found;

    named->id = (char *)id;
    TRY(sql_one(call, &lock_parked, named, parked));
    TRY(sql_maybe(call, &find_first, named, first, &found));
    if (!found)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "not_first_in_queue", NULL,
                          "%s %s stands before it in the queue; retry or skip that one first",
                          first->type, first->id);
}

enum rpc_status
ops_retry_parked_event(struct call *call, const ParkedEventRequest *request, ParkedEvent *reply)
{
    ParkedEventRetried event = OPS__PARKED_EVENT_RETRIED__INIT;
    StoredParkedEvent *named = NEW(call, StoredParkedEvent);

    TRY(lock_first(call, request->id, reply));
    if (reply->status == PARKED_STATUS_RETRYING) {
        emit_none(call, "it is being tried again already");
        return RPC_OK;
    }
    named->id = request->id;
    TRY(sql_one(call, &retry_parked, named, reply));
    event.event_id = reply->id;
    event.type = reply->type;
    event.producer = reply->producer;
    SET(&event, sequence, reply->sequence);
    event.client_id = reply->client_id;
    event.project_id = reply->project_id;
    return emit_parked_event_retried(call, &event);
}

/* What the service does instead is its own reaction, not the administrator's. */
static enum rpc_status
react_to_skip(struct call *call, const StoredParkedEvent *stored)
{
    Wire__Event *event =
        event_unpark(call->arena, &stored->event, &stored->personal_salt, &stored->personal);
    struct call reaction;
    enum rpc_status status;

    if (event == NULL)
        return call_fail(call, RPC_INTERNAL, NULL, "the parked event does not decode");
    call_start(&reaction, call->arena, call->db, call->asker, call->service);
    status = effect_skip(&reaction, event);
    log_request(call->header->request_id);
    return call_adopt(call, &reaction, status);
}

enum rpc_status
ops_skip_parked_event(struct call *call, const SkipParkedEventRequest *request, ParkedEvent *reply)
{
    ParkedEventSkipped event = OPS__PARKED_EVENT_SKIPPED__INIT;
    StoredParkedEvent *stored = NEW(call, StoredParkedEvent);

    TRY(lock_first(call, request->id, reply));
    stored->id = request->id;
    TRY(sql_one(call, &remove_parked, stored, stored));
    TRY(react_to_skip(call, stored));
    event.event_id = reply->id;
    event.type = reply->type;
    event.producer = reply->producer;
    SET(&event, sequence, reply->sequence);
    event.client_id = reply->client_id;
    event.project_id = reply->project_id;
    event.reason = request->reason;
    return emit_parked_event_skipped(call, &event);
}
