/* SPDX-License-Identifier: Apache-2.0
 * The page on which a client answers a funding call (FUN-4). What may be answered is for funding to
 * say. */
#include "visits.h"

#include "funding.pb-c.h"
#include "pages.h"
#include "words.h"

#include <string.h>

typedef Funding__FundingReview Review;
#define STATUS(name) FUNDING__FUNDING_CALL_STATUS__FUNDING_CALL_STATUS_##name

static const struct visit_fault_words faults[] = {
    {"decision", NULL, "Choisissez une réponse.", "Choose an answer."},
    {"granted_cents", "required", "Indiquez le montant que vous accordez.",
     "Say which amount you grant."},
    {"granted_cents", "not_applicable",
     "Un montant ne se saisit qu’avec « J’accorde un autre montant » : choisissez cette réponse ou "
     "effacez le montant.",
     "An amount goes with “I grant another amount” only: choose that answer or clear the amount."},
    {"granted_cents", "out_of_range", "Indiquez un montant supérieur à zéro et plausible.",
     "Give an amount that is greater than zero and plausible."},
    {"granted_cents", NULL,
     "Ce montant ne se lit pas sans ambiguïté ; écrivez-le ainsi : 1\u00a0500,00",
     "This amount can’t be read in one way only; write it like this: 1,500.00"},
    {"comment", NULL, "Ce commentaire est trop long : 5\u00a0000 caractères au plus.",
     "This comment is too long: 5,000 characters at most."},
    {"", "already_decided",
     "Cet appel de fonds a déjà reçu une autre réponse. Pour la changer, écrivez-nous.",
     "This funding call was answered otherwise before. Write to us to change that."},
    {"", NULL, "Cet appel de fonds n’attend plus de réponse.",
     "This funding call no longer waits for an answer."},
    {NULL, NULL, NULL, NULL},
};

/* ---- what is asked */

static const char *
amount(struct exchange *exchange, int64_t cents)
{
    return money_text(exchange->arena, cents, exchange->visit->language);
}

static void
write_fact(struct buffer *out, const char *name, const char *value, bool is_sum)
{
    if (value != NULL)
        page_print(out,
                   is_sum ? "<div><dt>%s</dt><dd class=\"sum\">%s</dd></div>\n"
                          : "<div><dt>%s</dt><dd>%s</dd></div>\n",
                   name, value);
}

static void
write_facts(struct exchange *exchange, struct buffer *out, const Review *review)
{
    const char *language = exchange->visit->language;

    buffer_text(out, "<dl>\n");
    write_fact(out, visit_words(exchange, "Montant demandé", "Amount asked for"),
               amount(exchange, review->requested_cents), true);
    write_fact(out, visit_words(exchange, "Projet", "Project"), review->project_name, false);
    write_fact(out, visit_words(exchange, "Client", "Client"), review->client_name, false);
    write_fact(out, visit_words(exchange, "Date de l’appel", "Date of the call"),
               date_text(exchange->arena, review->call_date, language), false);
    if (review->status == STATUS(SENT))
        write_fact(out, visit_words(exchange, "Réponse attendue", "To be answered"),
                   visit_words(exchange, "avant le %s", "before %s",
                               moment_text(exchange->arena, review->expires_at, language)),
                   false);
    buffer_text(out, "</dl>\n");
}

/* ---- the form */

static void
write_choice(struct exchange *exchange, struct buffer *out, const char *value, const char *label)
{
    bool first = strcmp(value, "accept") == 0;
    bool chosen = strcmp(visit_typed(exchange->visit, "decision"), value) == 0;

    page_print(out, "<label class=\"choice\"><input type=\"radio\" name=\"decision\" value=\"%s\"",
               value);
    buffer_text(out, first ? " id=\"decision\"" : "");
    buffer_text(out, chosen ? " checked" : "");
    page_print(out, "> <span>%s</span></label>\n", label);
}

static void
write_amount(struct exchange *exchange, struct buffer *out)
{
    page_print(out, "<div class=\"inset\">\n<label for=\"granted_cents\">%s</label>\n",
               visit_words(exchange, "Montant accordé, en euros", "Amount granted, in euro"));
    visit_write_fault(exchange, out, "granted_cents");
    page_print(out,
               "<input type=\"text\" class=\"amount\" id=\"granted_cents\" name=\"granted_cents\" "
               "inputmode=\"decimal\" autocomplete=\"off\" value=\"%s\"",
               visit_typed(exchange->visit, "granted_cents"));
    visit_write_ties(exchange, out, "granted_cents", true);
    page_print(
        out, ">\n<p class=\"help\" id=\"granted_cents-help\">%s</p>\n</div>\n",
        visit_words(exchange, "Par exemple : %s", "For example: %s", amount(exchange, 150000)));
}

