/* SPDX-License-Identifier: Apache-2.0
 * What budgeting keeps of other services' objects. */
#include "accounts.rules.h"
#include "budgeting.rpc.h"
#include "sql.h"

PROJECTION(client, "accounts.Client", Accounts__Client, "client",
           "insert into client (id, name, status, commission, version) "
           "values (:id, :name, :status, :commission, :version) on conflict (id) do update "
           "set name = excluded.name, status = excluded.status, commission = excluded.commission, "
           "version = excluded.version where client.version < excluded.version");
