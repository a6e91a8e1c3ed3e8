/* SPDX-License-Identifier: Apache-2.0
 * Funding calls as operators handle them: written, changed, sent, taken back (FUN-1, FUN-3). */
#include "funding_calls.h"

#include "sql.h"

#include <inttypes.h>

/* The share lock makes this wait for a project that begins to close, and see it (BUD-17). */
SQL(insert_funding_call, CreateFundingCallRequest, FundingCall,
    "insert into funding_call (id, project_id, client_id, reason, status, requested_cents, call_date, "
    "comment) "
    "select :call.new_id, p.id, p.client_id, 'manual', 'draft', :requested_cents, "
    "coalesce(:call_date, :call.today::date), :comment "
    "from project p where p.id = :project_id and p.status = 'open' for share of p "
    "returning " FUNDING_CALL_COLUMNS);

SQL(list_project_funding_calls, ListProjectFundingCallsRequest, ListFundingCallsReply,
    "select " FUNDING_CALL_COLUMNS " from funding_call where project_id = :project_id "
    ":filter(status) :page");

SQL(list_funding_calls, ListFundingCallsRequest, ListFundingCallsReply,
    "select " FUNDING_CALL_COLUMNS " from funding_call where true :filter(project_id, status) :page");

SQL(get_funding_call, GetFundingCallRequest, FundingCall,
    "select " FUNDING_CALL_COLUMNS " from funding_call where id = :id");

SQL(update_funding_call, UpdateFundingCallRequest, FundingCall,
    "update funding_call set :patch(requested_cents, call_date, comment), updated_at = now(), "
    "version = version + 1 where id = :id and :guard(status) "
    "returning " FUNDING_CALL_COLUMNS);

SQL(send_funding_call, GetFundingCallRequest, FundingCall,
    "update funding_call set status = :call.to, sent_at = now(), expires_at = " FUNDING_CALL_EXPIRY ", "
    "updated_at = now(), version = version + 1 where id = :id and :guard(status) "
    "returning " FUNDING_CALL_COLUMNS);

SQL(remind_funding_call, GetFundingCallRequest, FundingCall,
    "update funding_call set reminded_at = now(), reminders = reminders + 1, updated_at = now(), "
    "version = version + 1 where id = :id and :guard(status) "
    "returning " FUNDING_CALL_COLUMNS);

SQL(cancel_funding_call, GetFundingCallRequest, FundingCall,
    "update funding_call set status = :call.to, updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " FUNDING_CALL_COLUMNS);

SQL(cancel_project_calls, Id, FundingCall,
    "update funding_call set status = :call.to, updated_at = now(), version = version + 1 "
    "where project_id = :id and status = any(:call.from) returning " FUNDING_CALL_COLUMNS);

SQL(get_project_use, Id, Obligations,
    "select array(select 'the project has a funding call that is ' || status from funding_call "
    "where project_id = :id order by id limit 1) as reasons");

SQL(count_undecided, Id, UndecidedCalls,
    "select count(*) as count from funding_call "
    "where client_id = :id and status in ('draft', 'sent')");

enum rpc_status
funding_create_funding_call(struct call *call, const CreateFundingCallRequest *request,
                            FundingCall *reply)
{
    bool open;

    TRY(sql_maybe(call, &insert_funding_call, request, reply, &open));
    if (!open)
        return call_fail_code(call, RPC_CONFLICT, "wrong_state", NULL,
                              "the project is being closed and takes no more funding calls");
    return emit_funding_call_created(call, reply);
}

enum rpc_status
funding_list_project_funding_calls(struct call *call, const ListProjectFundingCallsRequest *request,
                                   ListFundingCallsReply *reply)
{
    return sql_page(call, &list_project_funding_calls, request, reply);
}

enum rpc_status
funding_list_funding_calls(struct call *call, const ListFundingCallsRequest *request,
                           ListFundingCallsReply *reply)
{
    return sql_page(call, &list_funding_calls, request, reply);
}

enum rpc_status
funding_get_funding_call(struct call *call, const GetFundingCallRequest *request,
                         FundingCall *reply)
{
    return sql_one(call, &get_funding_call, request, reply);
}

enum rpc_status
funding_update_funding_call(struct call *call, const UpdateFundingCallRequest *request,
                            FundingCall *reply)
{
    TRY(sql_one(call, &update_funding_call, request, reply));
    return emit_funding_call_updated(call, reply);
}

enum rpc_status
funding_send_funding_call(struct call *call, const GetFundingCallRequest *request,
                          FundingCall *reply)
{
    TRY(sql_one(call, &send_funding_call, request, reply));
    return emit_funding_call_sent(call, reply);
}

enum rpc_status
funding_cancel_funding_call(struct call *call, const GetFundingCallRequest *request,
                            FundingCall *reply)
{
    TRY(sql_one(call, &cancel_funding_call, request, reply));
    return emit_funding_call_cancelled(call, reply);
}

enum rpc_status
funding_remind_funding_call(struct call *call, const GetFundingCallRequest *request,
                            FundingCall *reply)
{
    TRY(sql_one(call, &remind_funding_call, request, reply));
    return emit_funding_call_reminded(call, reply);
}

/* A project that closes or was deleted asks for nothing any more (BUD-17, BUD-18). */
static enum rpc_status
cancel_undecided(struct call *call, const char *project_id)
{
    Id project = COMMON__ID__INIT;
    FundingCall **cancelled;
    size_t count;

    project.id = (char *)project_id;
    TRY(sql_rows(call, &cancel_project_calls, &project, &cancelled, &count));
    if (count == 0)
        emit_none(call, "no call of the project was open");
    for (size_t i = 0; i < count; i++)
        TRY(emit_funding_call_cancelled(call, cancelled[i]));
    return RPC_OK;
}

enum rpc_status
funding_on_project_closing(struct call *call, const Budgeting__ProjectClosing *event)
{
    return cancel_undecided(call, event->project->id);
}

enum rpc_status
funding_on_project_deleted(struct call *call, const Budgeting__ProjectDeleted *event)
{
    return cancel_undecided(call, event->project->id);
}

enum rpc_status
funding_get_project_use(struct call *call, const Id *request, Obligations *reply)
{
    return sql_one(call, &get_project_use, request, reply);
}

enum rpc_status
funding_get_client_obligations(struct call *call, const Id *request, Obligations *reply)
{
    UndecidedCalls *undecided = NEW(call, UndecidedCalls);

    TRY(sql_one(call, &count_undecided, request, undecided));
    if (undecided->count == 0)
        return RPC_OK;
    reply->reasons = arena_array(call->arena, 1, sizeof *reply->reasons);
    reply->reasons[reply->n_reasons++] =
        arena_printf(call->arena, "%" PRId64 " funding call%s undecided", undecided->count,
                     undecided->count == 1 ? " is" : "s are");
    return RPC_OK;
}
