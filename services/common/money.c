/* SPDX-License-Identifier: Apache-2.0
 * Exact arithmetic on 128-bit products; the only place that rounds money. */
#include "money.h"

#include <assert.h>

enum { BP_PER_WHOLE = 10000 };

static bool
narrow(__int128 value, int64_t *result)
{
    if (value < INT64_MIN || value > INT64_MAX)
        return false;
    *result = (int64_t)value;
    return true;
}

/* C's division rounds towards zero; this one towards minus infinity. */
static __int128
divide_down(__int128 numerator, __int128 denominator)
{
    __int128 quotient = numerator / denominator;

    assert(denominator > 0);
    return numerator % denominator < 0 ? quotient - 1 : quotient;
}

bool
money_add(int64_t a_cents, int64_t b_cents, int64_t *result)
{
    return narrow((__int128)a_cents + b_cents, result);
}

bool
money_subtract(int64_t a_cents, int64_t b_cents, int64_t *result)
{
    return narrow((__int128)a_cents - b_cents, result);
}

bool
money_share(int64_t amount_cents, int64_t rate_bp, int64_t *result)
{
    __int128 product = (__int128)amount_cents * rate_bp;
    __int128 half = product < 0 ? -BP_PER_WHOLE / 2 : BP_PER_WHOLE / 2;

    return narrow((product + half) / BP_PER_WHOLE, result);
}

bool
money_share_up(int64_t amount_cents, int64_t rate_bp, int64_t *result)
{
    __int128 product = (__int128)amount_cents * rate_bp;

    return narrow(-divide_down(-product, BP_PER_WHOLE), result);
}

bool
money_ratio_bp(int64_t part_cents, int64_t whole_cents, int64_t *result)
{
    assert(whole_cents > 0);
    return narrow(divide_down((__int128)part_cents * BP_PER_WHOLE, whole_cents), result);
}

bool
money_reaches(int64_t part_cents, int64_t whole_cents, int64_t rate_bp)
{
    return (__int128)part_cents * BP_PER_WHOLE >= (__int128)whole_cents * rate_bp;
}
