/* SPDX-License-Identifier: Apache-2.0
 * VAT and totals of an invoice from its lines (MON-3). */
#ifndef ESCARCELLE_INVOICE_TOTALS_H
#define ESCARCELLE_INVOICE_TOTALS_H

#include "invoicing.rpc.h"

/* Sets net, VAT groups (by rate, in the order of the lines), VAT and gross; VAT is computed on the
 * sum of a rate's lines (EN 16931). False when an amount overflows. */
bool invoice_total(struct arena *arena, Invoice *invoice) __attribute__((warn_unused_result));

#endif
