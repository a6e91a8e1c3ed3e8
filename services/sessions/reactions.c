/* SPDX-License-Identifier: Apache-2.0
 * What this service does about events that change none of its states. */
#include "sessions.rpc.h"
#include "sql.h"

SQL(erase_trainers, Id, Empty,
    "update training set trainers = '{}' "
    "where session_id in (select id from session where client_id = :id) and trainers <> '{}'");

/* The trainers' names are personal data under the client's root; nobody needs them any more. */
enum rpc_status
sessions_on_client_archived(struct call *call, const Accounts__ClientArchived *event)
{
    Id client = COMMON__ID__INIT;

    client.id = event->client->id;
    TRY(sql_run(call, &erase_trainers, &client, NULL));
    emit_none(call, "an erasure tells nothing about what it erased");
    return RPC_OK;
}
