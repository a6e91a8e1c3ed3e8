/* SPDX-License-Identifier: Apache-2.0
 * The function of each basis. Pure. */
#include "billing_bases.h"

#include "commission_bases.h"
#include "money.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool
is_english(const Invoice *invoice)
{
    return invoice->locale == ACCOUNTS__LOCALE__LOCALE_EN;
}

static const char *
locale_of(const Invoice *invoice)
{
    return is_english(invoice) ? "en" : "fr";
}

static InvoiceLine *
add_line(struct arena *arena, const struct billing *billing, Invoice *invoice,
         const char *description, int64_t net_cents)
{
    InvoiceLine *line = (InvoiceLine *)message_new(arena, &InvoiceLine_descriptor);
    InvoiceLine **lines = arena_array(arena, invoice->n_lines + 1, sizeof *lines);

    line->description = (char *)description;
    line->service_date = billing->trigger->service_date;
    SET(line, quantity, 1);
    SET(line, unit_price_cents, net_cents);
    SET(line, net_cents, net_cents);
    if (invoice->n_lines > 0)
        memcpy(lines, invoice->lines, invoice->n_lines * sizeof *lines);
    lines[invoice->n_lines++] = line;
    invoice->lines = lines;
    return line;
}

/* The line bills the session's trainings. The tax point of what is left at closing is the closing. */
static void
take_session(InvoiceLine *line, const struct billing *billing, const UnbilledSession *session)
{
    line->session_id = session->id;
    line->training_ids = session->training_ids;
    line->n_training_ids = session->n_training_ids;
    if (billing->trigger->trigger != INVOICE_TRIGGER_PROJECT_CLOSED)
        line->service_date = session->end_date;
}

/* "session « Négociation » (du 1er au 2 décembre 2026)" */
static const char *
session_words(struct arena *arena, const Invoice *invoice, const UnbilledSession *session)
{
    return arena_printf(
        arena, is_english(invoice) ? "session “%s” (%s)" : "session «\u00a0%s\u00a0» (%s)",
        session->title,
        period_text(arena, session->start_date, session->end_date, locale_of(invoice)));
}

/* ---- the bases */

typedef bool bill_basis(struct arena *arena, const struct billing *billing, Invoice *invoice);

#define DECLARE(enumerator, word, amount, triggers) static bill_basis bill_##word;
COMMISSION_BASES(DECLARE)
#undef DECLARE

/* Rate × the unbilled cost of each completed session, rounded by session (MON-3). */
static bool
bill_consumed_value(struct arena *arena, const struct billing *billing, Invoice *invoice)
{
    int64_t rate_bp = billing->plan->rate_bp, basis_cents = 0, net_cents;

    for (size_t i = 0; i < billing->session_count; i++) {
        const UnbilledSession *session = billing->sessions[i];

        if (!money_share(session->cost_cents, rate_bp, &net_cents))
            return false;
        if (net_cents == 0)
            continue;
        if (!money_add(basis_cents, session->cost_cents, &basis_cents))
            return false;
        take_session(
            add_line(arena, billing, invoice,
                     arena_printf(arena,
                                  is_english(invoice)
                                      ? "Management commission, %s: %s of %s excl. VAT"
                                      : "Commission de gestion, %s\u00a0: %s de %s HT",
                                  session_words(arena, invoice, session),
                                  percent_text(arena, rate_bp, locale_of(invoice)),
                                  money_text(arena, session->cost_cents, locale_of(invoice))),
                     net_cents),
            billing, session);
    }
    SET(invoice, basis_cents, basis_cents);
    SET(invoice, rate_bp, rate_bp);
    return true;
}

