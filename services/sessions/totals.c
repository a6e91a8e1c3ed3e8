/* SPDX-License-Identifier: Apache-2.0
 * The sums of a session, VAT per rate (MON-3, MON-4). Touches nothing but its arguments. */
#include "totals.h"

#include "money.h"

static bool
add_within_bounds(int64_t *sum, int64_t amount_cents)
{
    return money_add(*sum, amount_cents, sum) && *sum <= MONEY_CENTS_MAX;
}

bool
totals_of_rates(const struct rate_total *rates, size_t count, struct totals *totals)
{
    struct totals sum = {0};

    for (size_t i = 0; i < count; i++) {
        int64_t vat_cents;

        if (!money_share(rates[i].cost_cents, rates[i].vat_rate_bp, &vat_cents) ||
            !add_within_bounds(&sum.cost_cents, rates[i].cost_cents) ||
            !add_within_bounds(&sum.vat_cents, vat_cents))
            return false;
        sum.training_count += rates[i].training_count;
    }
    *totals = sum;
    return true;
}
