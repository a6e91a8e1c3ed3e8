/* SPDX-License-Identifier: Apache-2.0
 * Sessions: planned, changed, completed, cancelled, reopened, deleted (SES-1, SES-3 to SES-5). */
#include "sessions.h"

#include "sql.h"
#include "states.h"
#include "totals.h"

#include <string.h>

enum { TRAININGS_NAMED_MAX = 5 };

/* The client is the project's, as its copy says; the reference was resolved before. */
SQL(insert_session, CreateSessionRequest, Session,
    "insert into session (id, project_id, client_id, title, start_date, end_date) "
    "select :call.new_id, p.id, p.client_id, :title, :start_date, :end_date from project p "
    "where p.id = :project_id returning " SESSION_COLUMNS);

SQL(get_session, GetSessionRequest, Session,
    "select " SESSION_COLUMNS " from session where id = :id");

SQL(list_project_sessions, ListProjectSessionsRequest, ListSessionsReply,
    "select " SESSION_COLUMNS " from session where project_id = :project_id "
    ":filter(status) :between(start_date, from, to) :page");

SQL(list_sessions, ListSessionsRequest, ListSessionsReply,
    "select " SESSION_COLUMNS " from session where true "
    ":filter(project_id, status) :between(start_date, from, to) :page");

SQL(list_planned, Id, Session,
    "select " SESSION_COLUMNS " from session where project_id = :id and status = 'planned' "
    "order by start_date, id limit 20");

/* A deleted session is no use; one that was cancelled is (BUD-18). */
SQL(get_project_use, Id, Obligations,
    "select array(select 'the project has a session that is ' || status from session "
    "where project_id = :id order by id limit 1) as reasons");

SQL(get_completed_work, Id, CompletedWork,
    "select count(*) as session_count, coalesce(sum(version), 0)::bigint as version_sum "
    "from session where project_id = :id and status = 'completed'");

SQL(lock_session, Id, Session,
    "select s.id, s.project_id, s.client_id, s.title, s.start_date, s.end_date, s.status, s.currency, "
    "s.total_cost_cents, s.total_vat_cents, s.training_count, s.created_at, s.updated_at, s.version, "
    "s.revision from session s join project_seal p on p.project_id = s.project_id "
    "where s.id = :id for update of s for share of p");

SQL(update_session, UpdateSessionRequest, Session,
    "update session set :patch(title, start_date, end_date), updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " SESSION_COLUMNS);

SQL(move_session, GetSessionRequest, Session,
    "update session set status = :call.to, updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " SESSION_COLUMNS);

/* The last state of a session that is about to go. */
SQL(end_session, GetSessionRequest, Session,
    "update session set updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " SESSION_COLUMNS);

SQL(delete_session, GetSessionRequest, Empty, "delete from session where id = :id");

SQL(list_left_out, Session, Training,
    "select id, title, date from training where session_id = :id "
    "and (date < :start_date or date > :end_date) order by date, id limit 6");

SQL(add_up_rates, Id, RateTotal,
    "select vat_rate_bp, sum(cost_cents)::bigint as cost_cents, count(*) as training_count "
    "from training where session_id = :id group by vat_rate_bp order by vat_rate_bp");

SQL(store_totals, Session, Session,
    "update session set total_cost_cents = :total_cost_cents, total_vat_cents = :total_vat_cents, "
    "training_count = :training_count, revision = revision + 1 where id = :id "
    "returning " SESSION_COLUMNS);

enum rpc_status
session_lock_maybe(struct call *call, const char *id, Session *session, bool *found)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    return sql_maybe(call, &lock_session, &key, session, found);
}

enum rpc_status
session_lock(struct call *call, const char *id, Session *session)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    return sql_one(call, &lock_session, &key, session);
}

enum rpc_status
session_add_up(struct call *call, const char *id, Session *session)
{
    Id key = COMMON__ID__INIT;
    struct rate_total *rates;
    struct totals totals;
    RateTotal **rows;
    size_t count;

    key.id = session->id = (char *)id;
    TRY(sql_rows(call, &add_up_rates, &key, &rows, &count));
    rates = arena_array(call->arena, count + 1, sizeof *rates);
    for (size_t i = 0; i < count; i++)
        rates[i] =
            (struct rate_total){rows[i]->vat_rate_bp, rows[i]->cost_cents, rows[i]->training_count};
    if (!totals_of_rates(rates, count, &totals)) {
        call_violation(call, "cost_cents", "out_of_range",
                       "takes the session's total beyond what an amount may be");
        return call_violations(call);
    }
    SET(session, total_cost_cents, totals.cost_cents);
    SET(session, total_vat_cents, totals.vat_cents);
    SET(session, training_count, totals.training_count);
    return sql_one(call, &store_totals, session, session);
}

