/* SPDX-License-Identifier: Apache-2.0
 * Money arithmetic (MON-1 to MON-4): cents and basis points in 64-bit integers, overflow-checked.
 * Functions that can overflow return false and leave *result alone. */
#ifndef ESCARCELLE_MONEY_H
#define ESCARCELLE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

/* Amounts beyond ± this many cents are refused at the door (MON-4). */
#define MONEY_CENTS_MAX INT64_C(1000000000000000)

/* Sum and difference. */
bool money_add(int64_t a_cents, int64_t b_cents, int64_t *result)
    __attribute__((warn_unused_result));
bool money_subtract(int64_t a_cents, int64_t b_cents, int64_t *result)
    __attribute__((warn_unused_result));
/* rate × amount, rounded half away from zero to the cent (MON-3). */
bool money_share(int64_t amount_cents, int64_t rate_bp, int64_t *result)
    __attribute__((warn_unused_result));
/* rate × amount, rounded up (towards plus infinity): threshold_cents (MON-3). */
bool money_share_up(int64_t amount_cents, int64_t rate_bp, int64_t *result)
    __attribute__((warn_unused_result));
/* part / whole in basis points, rounded down; whole > 0 (MON-3, consumed_bp). */
bool money_ratio_bp(int64_t part_cents, int64_t whole_cents, int64_t *result)
    __attribute__((warn_unused_result));
/* Whether part ≥ rate × whole, exactly, on products (MON-3). */
bool money_reaches(int64_t part_cents, int64_t whole_cents, int64_t rate_bp);

#endif
