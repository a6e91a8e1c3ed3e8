/* SPDX-License-Identifier: Apache-2.0
 * Billing plans: a basis is one row here. */
#include "commission.h"

#include "common.rules.h"

enum { TRIGGERS = 4 }; /* the enumerators start at 1 */

/* What a basis needs and which triggers it allows. */
static const struct {
    Common__Basis basis;
    const char *word;
    bool needs_rate, needs_fee, available;
    bool triggers[TRIGGERS];
} bases[] = {
    {.basis = COMMON__BASIS__BASIS_UNCONSUMED_FUNDS,
     .word = "unconsumed_funds",
     .needs_rate = true,
     .available = true,
     .triggers = {[COMMON__TRIGGER__TRIGGER_PROJECT_CLOSED] = true}},
    {.basis = COMMON__BASIS__BASIS_CONSUMED_VALUE,
     .word = "consumed_value",
     .needs_rate = true,
     .triggers = {false, true, true, true}},
    {.basis = COMMON__BASIS__BASIS_FIXED_FEE,
     .word = "fixed_fee",
     .needs_fee = true,
     .triggers = {false, true, true, true}},
};

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
check_triggers(struct call *call, const char *field, size_t row,
               const Common__Commission *commission)
{
    bool milestones = false;

    for (size_t i = 0; i < commission->n_triggers; i++) {
        milestones = milestones || commission->triggers[i] == COMMON__TRIGGER__TRIGGER_MILESTONES;
        if (!bases[row].triggers[commission->triggers[i]])
            call_violation(call, within(call, field, "triggers"), "not_applicable",
                           "does not go with the basis %s", bases[row].word);
    }
    if (milestones != (commission->n_milestones > 0))
        call_violation(
            call, within(call, field, "milestones"), milestones ? "required" : "not_applicable",
            milestones ? "are needed for the trigger milestones" : "need the trigger milestones");
}

void
commission_check(struct call *call, const char *field, const Common__Commission *commission)
{
    for (size_t row = 0; commission != NULL && row < sizeof bases / sizeof *bases; row++) {
        if (bases[row].basis != commission->basis)
            continue;
        if (!bases[row].available)
            call_violation(call, within(call, field, "basis"), "not_available",
                           "%s is not available yet", bases[row].word);
        check_amount(call, within(call, field, "rate_bp"), bases[row].word, bases[row].needs_rate,
                     commission->has_rate_bp);
        check_amount(call, within(call, field, "fixed_fee_cents"), bases[row].word,
                     bases[row].needs_fee, commission->has_fixed_fee_cents);
        check_triggers(call, field, row, commission);
    }
}
