/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of automatic funding calls (FUN-2, BUD-14). Touches nothing but its arguments. */
#include "refill.h"

#include "money.h"

int64_t
refill_requested_cents(int64_t initial_cents, int64_t refill_bp, int64_t overrun_cents)
{
    int64_t requested_cents;

    if (refill_bp == 0)
        return 0;
    if (!money_share(initial_cents, refill_bp, &requested_cents) ||
        requested_cents > MONEY_CENTS_MAX)
        return MONEY_CENTS_MAX;
    if (overrun_cents > requested_cents)
        requested_cents = overrun_cents;
    return requested_cents > MONEY_CENTS_MAX ? MONEY_CENTS_MAX : requested_cents;
}

bool
refill_is_outgrown(int64_t overrun_cents, int64_t granted_cents, int64_t requested_cents)
{
    int64_t before_cents;

    if (overrun_cents <= 0)
        return false;
    return !money_add(overrun_cents, granted_cents, &before_cents) ||
           before_cents > requested_cents;
}