static void
check_dates(struct call *call, const char *start_date, const char *end_date)
{
    if (start_date != NULL && end_date != NULL && strcmp(end_date, start_date) < 0)
        call_violation(call, "end_date", "out_of_order", "is before start_date");
}

void
sessions_check_create_session(struct call *call, const CreateSessionRequest *request)
{
    check_dates(call, request->start_date, request->end_date);
}

enum rpc_status
sessions_create_session(struct call *call, const CreateSessionRequest *request, Session *reply)
{
    TRY(seal_hold(call, request->project_id));
    TRY(sql_one(call, &insert_session, request, reply));
    return emit_session_planned(call, reply);
}

enum rpc_status
sessions_list_project_sessions(struct call *call, const ListProjectSessionsRequest *request,
                               ListSessionsReply *reply)
{
    return sql_page(call, &list_project_sessions, request, reply);
}

enum rpc_status
sessions_list_sessions(struct call *call, const ListSessionsRequest *request,
                       ListSessionsReply *reply)
{
    return sql_page(call, &list_sessions, request, reply);
}

enum rpc_status
sessions_get_session(struct call *call, const GetSessionRequest *request, Session *reply)
{
    return sql_one(call, &get_session, request, reply);
}

/* Trainings that the session's dates would leave out stand in the way, by name (SES-3). */
static enum rpc_status
check_none_left_out(struct call *call, const Session *session)
{
    struct buffer names;
    Training **trainings;
    size_t count;

    TRY(sql_rows(call, &list_left_out, session, &trainings, &count));
    if (count == 0)
        return RPC_OK;
    buffer_init(&names, call->arena);
    for (size_t i = 0; i < count && i < TRAININGS_NAMED_MAX; i++)
        buffer_printf(&names, "%s\"%s\" (%s)", i == 0 ? "" : ", ", trainings[i]->title,
                      trainings[i]->date);
    return call_fail_code(call, RPC_CONFLICT, "trainings_left_out", NULL,
                          "trainings lie outside these dates: %s%s; change or remove them first",
                          names.bytes, count > TRAININGS_NAMED_MAX ? " and more" : "");
}

enum rpc_status
sessions_update_session(struct call *call, const UpdateSessionRequest *request, Session *reply)
{
    Session *present = NEW(call, Session);

    TRY(session_lock(call, request->id, present));
    TRY(state_check(call, &present->base));
    if (call_present(call, "start_date"))
        present->start_date = request->start_date;
    if (call_present(call, "end_date"))
        present->end_date = request->end_date;
    check_dates(call, present->start_date, present->end_date);
    TRY(call_violations(call));
    TRY(sql_one(call, &update_session, request, reply));
    TRY(check_none_left_out(call, reply));
    return emit_session_updated(call, reply);
}

enum rpc_status
sessions_delete_session(struct call *call, const GetSessionRequest *request, Empty *reply)
{
    Session *session = NEW(call, Session);

    (void)reply;
    TRY(session_lock(call, request->id, session));
    TRY(state_check(call, &session->base));
    if (session->training_count > 0)
        return call_fail_code(call, RPC_CONFLICT, "session_has_trainings", NULL,
                              "a session with trainings is not deleted; cancel it");
    TRY(sql_one(call, &end_session, request, session));
    TRY(sql_run(call, &delete_session, request, NULL));
    return emit_session_deleted(call, session);
}

/* Under the seal's shared lock, so that what a seal finds is what its answer says. */
static enum rpc_status
change_state(struct call *call, const GetSessionRequest *request, Session *reply)
{
    TRY(session_lock(call, request->id, NEW(call, Session)));
    return sql_one(call, &move_session, request, reply);
}

enum rpc_status
sessions_complete_session(struct call *call, const GetSessionRequest *request, Session *reply)
{
    TRY(change_state(call, request, reply));
    return emit_session_completed(call, reply);
}

enum rpc_status
sessions_cancel_session(struct call *call, const GetSessionRequest *request, Session *reply)
{
    TRY(change_state(call, request, reply));
    return emit_session_cancelled(call, reply);
}

enum rpc_status
sessions_reopen_session(struct call *call, const GetSessionRequest *request, Session *reply)
{
    TRY(change_state(call, request, reply));
    TRY(seal_hold(call, reply->project_id));
    return emit_session_reopened(call, reply);
}

enum rpc_status
sessions_list_planned_sessions(struct call *call, const Id *request, PlannedSessions *reply)
{
    return sql_rows(call, &list_planned, request, &reply->sessions, &reply->n_sessions);
}

enum rpc_status
sessions_get_completed_work(struct call *call, const Id *request, CompletedWork *reply)
{
    return sql_one(call, &get_completed_work, request, reply);
}

enum rpc_status
sessions_get_project_use(struct call *call, const Id *request, Obligations *reply)
{
    return sql_one(call, &get_project_use, request, reply);
}
