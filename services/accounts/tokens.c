/* SPDX-License-Identifier: Apache-2.0
 * Access tokens: login, check, end (ACC-5). Stored hashed; idle 30 minutes, 12 hours in all. */
#include "events.h"
#include "passwords.h"
#include "sql.h"
#include "users.h"

SQL(find_password, LoginRequest, StoredPassword,
    "select id as user_id, password_hash, status from account_user where lower(email) = lower(:email)");

SQL(insert_token, StoredToken, StoredToken,
    "insert into access_token (id, user_id, token_hash, address, expires_at) "
    "values (:call.new_id, :user_id, :token_hash, :address, now() + interval '12 hours') returning id, expires_at");

SQL(note_login, StoredToken, User,
    "update account_user set last_login_at = now(), version = version + 1 where id = :user_id returning " USER_COLUMNS);

SQL(check_token, CheckTokenRequest, CheckTokenReply,
    "with touched as (update access_token set used_at = now() where token_hash = :token_hash "
    "and used_at between now() - interval '30 minutes' and now() - interval '1 minute') "
    "select " CALLER_COLUMNS " from access_token t join account_user u on u.id = t.user_id "
    "where t.token_hash = :token_hash and " CALLER_IS_GOOD);

SQL(end_own_token, Empty, Empty, "delete from access_token where id = :call.token_id");

SQL(end_tokens, StoredToken, Empty,
    "delete from access_token where user_id = :user_id and (id <> :id or :id is null)");

/* One answer for a wrong password, an unknown address and a disabled account (ACC-5). */
static enum rpc_status
refuse_login(struct call *call, const char *user_id)
{
    LoginFailed event = ACCOUNTS__LOGIN_FAILED__INIT;

    event.user_id = (char *)user_id;
    call_emit_refusal(call, events_find("accounts.LoginFailed"), &event.base);
    return call_fail(call, RPC_UNAUTHENTICATED, NULL, "e-mail address or password is wrong");
}

enum rpc_status
accounts_login(struct call *call, const LoginRequest *request, LoginReply *reply)
{
    StoredPassword *stored = NEW(call, StoredPassword);
    StoredToken *token = NEW(call, StoredToken);
    LoggedIn event = ACCOUNTS__LOGGED_IN__INIT;
    bool found;

    TRY(sql_maybe(call, &find_password, request, stored, &found));
    if (!password_matches(stored->password_hash, request->password) ||
        stored->status != USER_STATUS_ACTIVE)
        return refuse_login(call, stored->user_id);
    reply->access_token = (char *)token_new(call, &token->token_hash);
    token->has_token_hash = 1;
    token->user_id = event.user_id = stored->user_id;
    token->address = call->header->caller == NULL ? NULL : call->header->caller->address;
    reply->user = NEW(call, User);
    TRY(sql_one(call, &note_login, token, reply->user));
    TRY(sql_one(call, &insert_token, token, token));
    reply->expires_at = token->expires_at;
    return emit_logged_in(call, &event);
}

enum rpc_status
accounts_logout(struct call *call, const LogoutRequest *request, Empty *reply)
{
    TokensEnded event = ACCOUNTS__TOKENS_ENDED__INIT;

    (void)request;
    TRY(sql_run(call, &end_own_token, reply, NULL));
    event.user_id = call->header->caller->id;
    event.token_id = call->header->caller->token_id;
    return emit_tokens_ended(call, &event);
}

enum rpc_status
tokens_end(struct call *call, const char *user_id, bool keep_own)
{
    StoredToken *tokens = NEW(call, StoredToken);
    TokensEnded event = ACCOUNTS__TOKENS_ENDED__INIT;

    tokens->user_id = event.user_id = (char *)user_id;
    tokens->id = keep_own ? call->header->caller->token_id : NULL;
    TRY(sql_run(call, &end_tokens, tokens, NULL));
    return emit_tokens_ended(call, &event);
}

enum rpc_status
accounts_check_token(struct call *call, const CheckTokenRequest *request, CheckTokenReply *reply)
{
    bool found;

    emit_none(call, "the use of a token is no change of an object");
    return sql_maybe(call, &check_token, request, reply, &found);
}
