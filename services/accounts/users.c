/* SPDX-License-Identifier: Apache-2.0
 * Users: invited, changed, disabled; the last active administrator stays (ACC-4). */
#include "users.h"

#include "sql.h"

#include <string.h>

enum { INVITATION_HOURS = 7 * 24 };

SQL(insert_user, CreateUserRequest, User,
    "insert into account_user (id, email, first_name, last_name, role, status) "
    "values (:call.new_id, :email, :first_name, :last_name, :role, 'invited') returning " USER_COLUMNS);

SQL(get_user, GetUserRequest, User, "select " USER_COLUMNS " from account_user where id = :id");

SQL(list_users, ListUsersRequest, ListUsersReply,
    "select " USER_COLUMNS " from account_user where true :filter(status) :search(first_name, last_name, email) :page");

SQL(update_user, UpdateUserRequest, User,
    "update account_user set :patch(email, first_name, last_name, role), updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " USER_COLUMNS);

SQL(disable_user, DisableUserRequest, User,
    "update account_user set status = :call.to, updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " USER_COLUMNS);

/* Locks all of them in one order, so that two administrators can't disable each other at once. */
SQL(lock_admins, Empty, User,
    "select id from account_user where role = 'admin' and status = 'active' order by id for update");

SQL(get_me, GetMeRequest, User, "select " USER_COLUMNS " from account_user where id = :call.user_id");

SQL(update_me, UpdateMeRequest, User,
    "update account_user set :patch(first_name, last_name), updated_at = now(), version = version + 1 "
    "where id = :call.user_id and :guard returning " USER_COLUMNS);

enum rpc_status
accounts_create_user(struct call *call, const CreateUserRequest *request, User *reply)
{
    UserInvited event = ACCOUNTS__USER_INVITED__INIT;
    const char *link_id;

    TRY(sql_one(call, &insert_user, request, reply));
    TRY(password_link_make(call, reply->id, INVITATION_HOURS, &link_id));
    event.user = reply;
    event.link_id = (char *)link_id;
    return emit_user_invited(call, &event);
}

enum rpc_status
accounts_get_user(struct call *call, const GetUserRequest *request, User *reply)
{
    return sql_one(call, &get_user, request, reply);
}

enum rpc_status
accounts_list_users(struct call *call, const ListUsersRequest *request, ListUsersReply *reply)
{
    return sql_page(call, &list_users, request, reply);
}

/* Refuses when this user is the only active administrator. */
static enum rpc_status
check_not_last_admin(struct call *call, const char *id)
{
    User **admins;
    size_t count;

    TRY(sql_rows(call, &lock_admins, NEW(call, Empty), &admins, &count));
    if (count == 1 && strcmp(admins[0]->id, id) == 0)
        return call_fail_code(call, RPC_CONFLICT, "last_administrator", NULL,
                              "this is the last active administrator; make another one first");
    return RPC_OK;
}

static enum rpc_status
read_role_change(struct call *call, const UpdateUserRequest *request, bool *changes)
{
    GetUserRequest key = ACCOUNTS__GET_USER_REQUEST__INIT;
    User *present = NEW(call, User);

    *changes = false;
    if (!call_present(call, "role"))
        return RPC_OK;
    key.id = request->id;
    TRY(sql_one(call, &get_user, &key, present));
    *changes = present->role != request->role;
    return RPC_OK;
}

enum rpc_status
accounts_update_user(struct call *call, const UpdateUserRequest *request, User *reply)
{
    bool role_changes;

    TRY(read_role_change(call, request, &role_changes));
    if (role_changes && request->role != USER_ROLE_ADMIN)
        TRY(check_not_last_admin(call, request->id));
    TRY(sql_one(call, &update_user, request, reply));
    if (role_changes)
        TRY(tokens_end(call, reply->id, false));
    return emit_user_updated(call, reply);
}

enum rpc_status
accounts_disable_user(struct call *call, const DisableUserRequest *request, User *reply)
{
    TRY(check_not_last_admin(call, request->id));
    TRY(sql_one(call, &disable_user, request, reply));
    TRY(tokens_end(call, reply->id, false));
    return emit_user_disabled(call, reply);
}

enum rpc_status
accounts_get_me(struct call *call, const GetMeRequest *request, User *reply)
{
    return sql_one(call, &get_me, request, reply);
}

enum rpc_status
accounts_update_me(struct call *call, const UpdateMeRequest *request, User *reply)
{
    TRY(sql_one(call, &update_me, request, reply));
    return emit_user_updated(call, reply);
}
