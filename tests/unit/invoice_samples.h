/* SPDX-License-Identifier: Apache-2.0
 * Fictitious invoices for the tests and for looking at. */
#ifndef ESCARCELLE_INVOICE_SAMPLES_H
#define ESCARCELLE_INVOICE_SAMPLES_H

#include "invoice_pdf.h"

/* The commission invoice of the worked example: 170.00 net, 34.00 VAT, 204.00 gross. */
struct invoice_document sample_invoice(const char *locale);
/* Its credit note. */
struct invoice_document sample_credit_note(const char *locale);
/* `count` lines of all kinds: long descriptions, exemptions, several rates, a foreign address. */
struct invoice_document sample_long_invoice(struct arena *arena, size_t count);

#endif
