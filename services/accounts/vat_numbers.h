/* SPDX-License-Identifier: Apache-2.0
 * VAT numbers of French companies follow from their SIREN: computed when absent, checked when given (MON-6). */
#ifndef ESCARCELLE_VAT_NUMBERS_H
#define ESCARCELLE_VAT_NUMBERS_H

#include "call.h"

/* A company's identity, in a request or as it is kept; either may be NULL. */
struct company {
    const char *siren, *vat_number;
};

/* The VAT number of a new company; NULL when nothing tells it. */
char *vat_number_of(struct call *call, struct company said);
/* The one that a PATCH leaves, of which `said` are the values; prefix: before the names of its fields, "" or
 * "seller.". A new SIREN without a VAT number brings its own, and so does a VAT number that is cleared. */
char *vat_number_after(struct call *call, const char *prefix, struct company said,
                       struct company present);
/* Adds a violation at `field` when a French VAT number is another SIREN's. */
void vat_number_match(struct call *call, const char *field, struct company company);

#endif
