/* SPDX-License-Identifier: Apache-2.0
 * What a session costs, from what its trainings cost at each VAT rate. Pure. */
#ifndef ESCARCELLE_TOTALS_H
#define ESCARCELLE_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The trainings of one VAT rate, added up. */
struct rate_total {
    int64_t vat_rate_bp, cost_cents, training_count;
};

struct totals {
    int64_t cost_cents, vat_cents, training_count;
};

/* Adds up cost, number and VAT; VAT is rounded once per rate, on the sum of that rate's trainings
 * (MON-3, EN 16931). False, leaving *totals alone, when a total goes beyond MONEY_CENTS_MAX
 * (MON-4). */
bool totals_of_rates(const struct rate_total *rates, size_t count, struct totals *totals)
    __attribute__((warn_unused_result));

#endif
