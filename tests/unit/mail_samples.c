/* SPDX-License-Identifier: Apache-2.0
 * A value for every placeholder of every mail, for the tests and for looking at. */
#include "mail_samples.h"
#include "words.h"

static const char *
sample_digest(struct arena *arena, const char *session, const char *locale)
{
    const struct mail_value values[] = {
        {"session", session},
        {"project", "Parcours managers 2026"},
        {"client", "ACME"},
        {"dates", period_text(arena, "2026-12-03", "2026-12-05", locale)},
    };

    return mail_digest(arena, "session_planned", locale, values, sizeof values / sizeof *values);
}

size_t
sample_mail_values(struct arena *arena, const char *locale, struct mail_value **values)
{
    const struct mail_value samples[] = {
        {"seller", "Escarcelle Formation (société fictive)"},
        {"name", "Zoé Œuvrard"},
        {"contact", "Léa <Martin> & fils"},
        {"client", "ACME"},
        {"project", "Parcours managers 2026"},
        {"session", "Prise de parole en public"},
        {"link", "https://escarcelle.example/review/0193542a7c1e?a=1&b=secret-value"},
        {"expires", date_text(arena, "2026-12-22", locale)},
        {"dates", period_text(arena, "2026-12-03", "2026-12-05", locale)},
        {"decided", date_text(arena, "2026-11-24", locale)},
        {"due", date_text(arena, "2026-12-22", locale)},
        {"budget", money_text(arena, 1000000, locale)},
        {"consumed", money_text(arena, 810000, locale)},
        {"consumed_percent", percent_text(arena, 8100, locale)},
        {"threshold", money_text(arena, 800000, locale)},
        {"remaining", money_text(arena, 190000, locale)},
        {"overrun", money_text(arena, 25000, locale)},
        {"requested", money_text(arena, 200000, locale)},
        {"granted", money_text(arena, 150000, locale)},
        {"declined", ""},
        {"count", "4"},
        {"notices",
         arena_printf(arena, "%s\n\n%s", sample_digest(arena, "Prise de parole en public", locale),
                      sample_digest(arena, "Conduite de réunion", locale))},
        {"from_envelope", money_text(arena, 150000, locale)},
        {"reason", "Accord donné par téléphone le 24 novembre."},
        {"original", "FA-2026-000098"},
        {"sent", date_text(arena, "2026-11-22", locale)},
        {"expired", date_text(arena, "2026-12-22", locale)},
        {"cost", money_text(arena, 810000, locale)},
        {"net", money_text(arena, 17000, locale)},
        {"gross", money_text(arena, 20400, locale)},
        {"number", "FA-2026-000123"},
        {"open", money_text(arena, 10400, locale)},
        {"reference", "FA-2026-000123"},
        {"settled", ""},
        {"iban", iban_text(arena, "FR7630006000011234567890189")},
        {"comment", "D’accord pour 1 500 €.\nLe solde au trimestre prochain."},
        {"message", "Deux sessions restent à planifier."},
    };
    *values = arena_memdup(arena, samples, sizeof samples);
    return sizeof samples / sizeof samples[0];
}
