/* SPDX-License-Identifier: Apache-2.0
 * The PDF of an invoice or credit note, from a plain description; touches no database. */
#ifndef ESCARCELLE_INVOICE_PDF_H
#define ESCARCELLE_INVOICE_PDF_H

#include "pdf_page.h"

enum invoice_document_kind { INVOICE_DOCUMENT_INVOICE, INVOICE_DOCUMENT_CREDIT_NOTE };

/* Texts are UTF-8; those said to be optional may be NULL. */
struct invoice_address {
    const char *line1, *line2 /* optional */, *postal_code, *city;
    const char *country; /* printed when it is not "FR"; optional */
};

struct invoice_seller {
    const char *name, *legal_form;
    int64_t capital_cents;
    struct invoice_address address;
    const char *siren, *rcs_city, *vat_number;
    const char *activity_declaration_number; /* optional */
    const char *email;                       /* optional */
    const char *iban, *bic /* optional */;
};

struct invoice_buyer {
    const char *name;
    struct invoice_address address;
    const struct invoice_address *billing_address; /* optional: where it differs */
    const char *siren, *vat_number;                /* optional */
};

struct invoice_line {
    const char *description; /* exact nature of what was sold */
    int64_t quantity;
    int64_t unit_price_cents, net_cents; /* excl. VAT */
    int64_t vat_rate_bp;
};

/* One VAT rate with what it is computed on (MON-3). */
struct invoice_vat_group {
    int64_t rate_bp, base_cents, vat_cents;
    const char *exemption; /* the legal reason where no VAT is due; optional */
};

/* Amounts are positive for both kinds; the kind says the sign (INV-8). */
struct invoice_document {
    enum invoice_document_kind kind;
    const char *id;      /* UUID; with `created`, what makes the bytes repeatable */
    const char *created; /* RFC 3339 UTC */
    const char *locale;  /* "fr" or "en" */
    const char *number;
    const char *issue_date;                      /* dates are YYYY-MM-DD */
    const char *due_date;                        /* none on a credit note: NULL */
    const char *service_start, *service_end;     /* equal, or the end NULL, for a single day */
    const char *purchase_order;                  /* optional */
    const char *subject;                         /* what it is about, one line; optional */
    const char *original_number, *original_date; /* credit note: the invoice it corrects */
    const char *reason;                          /* credit note: why */
    struct invoice_seller seller;
    struct invoice_buyer buyer;
    const struct invoice_line *lines;
    size_t line_count;
    const struct invoice_vat_group *vat_groups;
    size_t vat_group_count;
    int64_t net_cents, vat_cents, gross_cents;
    const char *const *mentions; /* legal sentences in force: discount, penalty, indemnity, … */
    size_t mention_count;
};

/* The same description gives the same bytes. False with a sentence in *error. */
bool invoice_pdf_render(struct arena *arena, const struct invoice_document *document,
                        uint8_t **bytes, size_t *length, const char **error);
/* The same with a file inside (Factur-X). */
bool invoice_pdf_render_with(struct arena *arena, const struct invoice_document *document,
                             const struct pdf_attachment *attachment, uint8_t **bytes,
                             size_t *length, const char **error);

#endif
