/* SPDX-License-Identifier: Apache-2.0
 * Setting a password: through the link of an invitation or a reset (ACC-8), or knowing the old one.
 * */
#include "link.h"
#include "passwords.h"
#include "sql.h"
#include "users.h"
#include "uuid.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RESET_HOURS = 2 };

/* What the link's HMAC says it opens. */
static const char purpose[] = "password";

SQL(insert_link, StoredLink, Empty,
    "insert into password_link (id, user_id, expires_at) values (:id, :user_id, to_timestamp(:expires_s::bigint))");

SQL(get_link, Id, StoredLink,
    "select l.id, l.user_id, extract(epoch from l.expires_at)::bigint as expires_s, l.expires_at, "
    "l.used_at is null and l.expires_at > now() and u.status <> 'disabled' as usable, u.status = 'invited' as first, "
    "coalesce(s.web_ui_url || '/password-resets/', s.public_url || '/v1/auth/password-resets/') as page_url "
    "from password_link l join account_user u on u.id = l.user_id cross join settings s where l.id = :id");

SQL(get_link_email, StoredLink, PasswordReset,
    "select u.email, l.expires_at from password_link l join account_user u on u.id = l.user_id "
    "where l.id = :id");

/* Every earlier link of the user ends with the one that is used. */
SQL(use_links, StoredLink, Empty,
    "update password_link set used_at = now() where user_id = :user_id and used_at is null");

SQL(lock_link, StoredLink, StoredLink,
    "select id from password_link where id = :id and used_at is null for update");

SQL(find_user_to_reset, RequestPasswordResetRequest, User,
    "select " USER_COLUMNS " from account_user where lower(email) = lower(:email) and status <> 'disabled'");

SQL(set_password, StoredPassword, User,
    "update account_user set password_hash = :password_hash, status = 'active', updated_at = now(), "
    "version = version + 1 where id = :user_id and status <> 'disabled' returning " USER_COLUMNS);

SQL(get_own_password, Empty, StoredPassword,
    "select id as user_id, password_hash, status from account_user where id = :call.user_id");

enum rpc_status
password_link_make(struct call *call, const char *user_id, int hours, const char **link_id)
{
    StoredLink *link = NEW(call, StoredLink);
    char id[37];

    uuid_new(id);
    *link_id = link->id = arena_strdup(call->arena, id);
    link->user_id = (char *)user_id;
    SET(link, expires_s, (int64_t)time(NULL) + (int64_t)hours * 3600);
    return sql_run(call, &insert_link, link, NULL);
}

enum rpc_status
accounts_request_password_reset(struct call *call, const RequestPasswordResetRequest *request,
                                Empty *reply)
{
    PasswordResetRequested event = ACCOUNTS__PASSWORD_RESET_REQUESTED__INIT;
    User *user = NEW(call, User);
    const char *link_id;
    bool found;

    (void)reply;
    TRY(sql_maybe(call, &find_user_to_reset, request, user, &found));
    if (!found) {
        emit_none(call, "nobody has this address, and the answer does not tell");
        return RPC_OK;
    }
    TRY(password_link_make(call, user->id, RESET_HOURS, &link_id));
    event.user = user;
    event.link_id = (char *)link_id;
    return emit_password_reset_requested(call, &event);
}

enum rpc_status
accounts_get_password_link(struct call *call, const GetPasswordLinkRequest *request, Link *reply)
{
    StoredLink *link = NEW(call, StoredLink);
    Id id = COMMON__ID__INIT;
    char token[LINK_TOKEN_BYTES];

    id.id = request->id;
    TRY(sql_one(call, &get_link, &id, link));
    reply->expires_at = link->expires_at;
    if (!link->usable)
        return RPC_OK;
    link_make(purpose, link->id, link->expires_s, token);
    reply->url = arena_printf(call->arena, "%s%s", link->page_url, token);
    return RPC_OK;
}

static enum rpc_status
refuse_link(struct call *call)
{
    return call_fail(call, RPC_GONE, NULL, "this link was used or has expired; ask for a new one");
}

/* The row of a genuine link; 404 for a forged one, 410 for one that was used or has ended. */
static enum rpc_status
find_link(struct call *call, const char *token, StoredLink *link)
{
    char id[37];
    Id key = COMMON__ID__INIT;

    if (link_verify(purpose, token, (int64_t)time(NULL), id) == LINK_FORGED)
        return call_fail(call, RPC_NOT_FOUND, NULL,
                         "this link is not one of ours; copy it whole from the mail");
    key.id = id;
    TRY(sql_one(call, &get_link, &key, link));
    return link->usable ? RPC_OK : refuse_link(call);
}

enum rpc_status
accounts_get_password_reset(struct call *call, const GetPasswordResetRequest *request,
                            PasswordReset *reply)
{
    StoredLink *link = NEW(call, StoredLink);

    TRY(find_link(call, request->token, link));
    return sql_one(call, &get_link_email, link, reply);
}

/* The same, locked: of two who use it at once only the first finds it unused. */
static enum rpc_status
open_link(struct call *call, const char *token, StoredLink *link)
{
    bool unused;

    TRY(find_link(call, token, link));
    TRY(sql_maybe(call, &lock_link, link, link, &unused));
    return unused ? RPC_OK : refuse_link(call);
}

static enum rpc_status
store_password(struct call *call, const char *user_id, const char *new_password, User *user)
{
    StoredPassword *stored = NEW(call, StoredPassword);

    stored->user_id = (char *)user_id;
    stored->password_hash = (char *)password_hash(call, new_password);
    if (stored->password_hash == NULL)
        return call_fail(call, RPC_UNAVAILABLE, NULL,
                         "there is no memory to hash a password now; try again");
    return sql_one(call, &set_password, stored, user);
}

static enum rpc_status
tell_password_changed(struct call *call, const char *user_id)
{
    PasswordChanged event = ACCOUNTS__PASSWORD_CHANGED__INIT;

    event.user_id = (char *)user_id;
    return emit_password_changed(call, &event);
}

enum rpc_status
accounts_reset_password(struct call *call, const ResetPasswordRequest *request, Empty *reply)
{
    StoredLink *link = NEW(call, StoredLink);
    User *user = NEW(call, User);

    (void)reply;
    TRY(open_link(call, request->token, link));
    TRY(store_password(call, link->user_id, request->new_password, user));
    TRY(sql_run(call, &use_links, link, NULL));
    TRY(tokens_end(call, user->id, false));
    TRY(tell_password_changed(call, user->id));
    return link->first ? emit_user_activated(call, user) : RPC_OK;
}

enum rpc_status
accounts_change_password(struct call *call, const ChangePasswordRequest *request, Empty *reply)
{
    StoredPassword *stored = NEW(call, StoredPassword);

    TRY(sql_one(call, &get_own_password, reply, stored));
    if (!password_matches(stored->password_hash, request->current_password))
        return call_fail_code(call, RPC_INVALID, "wrong_password", "current_password",
                              "is not your password");
    TRY(store_password(call, stored->user_id, request->new_password, NEW(call, User)));
    TRY(tokens_end(call, stored->user_id, true));
    return tell_password_changed(call, stored->user_id);
}
