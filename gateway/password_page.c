/* SPDX-License-Identifier: Apache-2.0
 * The page behind the link of an invitation or a forgotten password (ACC-8). */
#include "visits.h"

#include "accounts.pb-c.h"
#include "pages.h"
#include "words.h"

static const struct visit_fault_words faults[] = {
    {"new_password", "required", "Choisissez un mot de passe.", "Choose a password."},
    {"new_password", "too_short",
     "Ce mot de passe est trop court : il lui faut au moins 12 caractères.",
     "This password is too short: it needs at least 12 characters."},
    {"new_password", "too_long", "Ce mot de passe est trop long : 200 caractères au plus.",
     "This password is too long: 200 characters at most."},
    {"new_password", NULL, "Ce mot de passe n’est pas accepté ; choisissez-en un autre.",
     "This password is not accepted; choose another one."},
    {"new_password_again", NULL,
     "Les deux mots de passe sont différents ; saisissez deux fois le même.",
     "The two passwords differ; type the same one twice."},
    {NULL, NULL, NULL, NULL},
};

static void
write_password(struct exchange *exchange, struct buffer *out, const char *field, const char *label,
               const char *help)
{
    page_print(out, "<div class=\"field\">\n<label for=\"%s\">%s</label>\n", field, label);
    visit_write_fault(exchange, out, field);
    page_print(out, "<input type=\"password\" id=\"%s\" name=\"%s\" autocomplete=\"new-password\"",
               field, field);
    visit_write_ties(exchange, out, field, help != NULL);
    buffer_text(out, ">\n");
    if (help != NULL)
        page_print(out, "<p class=\"help\" id=\"%s-help\">%s</p>\n", field, help);
    buffer_text(out, "</div>\n");
}

/* The address is there for password managers too; it is not sent. */
static void
write_form(struct exchange *exchange, struct buffer *out, const char *email)
{
    page_print(out,
               "<form method=\"post\">\n<div class=\"field\">\n<label for=\"email\">%s</label>\n"
               "<input type=\"email\" id=\"email\" autocomplete=\"username\" readonly "
               "value=\"%s\">\n</div>\n",
               visit_words(exchange, "Votre adresse électronique", "Your e-mail address"), email);
    write_password(exchange, out, "new_password",
                   visit_words(exchange, "Nouveau mot de passe", "New password"),
                   visit_words(exchange, "Au moins 12 caractères : une phrase se retient bien.",
                               "At least 12 characters: a sentence is easy to remember."));
    write_password(exchange, out, "new_password_again",
                   visit_words(exchange, "Le même, une seconde fois", "The same once more"), NULL);
    page_print(out, "<button type=\"submit\">%s</button>\n</form>\n",
               visit_words(exchange, "Enregistrer le mot de passe", "Set the password"));
}

static void
show(struct exchange *exchange, const ProtobufCMessage *read)
{
    const Accounts__PasswordReset *reset = (const Accounts__PasswordReset *)read;
    const char *until = moment_text(exchange->arena, reset->expires_at, exchange->visit->language);
    struct buffer out;

    buffer_init(&out, exchange->arena);
    visit_start(exchange, &out, NULL,
                visit_words(exchange, "Choisissez votre mot de passe", "Choose your password"));
    write_form(exchange, &out, reset->email);
    page_print(&out, "<p class=\"help\">%s</p>\n",
               visit_words(exchange, "Ce lien sert une seule fois, jusqu’au %s.",
                           "This link works once, until %s.", until));
    page_end(&out);
    page_answer(exchange, exchange->visit->status, &out, true);
}

static void
done(struct exchange *exchange)
{
    struct buffer out;

    buffer_init(&out, exchange->arena);
    visit_start(exchange, &out, NULL,
                visit_words(exchange, "Mot de passe enregistré", "Your password is set"));
    page_print(&out, "<div class=\"notice\" role=\"status\">\n<p>%s</p>\n</div>\n",
               visit_words(exchange,
                           "Vous pouvez maintenant vous connecter. Par sécurité, toutes les "
                           "connexions précédentes sont fermées.",
                           "You can log in now. To be safe, all earlier logins have ended."));
    page_end(&out);
    page_answer(exchange, 200, &out, false);
}

const struct visit_page password_page = {
    .path = "/v1/auth/password-resets/{token}",
    .faults = faults,
    .gone_french =
        "Il a déjà servi ou sa durée est passée. Demandez-en un nouveau avec « Mot de passe "
        "oublié », ou demandez une nouvelle invitation à un administrateur.",
    .gone_english = "It was used before or its time is over. Ask for another one with “Forgotten "
                    "password”, or ask an administrator for a new invitation.",
    .show = show,
    .done = done,
};
