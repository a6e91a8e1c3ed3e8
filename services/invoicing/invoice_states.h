/* SPDX-License-Identifier: Apache-2.0
 * What of an invoice may change after it was issued (INV-4). Whoever changes it locks the state
 * first, then reads. */
#ifndef ESCARCELLE_INVOICE_STATES_H
#define ESCARCELLE_INVOICE_STATES_H

#include "invoicing.rpc.h"

/* Locks the state of an invoice: 404 when there is none. */
enum rpc_status invoice_lock(struct call *call, const char *id) RPC_CHECKED;
/* What payments and credit notes have made of an invoice whose state is locked. */
enum rpc_status settlement_read(struct call *call, const char *id,
                                Settlement *settlement) RPC_CHECKED;
/* Writes what has come of it. */
enum rpc_status settlement_write(struct call *call, const Settlement *settlement) RPC_CHECKED;
/* 409 for a credit note: `what` can't be done to it. */
enum rpc_status invoice_check_kind(struct call *call, InvoiceKind kind,
                                   const char *what) RPC_CHECKED;

#endif
