/* SPDX-License-Identifier: Apache-2.0
 * Tickets: one GET of one path for who can't send a header. Stored hashed, used once, gone with
 * the access token that they were made with. */
#include "passwords.h"
#include "sql.h"
#include "users.h"

SQL(insert_ticket, StoredTicket, StoredTicket,
    "with made as (insert into ticket (ticket_hash, token_id, path, expires_at) "
    "values (:ticket_hash, :call.token_id, :path, now() + interval '30 seconds') returning expires_at) "
    "select made.expires_at, s.public_url from made cross join settings s");

/* Of two who come at once the second waits for the first, and finds nothing. */
SQL(use_ticket, UseTicketRequest, CheckTokenReply,
    "with used as (delete from ticket where ticket_hash = :ticket_hash and path = :path "
    "and expires_at > now() returning token_id) "
    "select " CALLER_COLUMNS " from used join access_token t on t.id = used.token_id "
    "join account_user u on u.id = t.user_id where " CALLER_IS_GOOD);

enum rpc_status
accounts_create_ticket(struct call *call, const CreateTicketRequest *request, Ticket *reply)
{
    StoredTicket *stored = NEW(call, StoredTicket);
    const char *ticket = token_new(call, &stored->ticket_hash);

    stored->has_ticket_hash = 1;
    stored->path = request->path;
    TRY(sql_one(call, &insert_ticket, stored, stored));
    reply->url =
        arena_printf(call->arena, "%s%s?ticket=%s", stored->public_url, request->path, ticket);
    reply->expires_at = stored->expires_at;
    emit_none(call, "a ticket is a form of its maker's token; what it opens is audited as ever");
    return RPC_OK;
}

enum rpc_status
accounts_use_ticket(struct call *call, const UseTicketRequest *request, CheckTokenReply *reply)
{
    bool found;

    emit_none(call, "the use of a ticket is no change of an object");
    return sql_maybe(call, &use_ticket, request, reply, &found);
}
