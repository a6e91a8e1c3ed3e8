/* SPDX-License-Identifier: Apache-2.0
 * The legal sentences of an invoice: those of the settings in force that day, else the law's. */
#ifndef ESCARCELLE_LEGAL_SENTENCES_H
#define ESCARCELLE_LEGAL_SENTENCES_H

#include "invoicing.rpc.h"

/* Sets the mentions of an invoice whose locale and issue date are set. {rate} in a sentence
 * becomes the late-penalty rate in force; without one, the law's sentence that needs none is
 * taken. */
void legal_sentences_add(struct arena *arena, const Accounts__Settings *settings, Invoice *invoice);
/* Gives a credit note those of its invoice's mentions that are not about being paid. */
void legal_sentences_keep(struct arena *arena, const Invoice *original, Invoice *note);

#endif
