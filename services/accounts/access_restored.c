/* SPDX-License-Identifier: Apache-2.0
 * Access after a restore: everybody logs in anew. */
#include "access_restored.h"

#include "accounts.rpc.h"
#include "audit_heads.h"
#include "sql.h"

/* Tickets go with their tokens. */
SQL(end_all_tokens, Empty, Empty, "delete from access_token");

SQL(end_all_links, Empty, Empty, "update password_link set used_at = now() where used_at is null");

enum rpc_status
access_restored(struct call *call, const struct restored *restored, Ops__DatabaseRestored *event)
{
    Empty *nothing = NEW(call, Empty);

    job_enter(call, "end_access");
    TRY(sql_run(call, &end_all_tokens, nothing, NULL));
    TRY(sql_run(call, &end_all_links, nothing, NULL));
    return audit_heads_restored(call, restored->epoch, event);
}
