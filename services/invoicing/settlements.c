/* SPDX-License-Identifier: Apache-2.0
 * gross = credited + paid + open, whatever happens; the state follows from these. Pure. */
#include "settlements.h"

#include "money.h"

#include <assert.h>

static int64_t
least(int64_t a_cents, int64_t b_cents)
{
    return a_cents < b_cents ? a_cents : b_cents;
}

/* Of amounts that a settlement holds already, so that it can't overflow. */
static int64_t
difference(int64_t a_cents, int64_t b_cents)
{
    int64_t result;
    bool computed = money_subtract(a_cents, b_cents, &result);

    assert(computed);
    return result;
}

static InvoiceStatus
unpaid_status(const Settlement *settlement)
{
    return settlement->mailed ? INVOICE_STATUS_SENT : INVOICE_STATUS_ISSUED;
}

static void
settle(Settlement *settlement)
{
    bool open = settlement_open_cents(settlement) > 0;

    if (settlement->status == INVOICE_STATUS_CREDITED)
        return; /* whatever is taken back of its payments */
    SET(settlement, status,
        !open                        ? INVOICE_STATUS_PAID
        : settlement->paid_cents > 0 ? INVOICE_STATUS_PARTIALLY_PAID
                                     : unpaid_status(settlement));
}

int64_t
settlement_open_cents(const Settlement *settlement)
{
    return difference(difference(settlement->gross_cents, settlement->credited_cents),
                      settlement->paid_cents);
}

bool
settlement_credit(Settlement *settlement, int64_t gross_cents, bool whole)
{
    int64_t left_cents = difference(settlement->gross_cents, settlement->credited_cents);
    int64_t kept_cents, surplus_cents;

    if (gross_cents < 0 || gross_cents > left_cents)
        return false;
    left_cents = difference(left_cents, gross_cents);
    kept_cents = least(settlement->paid_cents, left_cents);
    surplus_cents = difference(settlement->paid_cents, kept_cents);
    if (!money_add(settlement->advance_cents, surplus_cents, &settlement->advance_cents))
        return false;
    settlement->credited_cents = difference(settlement->gross_cents, left_cents);
    settlement->paid_cents = kept_cents;
    settle(settlement);
    if (whole)
        settlement->status = INVOICE_STATUS_CREDITED;
    return true;
}

static bool
pay(Settlement *settlement, int64_t amount_cents, bool to_advance, int64_t *advance_cents)
{
    int64_t taken_cents = least(amount_cents, settlement_open_cents(settlement));

    *advance_cents = difference(amount_cents, taken_cents);
    if (*advance_cents > 0 && !to_advance)
        return false;
    return money_add(settlement->advance_cents, *advance_cents, &settlement->advance_cents) &&
           money_add(settlement->paid_cents, taken_cents, &settlement->paid_cents);
}

static bool
take_back(Settlement *settlement, int64_t amount_cents, bool from_advance, int64_t *advance_cents)
{
    int64_t returned_cents = from_advance ? least(amount_cents, settlement->advance_cents) : 0;
    int64_t unpaid_cents = difference(amount_cents, returned_cents);

    if (unpaid_cents > settlement->paid_cents)
        return false;
    *advance_cents = difference(0, returned_cents);
    settlement->advance_cents = difference(settlement->advance_cents, returned_cents);
    settlement->paid_cents = difference(settlement->paid_cents, unpaid_cents);
    return true;
}

bool
settlement_pay(Settlement *settlement, int64_t amount_cents, bool to_advance,
               int64_t *advance_cents)
{
    int64_t backwards_cents;
    bool possible = amount_cents >= 0
                        ? pay(settlement, amount_cents, to_advance, advance_cents)
                        : money_subtract(0, amount_cents, &backwards_cents) &&
                              take_back(settlement, backwards_cents, to_advance, advance_cents);

    if (possible)
        settle(settlement);
    return possible;
}
