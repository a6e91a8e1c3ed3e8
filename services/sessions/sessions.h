/* SPDX-License-Identifier: Apache-2.0
 * What the files about sessions, trainings and seals share: a session's columns, its lock and its
 * totals. */
#ifndef ESCARCELLE_SESSIONS_H
#define ESCARCELLE_SESSIONS_H

#include "sessions.rpc.h"

#define SESSION_COLUMNS                                                                            \
    "id, project_id, client_id, title, start_date, end_date, status, currency, total_cost_cents, " \
    "total_vat_cents, training_count, created_at, updated_at, version, revision"

/* Locks a session for the transaction and shares the lock on its project's seal; 404 when absent.
 * */
enum rpc_status session_lock(struct call *call, const char *id, Session *session) RPC_CHECKED;
/* The same for an id that a field of the body names: *found says whether there is one. */
enum rpc_status session_lock_maybe(struct call *call, const char *id, Session *session,
                                   bool *found) RPC_CHECKED;
/* Adds up the trainings of a locked session anew and reads it; 422 beyond the bounds of money
 * (MON-4). */
enum rpc_status session_add_up(struct call *call, const char *id, Session *session) RPC_CHECKED;

/* Shares the lock on a project's seal for the transaction, making the row when there is none; 409
 * once the project is sealed (BUD-17). */
enum rpc_status seal_hold(struct call *call, const char *project_id) RPC_CHECKED;

#endif
