/* SPDX-License-Identifier: Apache-2.0
 * What budgeting keeps of other services' objects, and erases with them. */
#include "accounts.rules.h"
#include "budgeting.rpc.h"
#include "sql.h"

SQL(erase_mailing_lists, Id, Empty, "update project set mailing_list = '[]' where client_id = :id");

PROJECTION(client, "accounts.Client", Accounts__Client, "client",
           "insert into client (id, name, status, commission, version) "
           "values (:id, :name, :status, :commission, :version) on conflict (id) do update "
           "set name = excluded.name, status = excluded.status, commission = excluded.commission, "
           "version = excluded.version where client.version < excluded.version");

/* Mailing lists are personal data of the client's people. */
enum rpc_status
budgeting_on_client_archived(struct call *call, const Accounts__ClientArchived *event)
{
    Id client = COMMON__ID__INIT;

    client.id = event->client->id;
    emit_none(call, "an erasure changes no figure");
    return sql_run(call, &erase_mailing_lists, &client, NULL);
}
