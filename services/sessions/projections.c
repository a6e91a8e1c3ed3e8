/* SPDX-License-Identifier: Apache-2.0
 * Our copies of other services' objects. */
#include "sessions.rpc.h"
#include "sql.h"

typedef Budgeting__Project Project;
#define Project_descriptor budgeting__project__descriptor

PROJECTION(
    project, "budgeting.Project", Project, "project",
    "insert into project (id, client_id, status, version) "
    "values (:id, :client_id, :status, :version) "
    "on conflict (id) do update set client_id = excluded.client_id, status = excluded.status, "
    "version = excluded.version where project.version < excluded.version");
