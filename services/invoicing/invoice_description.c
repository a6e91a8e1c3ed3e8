/* SPDX-License-Identifier: Apache-2.0
 * Only what is stored goes into the PDF: the same invoice gives the same bytes. Pure. */
#include "invoice_description.h"

#include "legal_keys.h"

#include <string.h>

static struct invoice_address
place(const Address *address)
{
    return (struct invoice_address){
        .line1 = address->line1,
        .line2 = address->line2,
        .postal_code = address->postal_code,
        .city = address->city,
        .country = address->country,
    };
}

static struct invoice_seller
seller(const Accounts__Seller *stored)
{
    return (struct invoice_seller){
        .name = stored->name,
        .legal_form = stored->legal_form,
        .capital_cents = stored->capital_cents,
        .address = place(stored->address),
        .siren = stored->siren,
        .rcs_city = stored->rcs_city,
        .vat_number = stored->vat_number,
        .activity_declaration_number = stored->activity_declaration_number,
        .email = stored->email,
        .iban = stored->iban,
        .bic = stored->bic,
    };
}

static struct invoice_buyer
buyer(struct arena *arena, const Buyer *stored)
{
    struct invoice_address *billing_address = NULL;

    if (stored->billing_address != NULL && stored->billing_address->line1 != NULL) {
        billing_address = arena_alloc(arena, sizeof *billing_address);
        *billing_address = place(stored->billing_address);
    }
    return (struct invoice_buyer){
        .name = stored->name,
        .address = place(stored->address),
        .billing_address = billing_address,
        .siren = stored->siren,
        .vat_number = stored->vat_number,
    };
}

/* Printed beside the lines that bear no VAT, not with the other mentions. */
static const char *
exemption(const Invoice *invoice)
{
    for (size_t i = 0; i < invoice->n_mentions; i++)
        if (strcmp(invoice->mentions[i]->key, LEGAL_VAT_EXEMPTION) == 0)
            return invoice->mentions[i]->text;
    return NULL;
}

static void
describe_lines(struct arena *arena, const Invoice *invoice, struct invoice_document *document)
{
    struct invoice_line *lines = arena_array(arena, invoice->n_lines, sizeof *lines);
    struct invoice_vat_group *groups = arena_array(arena, invoice->n_vat_groups, sizeof *groups);

    for (size_t i = 0; i < invoice->n_lines; i++) {
        const InvoiceLine *line = invoice->lines[i];

        lines[i] = (struct invoice_line){line->description, line->quantity, line->unit_price_cents,
                                         line->net_cents, line->vat_rate_bp};
    }
    for (size_t i = 0; i < invoice->n_vat_groups; i++) {
        const VatGroup *group = invoice->vat_groups[i];

        groups[i] = (struct invoice_vat_group){group->rate_bp, group->net_cents, group->vat_cents,
                                               group->rate_bp == 0 ? exemption(invoice) : NULL};
    }
    document->lines = lines;
    document->line_count = invoice->n_lines;
    document->vat_groups = groups;
    document->vat_group_count = invoice->n_vat_groups;
}

/* The first day that a line is about. */
static const char *
first_day(const Invoice *invoice)
{
    const char *first = invoice->service_date;

    for (size_t i = 0; i < invoice->n_lines; i++)
        if (strcmp(invoice->lines[i]->service_date, first) < 0)
            first = invoice->lines[i]->service_date;
    return first;
}

static void
describe_mentions(struct arena *arena, const Invoice *invoice, struct invoice_document *document)
{
    const char **mentions = arena_array(arena, invoice->n_mentions, sizeof *mentions);

    document->mentions = mentions;
    document->mention_count = 0;
    for (size_t i = 0; i < invoice->n_mentions; i++)
        if (strcmp(invoice->mentions[i]->key, LEGAL_VAT_EXEMPTION) != 0)
            mentions[document->mention_count++] = invoice->mentions[i]->text;
}

struct invoice_document
invoice_describe(struct arena *arena, const Invoice *invoice)
{
    bool credit_note = invoice->kind == INVOICE_KIND_CREDIT_NOTE;
    struct invoice_document document = {
        .kind = credit_note ? INVOICE_DOCUMENT_CREDIT_NOTE : INVOICE_DOCUMENT_INVOICE,
        .id = invoice->id,
        .created = invoice->created_at,
        .locale = invoice->locale == ACCOUNTS__LOCALE__LOCALE_EN ? "en" : "fr",
        .number = invoice->number,
        .issue_date = invoice->issue_date,
        .due_date = invoice->due_date,
        .service_start = first_day(invoice),
        .service_end = invoice->service_date,
        .purchase_order = invoice->purchase_order,
        .subject = invoice->subject,
        .original_number = invoice->credits_number,
        .original_date = invoice->credits_date,
        .reason = invoice->reason,
        .seller = seller(invoice->seller),
        .buyer = buyer(arena, invoice->buyer),
        .net_cents = invoice->net_cents,
        .vat_cents = invoice->vat_cents,
        .gross_cents = invoice->gross_cents,
    };

    describe_lines(arena, invoice, &document);
    describe_mentions(arena, invoice, &document);
    return document;
}
