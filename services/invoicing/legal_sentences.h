/* SPDX-License-Identifier: Apache-2.0
 * The legal sentences of an invoice: those of the settings in force that day, else the law's. */
#ifndef ESCARCELLE_LEGAL_SENTENCES_H
#define ESCARCELLE_LEGAL_SENTENCES_H

#include "invoicing.rpc.h"

/* What is to be said of lines that bear no VAT, at their tax point; NULL: the settings don't say. The law has no
 * sentence of its own, since it depends on what is sold. */
const char *legal_exemption(const Accounts__Settings *settings, Accounts__Locale locale,
                            const char *date);
/* Sets the mentions of an invoice whose locale, issue date and lines' rates are set. {rate} in a sentence
 * becomes the late-penalty rate in force; without one, the law's sentence that needs none is
 * taken. */
void legal_sentences_add(struct arena *arena, const Accounts__Settings *settings, Invoice *invoice);
/* Gives a credit note those of its invoice's mentions that are not about being paid. */
void legal_sentences_keep(struct arena *arena, const Invoice *original, Invoice *note);

#endif
