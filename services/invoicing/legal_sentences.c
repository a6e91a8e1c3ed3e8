/* SPDX-License-Identifier: Apache-2.0
 * Which sentences an invoice carries, and the law's own texts. Pure. */
#include "legal_sentences.h"

#include "dated_rates.h"
#include "legal_keys.h"
#include "words.h"

#include <string.h>

#define RATE "{rate}"
#define PENALTY_BY_LAW "penalty_by_law" /* for when no rate is set; never a key of a mention */

#define FR ACCOUNTS__LOCALE__LOCALE_FR
#define EN ACCOUNTS__LOCALE__LOCALE_EN

/* A sentence in one language and the days it is in force. */
struct sentence {
    const char *key;
    Accounts__Locale locale;
    const char *valid_from, *valid_to, *text;
};

/* Sources: code de commerce L441-9 (discount, penalty rate, indemnity), L441-10 and D441-5 (10
 * points, no reminder, 40 EUR); CGI annex II, 242 nonies A (VAT on debits). */
static const struct sentence laws[] = {
    {LEGAL_DISCOUNT, FR, "2013-01-01", NULL, "Escompte pour paiement anticipé : néant."},
    {LEGAL_DISCOUNT, EN, "2013-01-01", NULL, "Discount for early payment: none."},
    {LEGAL_PENALTY, FR, "2013-01-01", NULL,
     "En cas de retard de paiement, pénalités au taux annuel de " RATE
     ", exigibles le jour suivant la date d'échéance sans qu'un rappel soit nécessaire."},
    {LEGAL_PENALTY, EN, "2013-01-01", NULL,
     "Late payment bears penalties at an annual rate of " RATE
     ", due from the day after the due date without any reminder."},
    {PENALTY_BY_LAW, FR, "2013-01-01", NULL,
     "En cas de retard de paiement, pénalités au taux d'intérêt appliqué par la Banque centrale "
     "européenne à son opération de refinancement la plus récente majoré de 10 points de "
     "pourcentage, exigibles le jour suivant la date d'échéance sans qu'un rappel soit "
     "nécessaire."},
    {PENALTY_BY_LAW, EN, "2013-01-01", NULL,
     "Late payment bears penalties at the interest rate of the European Central Bank's most "
     "recent main refinancing operation plus 10 percentage points, due from the day after the due "
     "date without any reminder."},
    {LEGAL_INDEMNITY, FR, "2013-01-01", NULL,
     "Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €."},
    {LEGAL_INDEMNITY, EN, "2013-01-01", NULL,
     "Fixed compensation for recovery costs in case of late payment: EUR 40."},
    {LEGAL_VAT_ON_DEBITS, FR, "2013-01-01", NULL,
     "Option pour le paiement de la taxe d'après les débits."},
    {LEGAL_VAT_ON_DEBITS, EN, "2013-01-01", NULL, "VAT is paid on debits."},
};

static const char *const keys[] = {LEGAL_KEYS};

enum { KEYS = sizeof keys / sizeof *keys };

/* Takes a sentence for the best so far when it is asked for, in force, and started later. */
static void
consider(const struct sentence *sentence, const struct sentence *asked, const char *date,
         struct sentence *best)
{
    if (strcmp(sentence->key, asked->key) == 0 && sentence->locale == asked->locale &&
        dated_holds(sentence->valid_from, sentence->valid_to, date) &&
        (best->text == NULL || strcmp(best->valid_from, sentence->valid_from) < 0))
        *best = *sentence;
}

/* NULL when the law has no such sentence that day. */
static const char *
law_text(const char *key, Accounts__Locale locale, const char *date)
{
    const struct sentence asked = {.key = key, .locale = locale};
    struct sentence best = {.text = NULL};

    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        consider(&laws[i], &asked, date, &best);
    return best.text;
}

static const char *
text_in_force(const Accounts__Settings *settings, const char *key, Accounts__Locale locale,
              const char *date)
{
    const struct sentence asked = {.key = key, .locale = locale};
    struct sentence best = {.text = NULL};

    for (size_t i = 0; i < settings->n_legal_sentences; i++) {
        const Accounts__DatedText *own = settings->legal_sentences[i];
        const struct sentence sentence = {own->key, own->locale, own->valid_from, own->valid_to,
                                          own->text};

        consider(&sentence, &asked, date, &best);
    }
    return best.text != NULL ? best.text : law_text(key, locale, date);
}

/* The sentence with the rate in force in the place of {rate}. */
static const char *
with_rate(struct arena *arena, const Accounts__Settings *settings, const char *text,
          Accounts__Locale locale, const char *date)
{
    const Accounts__DatedRate *rate =
        dated_rate(settings->late_penalty_rates, settings->n_late_penalty_rates, date);
    const char *place = text == NULL ? NULL : strstr(text, RATE);

    if (place == NULL)
        return text;
    if (rate == NULL)
        return law_text(PENALTY_BY_LAW, locale, date);
    return arena_printf(arena, "%.*s%s%s", (int)(place - text), text,
                        percent_text(arena, rate->rate_bp, locale == EN ? "en" : "fr"),
                        place + strlen(RATE));
}

const char *
legal_exemption(const Accounts__Settings *settings, Accounts__Locale locale, const char *date)
{
    return text_in_force(settings, LEGAL_VAT_EXEMPTION, locale, date);
}

/* The day whose sentence an invoice carries, NULL when it carries none: that of issue, or the tax point of what bears
 * no VAT. */
static const char *
day_of(const Accounts__Settings *settings, const Invoice *invoice, const char *key)
{
    if (strcmp(key, LEGAL_VAT_ON_DEBITS) == 0)
        return settings->seller != NULL && settings->seller->vat_on_debits ? invoice->issue_date
                                                                           : NULL;
    if (strcmp(key, LEGAL_VAT_EXEMPTION) != 0)
        return invoice->issue_date;
    for (size_t i = 0; i < invoice->n_lines; i++)
        if (invoice->lines[i]->vat_rate_bp == 0)
            return invoice->lines[i]->service_date;
    return NULL;
}

void
legal_sentences_add(struct arena *arena, const Accounts__Settings *settings, Invoice *invoice)
{
    Accounts__Locale locale = invoice->locale == EN ? EN : FR;

    invoice->mentions = arena_array(arena, KEYS, sizeof *invoice->mentions);
    invoice->n_mentions = 0;
    for (size_t i = 0; i < KEYS; i++) {
        Mention *mention = (Mention *)message_new(arena, &Mention_descriptor);
        const char *date = day_of(settings, invoice, keys[i]);
        const char *text = date == NULL ? NULL : text_in_force(settings, keys[i], locale, date);

        if (text == NULL)
            continue;
        mention->key = (char *)keys[i];
        mention->text = (char *)with_rate(arena, settings, text, locale, date);
        invoice->mentions[invoice->n_mentions++] = mention;
    }
}

void
legal_sentences_keep(struct arena *arena, const Invoice *original, Invoice *note)
{
    note->mentions = arena_array(arena, original->n_mentions + 1, sizeof *note->mentions);
    note->n_mentions = 0;
    for (size_t i = 0; i < original->n_mentions; i++)
        if (strcmp(original->mentions[i]->key, LEGAL_VAT_ON_DEBITS) == 0 ||
            strcmp(original->mentions[i]->key, LEGAL_VAT_EXEMPTION) == 0)
            note->mentions[note->n_mentions++] = original->mentions[i];
}
