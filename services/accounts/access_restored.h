/* SPDX-License-Identifier: Apache-2.0
 * Access after a restore. */
#ifndef ESCARCELLE_ACCESS_RESTORED_H
#define ESCARCELLE_ACCESS_RESTORED_H

#include "service.h"

/* Ends every access token, ticket and password link of a restored database: those that were ended or used after
 * the restored moment must not come back to life. Then holds the audit log against its kept heads. */
enum rpc_status access_restored(struct call *call, const struct restored *restored,
                                Ops__DatabaseRestored *event) RPC_CHECKED;

#endif
