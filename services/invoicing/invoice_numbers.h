/* SPDX-License-Identifier: Apache-2.0
 * Numbers of invoices and credit notes: FA-2026-000123, AV-2026-000045 (INV-3). */
#ifndef ESCARCELLE_INVOICE_NUMBERS_H
#define ESCARCELLE_INVOICE_NUMBERS_H

#include "invoicing.rpc.h"

/* Moves the series on by one and returns the number, FA-2026-000001, or FA-2026-R2612181000-000001 in a series that
 * a restored database opened, named by its epoch; its date is series->last_date. `today` is the
 * Paris day read after the series' row was locked; a clock that went back dates by the series'
 * last. */
const char *invoice_number_take(struct arena *arena, InvoiceSeries *series, const char *today);

#endif
