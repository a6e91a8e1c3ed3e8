/* SPDX-License-Identifier: Apache-2.0
 * What mails say: one template per kind and locale, filled with values, as text and as HTML. Knows
 * neither the database nor the network. */
#ifndef ESCARCELLE_MAILS_H
#define ESCARCELLE_MAILS_H

#include "arena.h"
#include <stdbool.h>

/* One placeholder's value, already written for people in the mail's locale (words.h). The value of
 * a placeholder may have several lines. Every mail takes "seller" (our company's name); the value
 * of a button is "link". */
struct mail_value {
    const char *name, *text;
};

struct mail_content {
    const char *subject, *text, *html;
};

#define MAIL_BLOCKS_MAX 16
#define MAIL_PLACEHOLDERS_MAX 24

/* A mail kind in a locale. A block is one of
 *   "sentence with {placeholders}"     a paragraph
 *   "Name | {value}"                   a row of a small table
 *   "[Label]"                          a button that opens {link}
 * A block with a placeholder whose value is empty is left out. Spaces are ordinary: French
 * typography is added. `reason` says under the mail why one gets it. */
struct mail_template {
    const char *kind, *locale, *subject;
    const char *blocks[MAIL_BLOCKS_MAX];
    const char *reason;
};

/* All templates; *count says how many. */
const struct mail_template *mail_templates(size_t *count);
/* The template of a kind, in French if it isn't there in the locale; NULL for an unknown kind. */
const struct mail_template *mail_template(const char *kind, const char *locale);
/* The names of a template's placeholders, each once; returns how many. */
size_t mail_placeholders(struct arena *arena, const struct mail_template *template,
                         const char *const **names);

/* Fills the template. False for an unknown kind or a placeholder without a value. */
bool mail_compose(struct arena *arena, const char *kind, const char *locale,
                  const struct mail_value *values, size_t count, struct mail_content *out);
/* The same with the secret link struck out, for the archive (ACC-8, NOT-3). */
bool mail_compose_struck(struct arena *arena, const char *kind, const char *locale,
                         const struct mail_value *values, size_t count, struct mail_content *out);

/* One notice among others of a gathered mail: its subject, and on the line below the rows that say more. NULL
 * for an unknown kind or a placeholder without a value. */
const char *mail_digest(struct arena *arena, const char *kind, const char *locale,
                        const struct mail_value *values, size_t count);

#endif
