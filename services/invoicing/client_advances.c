/* SPDX-License-Identifier: Apache-2.0
 * Advances of clients: changed with the invoice behind it, read. */
#include "client_advances.h"

#include "sql.h"

/* What is taken back was given before: then the row is there, and only its sum is checked. */
SQL(add_advance, ClientAdvanceChanged, ClientAdvanceChanged,
    "insert into client_advance as a (client_id, advance_cents) "
    "values (:client_id, greatest(:amount_cents, 0)) "
    "on conflict (client_id) do update set advance_cents = a.advance_cents + :amount_cents, "
    "updated_at = now(), version = a.version + 1 returning a.advance_cents");

/* A client that never had one has an advance of 0. */
SQL(get_client_advance, GetClientAdvanceRequest, ClientAdvance,
    "select c.id, c.id as client_id, 'EUR' as currency, coalesce(a.advance_cents, 0) as "
    "advance_cents, a.created_at, a.updated_at, coalesce(a.version, 1) as version "
    "from (select :client_id::uuid as id) c left join client_advance a on a.client_id = c.id");

enum rpc_status
client_advance_add(struct call *call, const Settlement *settlement, int64_t amount_cents)
{
    ClientAdvanceChanged *event = NEW(call, ClientAdvanceChanged);
    ClientAdvanceChanged *now = NEW(call, ClientAdvanceChanged);

    if (amount_cents == 0)
        return RPC_OK;
    event->client_id = settlement->client_id;
    event->invoice_id = settlement->id;
    SET(event, amount_cents, amount_cents);
    TRY(sql_one(call, &add_advance, event, now));
    SET(event, advance_cents, now->advance_cents);
    return emit_client_advance_changed(call, event);
}

enum rpc_status
invoicing_get_client_advance(struct call *call, const GetClientAdvanceRequest *request,
                             ClientAdvance *reply)
{
    return sql_one(call, &get_client_advance, request, reply);
}
