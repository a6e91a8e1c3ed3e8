/* SPDX-License-Identifier: Apache-2.0
 * What budgeting keeps of other services' objects, and erases with them. */
#include "accounts.rules.h"
#include "ledger.h"
#include "sql.h"

SQL(erase_mailing_lists, Id, Empty, "update project set mailing_list = '[]' where client_id = :id");

SQL(list_left_open, Id, Project,
    "select " PROJECT_COLUMNS " from project where client_id = :id and status in ('open', 'closing') order by id");

PROJECTION(client, "accounts.Client", Accounts__Client, "client",
           "insert into client (id, name, status, commission, version) "
           "values (:id, :name, :status, :commission, :version) on conflict (id) do update "
           "set name = excluded.name, status = excluded.status, commission = excluded.commission, "
           "version = excluded.version where client.version < excluded.version");

/* Mailing lists are personal data of the client's people. A project that was opened in the same instant is here, or
 * is refused: both hold the client's row (ACC-3). */
enum rpc_status
budgeting_on_client_archived(struct call *call, const Accounts__ClientArchived *event)
{
    Id client = COMMON__ID__INIT;
    Project **projects;
    size_t count;

    client.id = event->client->id;
    TRY(sql_run(call, &erase_mailing_lists, &client, NULL));
    TRY(sql_rows(call, &list_left_open, &client, &projects, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(project_finish(call, projects[i]));
        TRY(emit_project_left_open(call, projects[i]));
    }
    if (count == 0)
        emit_none(call, "an erasure changes no figure");
    return RPC_OK;
}
