/* SPDX-License-Identifier: Apache-2.0
 * From a stored invoice to what its PDF is drawn from. */
#ifndef ESCARCELLE_INVOICE_DESCRIPTION_H
#define ESCARCELLE_INVOICE_DESCRIPTION_H

#include "invoice_pdf.h"
#include "invoicing.rpc.h"

/* Shares the invoice's memory; the invoice must be whole (invoice_read). */
struct invoice_document invoice_describe(struct arena *arena, const Invoice *invoice);

#endif
