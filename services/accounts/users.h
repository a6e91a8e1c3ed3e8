/* SPDX-License-Identifier: Apache-2.0
 * What the files about users share: the columns of a user, and the end of access tokens. */
#ifndef ESCARCELLE_USERS_H
#define ESCARCELLE_USERS_H

#include "accounts.rpc.h"

#define USER_COLUMNS                                                                               \
    "id, email, first_name, last_name, role, status, totp_enabled, last_login_at, created_at, updated_at, version"

/* Ends a user's access tokens, all but the caller's own when keep_own is set, and tells the
 * gateways. */
enum rpc_status tokens_end(struct call *call, const char *user_id, bool keep_own) RPC_CHECKED;
/* Makes a link that sets this user's password; valid for this many hours. */
enum rpc_status password_link_make(struct call *call, const char *user_id, int hours,
                                   const char **link_id) RPC_CHECKED;

#endif
