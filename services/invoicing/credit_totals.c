/* SPDX-License-Identifier: Apache-2.0
 * Rounding must not make the credit notes of an invoice more or less than the invoice. Pure. */
#include "credit_totals.h"

#include "invoice_totals.h"
#include "money.h"

static const VatGroup *
group_of(VatGroup *const *groups, size_t count, int64_t rate_bp)
{
    static const VatGroup nothing = INVOICING__VAT_GROUP__INIT;

    for (size_t i = 0; i < count; i++)
        if (groups[i]->rate_bp == rate_bp)
            return groups[i];
    return &nothing;
}

/* The VAT of one rate, as far as the invoice has so much left. */
static bool
fit_group(const VatGroup *original, const VatGroup *credited, VatGroup *group)
{
    int64_t net_left_cents, vat_left_cents;

    if (!money_subtract(original->net_cents, credited->net_cents, &net_left_cents) ||
        !money_subtract(original->vat_cents, credited->vat_cents, &vat_left_cents))
        return false;
    if (group->net_cents == net_left_cents || group->vat_cents > vat_left_cents)
        group->vat_cents = vat_left_cents;
    return true;
}

bool
credit_total(struct arena *arena, const Invoice *original, VatGroup *const *credited,
             size_t credited_count, Invoice *note)
{
    if (!invoice_total(arena, note))
        return false;
    note->vat_cents = 0;
    for (size_t i = 0; i < note->n_vat_groups; i++) {
        VatGroup *group = note->vat_groups[i];
        int64_t rate_bp = group->rate_bp;

        if (!fit_group(group_of(original->vat_groups, original->n_vat_groups, rate_bp),
                       group_of(credited, credited_count, rate_bp), group) ||
            !money_add(note->vat_cents, group->vat_cents, &note->vat_cents))
            return false;
    }
    return money_add(note->net_cents, note->vat_cents, &note->gross_cents);
}
