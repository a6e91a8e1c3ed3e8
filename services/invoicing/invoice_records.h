/* SPDX-License-Identifier: Apache-2.0
 * The moment an invoice or a credit note becomes one (INV-3, INV-4). */
#ifndef ESCARCELLE_INVOICE_RECORDS_H
#define ESCARCELLE_INVOICE_RECORDS_H

#include "invoicing.rpc.h"
#include "service.h"

/* An identifier for an invoice or a line of it. */
char *invoice_new_id(struct call *call);
/* Gives an invoice its number, its date of issue and, where it has payment terms, its due date. The
 * series of its kind is the last row that the transaction locks (INV-3). */
enum rpc_status invoice_take_number(struct call *call, IssuedInvoice *issued) RPC_CHECKED;
/* Begins new series of numbers, named by the restore's epoch; that of the moment before stays as it was. */
enum rpc_status invoice_open_series(struct call *call, const struct restored *restored,
                                    Ops__DatabaseRestored *event) RPC_CHECKED;
/* Writes what is issued, marks the trainings that it bills or releases those that it takes back, asks
 * for its PDF and tells. *written is what was stored. */
enum rpc_status invoice_record(struct call *call, const IssuedInvoice *issued,
                               Invoice *written) RPC_CHECKED;

#endif
