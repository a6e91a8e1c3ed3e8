/* SPDX-License-Identifier: Apache-2.0
 * The roles of users and API keys against the roles of operations. */
#include "roles.h"

#include <string.h>

static bool
is(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

bool
role_admits(enum rpc_role role, bool writes, const Wire__Caller *caller)
{
    bool user = caller != NULL && is(caller->kind, "user");
    bool key = caller != NULL && is(caller->kind, "api_key");
    bool admin = user && is(caller->role, "admin");

    switch (role) {
    case RPC_ROLE_PUBLIC:
        return true;
    case RPC_ROLE_USER:
        return user;
    case RPC_ROLE_OPERATOR:
        return admin || (user && is(caller->role, "operator")) ||
               (key && (is(caller->role, "write") || (!writes && is(caller->role, "read"))));
    case RPC_ROLE_ADMIN:
        return admin;
    case RPC_ROLE_NONE:
    case RPC_ROLE_INTERNAL:
        break;
    }
    return false;
}
