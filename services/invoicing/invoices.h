/* SPDX-License-Identifier: Apache-2.0
 * What the files about invoices share. */
#ifndef ESCARCELLE_INVOICES_H
#define ESCARCELLE_INVOICES_H

#include "billing.h"

/* An invoice with its lines, state and file, whole. */
enum rpc_status invoice_read(struct call *call, const char *id, Invoice *invoice) RPC_CHECKED;

/* Refuses until the PDF of an invoice is rendered. */
enum rpc_status invoice_fail_not_ready(struct call *call);

/* Completes an invoice that has its locale, basis and lines: parties, VAT, mentions, date and
 * number; writes it and tells. The series is the last row that the transaction locks (INV-3). */
enum rpc_status invoice_issue(struct call *call, const struct billing *billing,
                              Invoice *invoice) RPC_CHECKED;

#endif
