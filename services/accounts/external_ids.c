/* SPDX-License-Identifier: Apache-2.0
 * Identifiers of clients, one per client and system. They have events of their own: the client's tell all
 * systems the same. */
#include "external_ids.h"

#include "sql.h"

#include <string.h>

SQL(find_namesake, ExternalId, ExternalId,
    "select e.client_id, c.name as client_name from client_external_id e join client c on c.id = e.client_id "
    "where e.system = :call.caller_system and e.external_id = :external_id and not e.retired "
    "and e.client_id <> :client_id");

SQL(get_external_id, ExternalId, ExternalId,
    "select client_id, system, external_id from client_external_id "
    "where client_id = :client_id and system = :call.caller_system");

SQL(set_external_id, ExternalId, ExternalId,
    "insert into client_external_id (client_id, system, external_id) "
    "values (:client_id, :call.caller_system, :external_id) on conflict (client_id, system) "
    "do update set external_id = excluded.external_id returning client_id, system, external_id");

SQL(delete_external_id, ExternalId, ExternalId,
    "delete from client_external_id where client_id = :client_id and system = :call.caller_system "
    "returning client_id, system");

SQL(retire_external_ids, ExternalId, Empty,
    "update client_external_id set retired = true where client_id = :client_id");

enum rpc_status
external_id_read(struct call *call, Client *client)
{
    ExternalId *own = NEW(call, ExternalId);
    bool found;

    own->client_id = client->id;
    TRY(sql_maybe(call, &get_external_id, own, own, &found));
    client->external_id = found ? own->external_id : NULL;
    return RPC_OK;
}

static enum rpc_status
refuse_namesake(struct call *call, const ExternalId *wanted)
{
    ExternalId *other = NEW(call, ExternalId);
    bool found;

    TRY(sql_maybe(call, &find_namesake, wanted, other, &found));
    if (!found)
        return RPC_OK;
    return call_fail(call, RPC_CONFLICT, "external_id", "already names the client \"%s\" (%s)",
                     other->client_name, other->client_id);
}

static enum rpc_status
tell(struct call *call, ExternalId *now)
{
    ClientIdentified event = ACCOUNTS__CLIENT_IDENTIFIED__INIT;

    event.client_id = now->client_id;
    event.system = now->system;
    event.external_id = now->external_id;
    return emit_client_identified(call, &event);
}

enum rpc_status
external_id_give(struct call *call, Client *client, const char *external_id)
{
    ExternalId wanted = ACCOUNTS__EXTERNAL_ID__INIT, *now = NEW(call, ExternalId);

    TRY(external_id_read(call, client));
    if (client->external_id == external_id || (client->external_id != NULL && external_id != NULL &&
                                               strcmp(client->external_id, external_id) == 0))
        return RPC_OK;
    wanted.client_id = client->id;
    wanted.external_id = client->external_id = (char *)external_id;
    if (external_id == NULL) {
        TRY(sql_one(call, &delete_external_id, &wanted, now));
        return tell(call, now);
    }
    TRY(refuse_namesake(call, &wanted));
    TRY(sql_one(call, &set_external_id, &wanted, now));
    return tell(call, now);
}

enum rpc_status
external_ids_retire(struct call *call, const char *client_id)
{
    ExternalId key = ACCOUNTS__EXTERNAL_ID__INIT;

    key.client_id = (char *)client_id;
    return sql_run(call, &retire_external_ids, &key, NULL);
}
