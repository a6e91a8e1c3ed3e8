/* SPDX-License-Identifier: Apache-2.0
 * Lines are gathered by rate, then each rate is taxed once. Pure. */
#include "invoice_totals.h"

#include "money.h"

static VatGroup *
group_of(struct arena *arena, Invoice *invoice, int64_t rate_bp)
{
    VatGroup *group;

    for (size_t i = 0; i < invoice->n_vat_groups; i++)
        if (invoice->vat_groups[i]->rate_bp == rate_bp)
            return invoice->vat_groups[i];
    group = (VatGroup *)message_new(arena, &VatGroup_descriptor);
    SET(group, rate_bp, rate_bp);
    SET(group, net_cents, 0);
    invoice->vat_groups[invoice->n_vat_groups++] = group;
    return group;
}

static bool
sum_lines(struct arena *arena, Invoice *invoice)
{
    for (size_t i = 0; i < invoice->n_lines; i++) {
        const InvoiceLine *line = invoice->lines[i];
        VatGroup *group = group_of(arena, invoice, line->vat_rate_bp);

        if (!money_add(group->net_cents, line->net_cents, &group->net_cents) ||
            !money_add(invoice->net_cents, line->net_cents, &invoice->net_cents))
            return false;
    }
    return true;
}

bool
invoice_total(struct arena *arena, Invoice *invoice)
{
    invoice->vat_groups = arena_array(arena, invoice->n_lines + 1, sizeof(VatGroup *));
    invoice->n_vat_groups = 0;
    SET(invoice, net_cents, 0);
    SET(invoice, vat_cents, 0);
    SET(invoice, gross_cents, 0);
    if (!sum_lines(arena, invoice))
        return false;
    for (size_t i = 0; i < invoice->n_vat_groups; i++) {
        VatGroup *group = invoice->vat_groups[i];

        group->has_vat_cents = 1;
        if (!money_share(group->net_cents, group->rate_bp, &group->vat_cents) ||
            !money_add(invoice->vat_cents, group->vat_cents, &invoice->vat_cents))
            return false;
    }
    return money_add(invoice->net_cents, invoice->vat_cents, &invoice->gross_cents);
}
