/* SPDX-License-Identifier: Apache-2.0
 * The archive of rendered invoices: the job that fills it. */
#ifndef ESCARCELLE_INVOICE_DOCUMENTS_H
#define ESCARCELLE_INVOICE_DOCUMENTS_H

#include "call.h"

enum { INVOICE_DOCUMENTS_PERIOD_MS = 1000 };

/* Renders one invoice that has no PDF yet; true when there was one. */
bool invoice_documents_render(struct call *call);

#endif
