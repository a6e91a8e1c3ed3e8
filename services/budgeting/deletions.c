/* SPDX-License-Identifier: Apache-2.0
 * Deleting projects that were never used (BUD-18). The row stays for the ledger: what another
 * service did before it heard of the end is still posted, and nothing waits for ever. */
#include "asks.h"
#include "ledger.h"
#include "sql.h"
#include "states.h"

SQL(delete_project, GetProjectRequest, Project,
    "update project set status = :call.to, mailing_list = '[]', updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " PROJECT_COLUMNS);

/* A training that is still in the figures is on its way out of its session. */
static enum rpc_status
check_unused(struct call *call, const Project *project)
{
    const char *reasons = asks_reasons(call);

    if (reasons == NULL && project->budget->consumed_cents != 0)
        reasons = "a training is still in its figures; try again in a moment";
    if (reasons == NULL)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "project_in_use", NULL,
                          "the project cannot be deleted: %s", reasons);
}

enum rpc_status
budgeting_delete_project(struct call *call, const GetProjectRequest *request, Empty *reply)
{
    Project *project = NEW(call, Project), *deleted = NEW(call, Project);

    (void)reply;
    TRY(project_lock(call, request->id, project));
    TRY(state_check(call, &project->base));
    TRY(check_unused(call, project));
    TRY(project_return_remaining(call, project, LEDGER_KIND_PROJECT_DELETED));
    TRY(sql_one(call, &delete_project, request, deleted));
    TRY(project_finish(call, deleted));
    return emit_project_deleted(call, deleted);
}
