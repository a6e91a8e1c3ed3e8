/* SPDX-License-Identifier: Apache-2.0
 * What a trigger bills (INV-1): a basis is a row of commission_bases.h and one pure function here. */
#ifndef ESCARCELLE_BILLING_BASES_H
#define ESCARCELLE_BILLING_BASES_H

#include "billing.h"

/* Whether this plan bills when that fires. */
bool billing_plan_fires(const BillingPlan *plan, InvoiceTrigger trigger);
/* Adds basis, rate and lines with their tax points to an invoice whose locale is set; no line where
 * there is nothing to bill (INV-5). The lines' VAT rate is not set yet. False when an amount
 * overflows. */
bool billing_lines(struct arena *arena, const struct billing *billing, Invoice *invoice)
    __attribute__((warn_unused_result));

#endif