static void
write_decision(struct exchange *exchange, struct buffer *out, const Review *review)
{
    page_print(out, "<fieldset>\n<legend>%s</legend>\n",
               visit_words(exchange, "Votre réponse", "Your answer"));
    visit_write_fault(exchange, out, "decision");
    write_choice(exchange, out, "accept",
                 visit_words(exchange, "J’accorde %s", "I grant %s",
                             amount(exchange, review->requested_cents)));
    write_choice(exchange, out, "adjust",
                 visit_words(exchange, "J’accorde un autre montant", "I grant another amount"));
    write_amount(exchange, out);
    write_choice(exchange, out, "decline",
                 visit_words(exchange, "Je refuse cet appel de fonds", "I decline this call"));
    buffer_text(out, "</fieldset>\n");
}

static void
write_form(struct exchange *exchange, struct buffer *out, const Review *review)
{
    buffer_text(out, "<form method=\"post\">\n");
    write_decision(exchange, out, review);
    page_print(out, "<div class=\"field\">\n<label for=\"comment\">%s</label>\n",
               visit_words(exchange, "Commentaire (facultatif)", "Comment (optional)"));
    visit_write_fault(exchange, out, "comment");
    buffer_text(out, "<textarea id=\"comment\" name=\"comment\" rows=\"4\"");
    visit_write_ties(exchange, out, "comment", false);
    page_print(out, ">\n%s</textarea>\n</div>\n<button type=\"submit\">%s</button>\n</form>\n",
               visit_typed(exchange->visit, "comment"),
               visit_words(exchange, "Envoyer ma réponse", "Send my answer"));
}

/* ---- what became of it */

static const char *
granted(struct exchange *exchange, const Review *review)
{
    const char *requested = amount(exchange, review->requested_cents);

    if (review->granted_cents == review->requested_cents)
        return visit_words(exchange, "Réponse enregistrée : %s accordés.",
                           "The answer is recorded: %s granted.", requested);
    return visit_words(exchange, "Réponse enregistrée : %s accordés sur %s demandés.",
                       "The answer is recorded: %s granted of %s asked for.",
                       amount(exchange, review->granted_cents), requested);
}

static const char *
outcome(struct exchange *exchange, const Review *review)
{
    if (review->status == STATUS(ACCEPTED))
        return granted(exchange, review);
    if (review->status == STATUS(DECLINED))
        return visit_words(exchange, "Réponse enregistrée : cet appel de fonds est refusé.",
                           "The answer is recorded: this funding call is declined.");
    if (review->status == STATUS(EXPIRED))
        return visit_words(exchange, "Cet appel de fonds a expiré sans réponse.",
                           "This funding call has expired without an answer.");
    return visit_words(exchange, "Cet appel de fonds est annulé ; vous n’avez rien à faire.",
                       "This funding call was cancelled; there is nothing for you to do.");
}

static void
write_outcome(struct exchange *exchange, struct buffer *out, const Review *review)
{
    page_print(out, "<div class=\"notice%s\" role=\"status\">\n<p>%s</p>\n</div>\n",
               review->has_decision ? "" : " over", outcome(exchange, review));
    if (review->has_decision)
        page_print(out, "<p class=\"help\">%s</p>\n",
                   visit_words(exchange, "Pour revenir sur cette réponse, écrivez-nous.",
                               "To change this answer, write to us."));
}

static void
show(struct exchange *exchange, const ProtobufCMessage *read)
{
    const Review *review = (const Review *)read;
    bool open = review->status == STATUS(SENT);
    struct buffer out;

    if (review->has_locale)
        exchange->visit->language = review->locale == ACCOUNTS__LOCALE__LOCALE_EN ? "en" : "fr";
    buffer_init(&out, exchange->arena);
    visit_start(exchange, &out, review->seller_name,
                visit_words(exchange, "Appel de fonds", "Funding call"));
    if (!open)
        write_outcome(exchange, &out, review);
    write_facts(exchange, &out, review);
    if (open)
        write_form(exchange, &out, review);
    page_end(&out);
    page_answer(exchange, exchange->visit->status, &out, open);
}

const struct visit_page review_page = {
    .path = "/v1/funding-reviews/{token}",
    .faults = faults,
    .gone_french =
        "Le délai de réponse à cet appel de fonds est passé. Écrivez-nous : nous vous en "
        "adresserons un nouveau si besoin.",
    .gone_english =
        "The time for answering this funding call is over. Write to us: we will send you "
        "another one if it is needed.",
    .show = show,
};
