/* SPDX-License-Identifier: Apache-2.0
 * VAT and totals of a credit note (INV-8, MON-3). Pure. */
#ifndef ESCARCELLE_CREDIT_TOTALS_H
#define ESCARCELLE_CREDIT_TOTALS_H

#include "invoicing.rpc.h"

/* Sets net, VAT groups, VAT and gross of a credit note from its lines. VAT is the rate of the sum of
 * its lines; the note that takes the last lines of a rate back takes what is left of its VAT, and
 * none takes more than that, so that the notes' VAT adds up to the invoice's. `credited`: by rate,
 * what notes before this one took back. False when an amount overflows. */
bool credit_total(struct arena *arena, const Invoice *original, VatGroup *const *credited,
                  size_t credited_count, Invoice *note) __attribute__((warn_unused_result));

#endif
