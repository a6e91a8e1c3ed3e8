/* SPDX-License-Identifier: Apache-2.0
 * The identifiers that callers' systems give our clients (ACC-2). */
#ifndef ESCARCELLE_EXTERNAL_IDS_H
#define ESCARCELLE_EXTERNAL_IDS_H

#include "accounts.rpc.h"

/* Gives a client an identifier of the caller's system, or takes it away (NULL), and tells so if that
 * changes anything; 409 when the system calls another client so. It shows in the client. */
enum rpc_status external_id_give(struct call *call, Client *client,
                                 const char *external_id) RPC_CHECKED;
/* Shows in the client what the caller's system calls it. */
enum rpc_status external_id_read(struct call *call, Client *client) RPC_CHECKED;
/* An archived client keeps its identifiers, and others may have them too. */
enum rpc_status external_ids_retire(struct call *call, const char *client_id) RPC_CHECKED;

#endif
