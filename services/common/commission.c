/* SPDX-License-Identifier: Apache-2.0
 * Billing plans: what each basis needs, and which triggers it goes with. */
#include "commission.h"

#include "commission_bases.h"
#include "common.rules.h"

enum commission_amount { RATE, FEE };
enum commission_triggers { ANY_TRIGGER, CLOSING_ONLY };

#define ROW(enumerator, word, amount, triggers)                                                    \
    {COMMON__BASIS__BASIS_##enumerator, #word, amount, triggers},
static const struct basis {
    Common__Basis basis;
    const char *word;
    enum commission_amount amount;
    enum commission_triggers triggers;
} bases[] = {COMMISSION_BASES(ROW)};
#undef ROW

static const char *
within(struct call *call, const char *field, const char *name)
{
    return field[0] == '\0' ? name : arena_printf(call->arena, "%s.%s", field, name);
}

static void
check_amount(struct call *call, const char *field, const char *word, bool needed, bool given)
{
    if (needed && !given)
        call_violation(call, field, "required", "is needed for the basis %s", word);
    if (!needed && given)
        call_violation(call, field, "not_applicable", "does not go with the basis %s; leave it out",
                       word);
}

static void
check_triggers(struct call *call, const char *field, const struct basis *basis,
               const Common__Commission *commission)
{
    bool milestones = false;

    for (size_t i = 0; i < commission->n_triggers; i++) {
        milestones = milestones || commission->triggers[i] == COMMON__TRIGGER__TRIGGER_MILESTONES;
        if (basis->triggers == CLOSING_ONLY &&
            commission->triggers[i] != COMMON__TRIGGER__TRIGGER_PROJECT_CLOSED)
            call_violation(call, within(call, field, "triggers"), "not_applicable",
                           "does not go with the basis %s", basis->word);
    }
    if (milestones != (commission->n_milestones > 0))
        call_violation(
            call, within(call, field, "milestones"), milestones ? "required" : "not_applicable",
            milestones ? "are needed for the trigger milestones" : "need the trigger milestones");
}

void
commission_check(struct call *call, const char *field, const Common__Commission *commission)
{
    for (size_t i = 0; commission != NULL && i < sizeof bases / sizeof *bases; i++) {
        const struct basis *basis = &bases[i];

        if (!commission->has_basis || basis->basis != commission->basis)
            continue;
        check_amount(call, within(call, field, "rate_bp"), basis->word, basis->amount == RATE,
                     commission->has_rate_bp);
        check_amount(call, within(call, field, "fixed_fee_cents"), basis->word,
                     basis->amount == FEE, commission->has_fixed_fee_cents);
        check_triggers(call, field, basis, commission);
    }
}
