/* SPDX-License-Identifier: Apache-2.0
 * The table of the bases that are billed, each with its function. Pure. */
#include "billing_bases.h"

#include "money.h"
#include "words.h"

#include <string.h>

static void
add_line(struct arena *arena, Invoice *invoice, const char *description, int64_t net_cents)
{
    InvoiceLine *line = (InvoiceLine *)message_new(arena, &InvoiceLine_descriptor);
    InvoiceLine **lines = arena_array(arena, invoice->n_lines + 1, sizeof *lines);

    line->description = (char *)description;
    SET(line, quantity, 1);
    SET(line, unit_price_cents, net_cents);
    SET(line, net_cents, net_cents);
    if (invoice->n_lines > 0)
        memcpy(lines, invoice->lines, invoice->n_lines * sizeof *lines);
    lines[invoice->n_lines++] = line;
    invoice->lines = lines;
}

/* Rate × what remains at closing; an overrun bills nothing. */
static bool
bill_unconsumed_funds(struct arena *arena, const BillingPlan *plan, const FiredTrigger *trigger,
                      Invoice *invoice)
{
    bool english = invoice->locale == ACCOUNTS__LOCALE__LOCALE_EN;
    const char *locale = english ? "en" : "fr";
    int64_t remaining_cents = trigger->remaining_cents > 0 ? trigger->remaining_cents : 0,
            net_cents;

    if (!money_share(remaining_cents, plan->rate_bp, &net_cents))
        return false;
    SET(invoice, basis_cents, remaining_cents);
    SET(invoice, rate_bp, plan->rate_bp);
    if (net_cents > 0)
        add_line(arena, invoice,
                 arena_printf(arena,
                              english
                                  ? "Management commission on unconsumed funds: %s of %s excl. VAT"
                                  : "Commission de gestion sur fonds non consommés : %s de %s HT",
                              percent_text(arena, plan->rate_bp, locale),
                              money_text(arena, remaining_cents, locale)),
                 net_cents);
    return true;
}

static const struct {
    Basis basis;
    bool (*bill)(struct arena *arena, const BillingPlan *plan, const FiredTrigger *trigger,
                 Invoice *invoice);
} bases[] = {
    {BASIS_UNCONSUMED_FUNDS, bill_unconsumed_funds},
};

static const struct {
    InvoiceTrigger fired;
    Trigger planned;
} triggers[] = {
    {INVOICE_TRIGGER_PROJECT_CLOSED, TRIGGER_PROJECT_CLOSED},
    {INVOICE_TRIGGER_SESSION_COMPLETED, TRIGGER_SESSION_COMPLETED},
    {INVOICE_TRIGGER_MILESTONES, TRIGGER_MILESTONES},
};

static bool
is_planned(const BillingPlan *plan, Trigger trigger)
{
    for (size_t i = 0; i < plan->n_triggers; i++)
        if (plan->triggers[i] == trigger)
            return true;
    return false;
}

bool
billing_plan_fires(const BillingPlan *plan, InvoiceTrigger trigger)
{
    for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++)
        if (triggers[i].fired == trigger)
            return is_planned(plan, triggers[i].planned);
    return trigger == INVOICE_TRIGGER_MANUAL;
}

bool
billing_lines(struct arena *arena, const BillingPlan *plan, const FiredTrigger *trigger,
              Invoice *invoice)
{
    SET(invoice, basis, plan->basis);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (bases[i].basis == plan->basis)
            return bases[i].bill(arena, plan, trigger, invoice);
    return true;
}
