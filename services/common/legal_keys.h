/* SPDX-License-Identifier: Apache-2.0
 * Keys of the legal sentences on invoices, in the order in which they are printed: settings word them, invoicing
 * prints those that apply. */
#ifndef ESCARCELLE_LEGAL_KEYS_H
#define ESCARCELLE_LEGAL_KEYS_H

#define LEGAL_DISCOUNT "discount"
#define LEGAL_PENALTY "penalty"
#define LEGAL_INDEMNITY "indemnity"
#define LEGAL_VAT_ON_DEBITS "vat_on_debits"
#define LEGAL_VAT_EXEMPTION "vat_exemption" /* beside the totals of lines at 0 % */

#define LEGAL_KEYS                                                                                 \
    LEGAL_DISCOUNT, LEGAL_PENALTY, LEGAL_INDEMNITY, LEGAL_VAT_ON_DEBITS, LEGAL_VAT_EXEMPTION

#endif
