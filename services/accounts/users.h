/* SPDX-License-Identifier: Apache-2.0
 * What the files about users share: the columns of a user, and the end of access tokens. */
#ifndef ESCARCELLE_USERS_H
#define ESCARCELLE_USERS_H

#include "accounts.rpc.h"

#define USER_COLUMNS                                                                               \
    "id, email, first_name, last_name, role, status, totp_enabled, last_login_at, created_at, updated_at, version"

/* Who a token t of a user u speaks for, and whether it still does. */
#define CALLER_COLUMNS                                                                             \
    "'user' as \"caller.kind\", u.id as \"caller.id\", "                                           \
    "u.first_name || ' ' || u.last_name as \"caller.name\", u.role as \"caller.role\", "           \
    "t.id as \"caller.token_id\""
#define CALLER_IS_GOOD                                                                             \
    "t.expires_at > now() and t.used_at > now() - interval '30 minutes' and u.status = 'active'"

/* Ends a user's access tokens, all but the caller's own when keep_own is set, and tells the
 * gateways. */
enum rpc_status tokens_end(struct call *call, const char *user_id, bool keep_own) RPC_CHECKED;
/* Makes a link that sets this user's password; valid for this many hours. */
enum rpc_status password_link_make(struct call *call, const char *user_id, int hours,
                                   const char **link_id) RPC_CHECKED;

#endif
