/* SPDX-License-Identifier: Apache-2.0
 * What payments and credit notes make of an invoice: what is open, what becomes the client's
 * advance, its state (INV-7, INV-8). Pure. */
#ifndef ESCARCELLE_SETTLEMENTS_H
#define ESCARCELLE_SETTLEMENTS_H

#include "invoicing.rpc.h"

/* What is still to be paid, in cents; never negative. */
int64_t settlement_open_cents(const Settlement *settlement);
/* Takes `gross_cents` back; `whole`: nothing of the invoice is left. What was paid beyond the rest
 * becomes the client's advance. False when it is more than the invoice has left. */
bool settlement_credit(Settlement *settlement, int64_t gross_cents, bool whole)
    __attribute__((warn_unused_result));
/* Adds a payment, or takes one back when it is negative. *advance_cents is by how much it changes
 * the client's advance: only if `to_advance`, by what is beyond the open amount, or, backwards,
 * first of all by what this invoice gave to it. False, and nothing is changed, when the amount is
 * more than is open, or was paid. */
bool settlement_pay(Settlement *settlement, int64_t amount_cents, bool to_advance,
                    int64_t *advance_cents) __attribute__((warn_unused_result));

#endif