/* Rate × what remained at closing; an overrun bills nothing, nor does a project that is not closed. */
static bool
bill_unconsumed_funds(struct arena *arena, const struct billing *billing, Invoice *invoice)
{
    const FiredTrigger *trigger = billing->trigger;
    int64_t rate_bp = billing->plan->rate_bp, net_cents,
            remaining_cents = trigger->remaining_cents > 0 ? trigger->remaining_cents : 0;

    if (!money_share(remaining_cents, rate_bp, &net_cents))
        return false;
    SET(invoice, basis_cents, remaining_cents);
    SET(invoice, rate_bp, rate_bp);
    if (net_cents > 0)
        add_line(
            arena, billing, invoice,
            arena_printf(arena,
                         is_english(invoice)
                             ? "Management commission on unconsumed funds: %s of %s excl. VAT"
                             : "Commission de gestion sur fonds non consommés\u00a0: %s de %s HT",
                         percent_text(arena, rate_bp, locale_of(invoice)),
                         money_text(arena, remaining_cents, locale_of(invoice))),
            net_cents);
    return true;
}

/* "échéance du 31 décembre 2026", "50 % du budget consommé" */
static const char *
milestone_words(struct arena *arena, const Invoice *invoice, const char *occurrence)
{
    const char *locale = locale_of(invoice);

    if (strchr(occurrence, '-') != NULL)
        return arena_printf(arena, is_english(invoice) ? "milestone of %s" : "échéance du %s",
                            date_text(arena, occurrence, locale));
    return arena_printf(arena,
                        is_english(invoice) ? "%s of the budget consumed" : "%s du budget consommé",
                        percent_text(arena, strtoll(occurrence, NULL, 10), locale));
}

/* What the fee is for. */
static const char *
occasion_words(struct arena *arena, const struct billing *billing, const Invoice *invoice)
{
    const FiredTrigger *trigger = billing->trigger;

    if (trigger->trigger == INVOICE_TRIGGER_SESSION_COMPLETED)
        return session_words(arena, invoice, billing->sessions[0]);
    if (trigger->trigger == INVOICE_TRIGGER_MILESTONES)
        return milestone_words(arena, invoice, trigger->occurrence);
    if (trigger->trigger == INVOICE_TRIGGER_PROJECT_CLOSED)
        return is_english(invoice) ? "closing of the project" : "clôture du projet";
    return is_english(invoice) ? "services to date" : "prestations à ce jour";
}

/* Whether there is anything that the fee is for: not for an empty session (SES-4) nor one that is
 * billed; not for a closed project, unless a credit note took its closing's fee back. */
static bool
is_fee_due(const struct billing *billing)
{
    const FiredTrigger *trigger = billing->trigger;

    if (trigger->trigger == INVOICE_TRIGGER_SESSION_COMPLETED)
        return billing->session_count > 0;
    return trigger->trigger != INVOICE_TRIGGER_MANUAL || trigger->has_remaining_cents ||
           billing->project->status != BUDGETING__PROJECT_STATUS__PROJECT_STATUS_CLOSED;
}

/* The fee, once per trigger. */
static bool
bill_fixed_fee(struct arena *arena, const struct billing *billing, Invoice *invoice)
{
    InvoiceLine *line;

    if (!is_fee_due(billing))
        return true;
    line = add_line(
        arena, billing, invoice,
        arena_printf(arena, is_english(invoice) ? "Management fee, %s" : "Forfait de gestion, %s",
                     occasion_words(arena, billing, invoice)),
        billing->plan->fixed_fee_cents);
    if (billing->trigger->trigger == INVOICE_TRIGGER_SESSION_COMPLETED)
        take_session(line, billing, billing->sessions[0]);
    return true;
}

#define ROW(enumerator, word, amount, triggers) {BASIS_##enumerator, bill_##word},
static const struct {
    Basis basis;
    bill_basis *bill;
} bases[] = {COMMISSION_BASES(ROW)};
#undef ROW

/* ---- what fires */

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
billing_lines(struct arena *arena, const struct billing *billing, Invoice *invoice)
{
    SET(invoice, basis, billing->plan->basis);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (bases[i].basis == billing->plan->basis)
            return bases[i].bill(arena, billing, invoice);
    return true;
}
