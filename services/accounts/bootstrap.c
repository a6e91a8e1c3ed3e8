/* SPDX-License-Identifier: Apache-2.0
 * The command that makes the first administrator. */
#include "bootstrap.h"

#include "checks.h"
#include "config.h"
#include "log.h"
#include "passwords.h"
#include "service.h"
#include "sql.h"
#include "users.h"

#include <stdio.h>
#include <string.h>

struct first_admin {
    CreateUserRequest user;
    const char *password;
};

SQL(insert_admin, CreateUserRequest, User,
    "insert into account_user (id, email, first_name, last_name, role, status, password_hash) "
    "values (:call.new_id, :email, :first_name, :last_name, :role, 'invited', null) "
    "on conflict (lower(email)) do nothing returning " USER_COLUMNS);

SQL(activate_admin, StoredPassword, User,
    "update account_user set status = 'active', password_hash = :password_hash where id = :user_id "
    "returning " USER_COLUMNS);

static enum rpc_status
make_admin(struct call *call, void *state)
{
    struct first_admin *admin = state;
    StoredPassword *stored = NEW(call, StoredPassword);
    User *user = NEW(call, User);
    bool made;

    TRY(sql_maybe(call, &insert_admin, &admin->user, user, &made));
    if (!made)
        return RPC_OK;
    stored->user_id = user->id;
    stored->password_hash = (char *)password_hash(call, admin->password);
    TRY(sql_one(call, &activate_admin, stored, user));
    return emit_user_created(call, user);
}

int
bootstrap_command(struct call *call, int argc, char **argv)
{
    struct first_admin admin;
    char *password;
    bool made;

    if (argc != 5 || strcmp(argv[1], "--bootstrap-admin") != 0 ||
        strcmp(argv[3], "--password-file") != 0 || !check_email(argv[2])) {
        fprintf(stderr, "usage: accounts --bootstrap-admin EMAIL --password-file FILE\n");
        return 2;
    }
    accounts__create_user_request__init(&admin.user);
    admin.user.email = argv[2];
    admin.user.first_name = (char *)"Admin";
    admin.user.last_name = (char *)"Escarcelle";
    SET(&admin.user, role, USER_ROLE_ADMIN);
    password = config_secret("--password-file", argv[4]);
    admin.password = password;
    job_enter(call, "bootstrap_admin");
    made = job_transaction(call, make_admin, &admin) == RPC_OK;
    config_secret_free(password);
    if (!made)
        log_error("the administrator could not be made: %s", call->problem.detail);
    return made ? 0 : 1;
}
