/* SPDX-License-Identifier: Apache-2.0
 * The formats of strings that a contract can name: how each is stored, and what makes it valid. */
#ifndef ESCARCELLE_FORMATS_H
#define ESCARCELLE_FORMATS_H

#include "arena.h"
#include "rpc.h"

/* The stored form of a text: SIREN, VAT number, IBAN and BIC without spaces and in capitals, phone
 * numbers as E.164, e-mail addresses without spaces around, UUIDs in lower case, line ends as \n.
 */
char *format_normalise(struct arena *arena, enum rule_format format, char *text);
/* What is wrong with a normalised text of this format: a code ("invalid_siren") and a sentence. */
struct format_fault {
    const char *code, *sentence;
};
/* NULL when the text is valid. */
const struct format_fault *format_check(enum rule_format format, const char *text);

#endif
