/* SPDX-License-Identifier: Apache-2.0
 * Closing: open → closing → closed, when sessions has sealed the project (BUD-10, BUD-17). */
#include "closings.h"

#include "ledger.h"
#include "sql.h"

enum { DELAY_PERIOD_MS = 5000 };

SQL(start_closing, GetProjectRequest, Project,
    "update project set status = :call.to, closing_since = now(), closing_delay_told = false, updated_at = now(), "
    "version = version + 1 where id = :id and :guard(status) returning " PROJECT_COLUMNS);

SQL(finish_closing, Project, Project,
    "update project set status = :call.to, closed_date = :call.today, closing_since = null, updated_at = now(), "
    "version = version + 1 where id = :id returning " PROJECT_COLUMNS);

SQL(reopen_project, Project, Project,
    "update project set status = :call.to, closing_since = null, updated_at = now(), version = version + 1 "
    "where id = :id returning " PROJECT_COLUMNS);

SQL(claim_delayed, Empty, Project,
    "update project set closing_delay_told = true where id = (select id from project where status = 'closing' "
    "and not closing_delay_told and closing_since < now() - interval '60 seconds' limit 1 for update skip locked) "
    "returning " PROJECT_COLUMNS);

/* Names the sessions that are still planned; sessions itself asks again when it seals. */
static enum rpc_status
check_planned(struct call *call, const Sessions__PlannedSessions *planned)
{
    struct buffer names;

    if (planned->n_sessions == 0)
        return RPC_OK;
    buffer_init(&names, call->arena);
    for (size_t i = 0; i < planned->n_sessions; i++)
        buffer_printf(&names, "%s%s (%s)", i == 0 ? "" : ", ", planned->sessions[i]->title,
                      planned->sessions[i]->id);
    return call_fail_code(call, RPC_CONFLICT, "sessions_planned", NULL,
                          "complete or cancel the planned sessions first: %s", names.bytes);
}

enum rpc_status
budgeting_close_project(struct call *call, const GetProjectRequest *request, Project *reply)
{
    TRY(project_lock(call, request->id, reply));
    if (reply->status == PROJECT_STATUS_CLOSING) {
        emit_none(call, "it is closing already");
        return RPC_OK;
    }
    TRY(check_planned(call, (const Sessions__PlannedSessions *)call->answers[0]));
    TRY(sql_one(call, &start_closing, request, reply));
    TRY(project_finish(call, reply));
    return emit_project_closing(call, reply);
}

enum rpc_status
budgeting_on_project_sealed(struct call *call, const Sessions__ProjectSealed *event)
{
    ProjectClosed closed = BUDGETING__PROJECT_CLOSED__INIT;
    Project *project = NEW(call, Project);

    TRY(project_lock_even_deleted(call, event->project_id, project));
    if (project->status != PROJECT_STATUS_CLOSING) {
        emit_none(call, "an answer to a question that was settled");
        return RPC_OK;
    }
    SET(&closed, remaining_cents, project->budget->remaining_cents);
    SET(&closed, completed_cents, project->budget->completed_cents);
    TRY(project_return_remaining(call, project, LEDGER_KIND_PROJECT_CLOSED));
    closed.project = NEW(call, Project);
    TRY(sql_one(call, &finish_closing, project, closed.project));
    TRY(project_finish(call, closed.project));
    return emit_project_closed(call, &closed);
}

enum rpc_status
budgeting_on_project_seal_refused(struct call *call, const Sessions__ProjectSealRefused *event)
{
    ProjectReopened reopened = BUDGETING__PROJECT_REOPENED__INIT;
    Project *project = NEW(call, Project);

    TRY(project_lock_even_deleted(call, event->project_id, project));
    if (project->status != PROJECT_STATUS_CLOSING) {
        emit_none(call, "an answer to a question that was settled");
        return RPC_OK;
    }
    reopened.project = NEW(call, Project);
    TRY(sql_one(call, &reopen_project, project, reopened.project));
    TRY(project_finish(call, reopened.project));
    SET(&reopened, reason,
        event->reason == SESSIONS__SEAL_REFUSAL__SEAL_REFUSAL_SKIPPED
            ? REOPEN_REASON_SKIPPED
            : REOPEN_REASON_PLANNED_SESSION);
    return emit_project_reopened(call, &reopened);
}

static enum rpc_status
tell_one_delay(struct call *call, void *state)
{
    bool *found = state;
    Project *project = NEW(call, Project);

    TRY(sql_maybe(call, &claim_delayed, NEW(call, Empty), project, found));
    if (!*found)
        return RPC_OK;
    TRY(project_finish(call, project));
    return emit_project_closing_delayed(call, project);
}

static bool
tell_delays(struct call *call)
{
    bool found = false;

    return job_transaction(call, tell_one_delay, &found) == RPC_OK && found;
}

const struct job closing_jobs[] = {
    {"tell_closing_delays", tell_delays, DELAY_PERIOD_MS, JOB_TIMED},
    {.name = NULL},
};
