/* SPDX-License-Identifier: Apache-2.0
 * The seal of a project (BUD-17): one row that all work on the project shares a lock on, so that
 * the seal comes after all of it. It is our own truth, not a copy of the project's state. */
#include "sessions.h"

#include "sql.h"

SQL(make_seal, Seal, Empty,
    "insert into project_seal (project_id) values (:project_id) on conflict do nothing");

SQL(share_seal, Seal, Seal,
    "select project_id, sealed_at is not null as sealed from project_seal "
    "where project_id = :project_id for share");

SQL(take_seal, Seal, Seal,
    "select project_id, sealed_at is not null as sealed from project_seal "
    "where project_id = :project_id for update");

SQL(set_seal, Seal, Empty,
    "update project_seal set sealed_at = now() where project_id = :project_id");

SQL(list_open_work, Seal, Session,
    "select id from session where project_id = :project_id and status = 'planned' "
    "order by start_date, id limit 100");

SQL(cancel_planned_sessions, Seal, Session,
    "update session set status = :call.to, updated_at = now(), version = version + 1 "
    "where project_id = :project_id and status = any(:call.from) returning " SESSION_COLUMNS);

enum rpc_status
seal_hold(struct call *call, const char *project_id)
{
    Seal *seal = NEW(call, Seal);
    bool found;

    seal->project_id = (char *)project_id;
    TRY(sql_maybe(call, &share_seal, seal, seal, &found));
    if (!found) {
        TRY(sql_run(call, &make_seal, seal, NULL));
        TRY(sql_one(call, &share_seal, seal, seal));
    }
    if (!seal->sealed)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "project_sealed", NULL,
                          "the project is being closed and takes no more work");
}

static void
start_refusal(ProjectSealRefused *event, const Budgeting__Project *project, SealRefusal reason)
{
    sessions__project_seal_refused__init(event);
    event->project_id = project->id;
    event->client_id = project->client_id;
    SET(event, reason, reason);
}

static enum rpc_status
refuse_for_planned(struct call *call, const Budgeting__Project *project, Session *const *planned,
                   size_t count)
{
    ProjectSealRefused event;

    start_refusal(&event, project, SEAL_REFUSAL_PLANNED_SESSION);
    event.session_ids = arena_array(call->arena, count, sizeof *event.session_ids);
    for (; event.n_session_ids < count; event.n_session_ids++)
        event.session_ids[event.n_session_ids] = planned[event.n_session_ids]->id;
    return emit_project_seal_refused(call, &event);
}

enum rpc_status
sessions_on_project_closing(struct call *call, const Budgeting__ProjectClosing *event)
{
    ProjectSealed sealed = SESSIONS__PROJECT_SEALED__INIT;
    Seal *seal = NEW(call, Seal);
    Session **planned;
    size_t count;

    seal->project_id = event->project->id;
    TRY(sql_run(call, &make_seal, seal, NULL));
    TRY(sql_one(call, &take_seal, seal, seal));
    if (seal->sealed) {
        emit_none(call, "the project was sealed before, and that was told");
        return RPC_OK;
    }
    TRY(sql_rows(call, &list_open_work, seal, &planned, &count));
    if (count > 0)
        return refuse_for_planned(call, event->project, planned, count);
    TRY(sql_run(call, &set_seal, seal, NULL));
    sealed.project_id = event->project->id;
    sealed.client_id = event->project->client_id;
    return emit_project_sealed(call, &sealed);
}

/* Whoever plans a session in the instant in which its project is deleted finds it cancelled
 * (BUD-18). */
enum rpc_status
sessions_on_project_deleted(struct call *call, const Budgeting__ProjectDeleted *event)
{
    Seal *seal = NEW(call, Seal);
    Session **cancelled;
    size_t count;

    seal->project_id = event->project->id;
    TRY(sql_run(call, &make_seal, seal, NULL));
    TRY(sql_one(call, &take_seal, seal, seal));
    TRY(sql_run(call, &set_seal, seal, NULL));
    TRY(sql_rows(call, &cancel_planned_sessions, seal, &cancelled, &count));
    if (count == 0)
        emit_none(call, "the project had no session that was planned");
    for (size_t i = 0; i < count; i++)
        TRY(emit_session_cancelled(call, cancelled[i]));
    return RPC_OK;
}

enum rpc_status
sessions_skipped_project_closing(struct call *call, const Budgeting__ProjectClosing *event)
{
    ProjectSealRefused refusal;

    start_refusal(&refusal, event->project, SEAL_REFUSAL_SKIPPED);
    return emit_project_seal_refused(call, &refusal);
}
