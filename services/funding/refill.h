/* SPDX-License-Identifier: Apache-2.0
 * How much an automatic funding call asks for, and when one more is due (FUN-2, BUD-14). Pure. */
#ifndef ESCARCELLE_REFILL_H
#define ESCARCELLE_REFILL_H

#include <stdbool.h>
#include <stdint.h>

/* max(refill_bp × initial budget, overrun), never beyond MONEY_CENTS_MAX; 0, which means no call,
 * for a project that wants none (refill_bp 0) or has no initial budget to go by. */
int64_t refill_requested_cents(int64_t initial_cents, int64_t refill_bp, int64_t overrun_cents);
/* Whether an overrun has grown beyond what the call just decided asked for. overrun_cents is what
 * is left of it after the decision, granted_cents what the decision took off it (0 when declined).
 * */
bool refill_is_outgrown(int64_t overrun_cents, int64_t granted_cents, int64_t requested_cents);

#endif
