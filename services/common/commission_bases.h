/* SPDX-License-Identifier: Apache-2.0
 * The bases of a commission, listed once (INV-1): a basis is an enumerator of the contract, a row here
 * and a function bill_<word> in services/invoicing/billing_bases.c. */
#ifndef ESCARCELLE_COMMISSION_BASES_H
#define ESCARCELLE_COMMISSION_BASES_H

/* BASIS(enumerator, word, what its amount is computed from, which triggers it goes with) */
#define COMMISSION_BASES(BASIS)                                                                    \
    BASIS(CONSUMED_VALUE, consumed_value, RATE, ANY_TRIGGER)                                       \
    BASIS(UNCONSUMED_FUNDS, unconsumed_funds, RATE, CLOSING_ONLY)                                  \
    BASIS(FIXED_FEE, fixed_fee, FEE, ANY_TRIGGER)

#endif
