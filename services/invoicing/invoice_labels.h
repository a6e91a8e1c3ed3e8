/* SPDX-License-Identifier: Apache-2.0
 * The fixed words of an invoice in French and English. Those with % are formats; their arguments
 * are named beside them. */
#ifndef ESCARCELLE_INVOICE_LABELS_H
#define ESCARCELLE_INVOICE_LABELS_H

struct invoice_labels {
    const char *invoice, *credit_note;           /* titles */
    const char *invoice_word, *credit_note_word; /* in the properties of the file */
    const char *number;                          /* number */
    const char *issued, *due, *served, *corrects, *reason, *nature, *purchase_order;
    const char *services; /* the nature that the law asks to name */
    const char *period;   /* first day, last day */
    const char *original; /* number, date */
    const char *buyer, *billing_address;
    const char *siren, *vat_number; /* the number */
    const char *description, *quantity, *unit_price, *vat_rate, *net;
    const char *vat_base, *vat, *total_net, *total_vat, *total_gross, *total_credit;
    const char *payment, *pay;     /* amount, date, number */
    const char *company;           /* name, legal form, capital */
    const char *registered_office; /* street, postal code, city */
    const char *register_entry;    /* SIREN, city, VAT number */
    const char *activity;          /* declaration number */
    const char *page;              /* this, of all (size_t) */
};

/* "en", or French for any other locale. */
const struct invoice_labels *invoice_labels(const char *locale);

#endif
