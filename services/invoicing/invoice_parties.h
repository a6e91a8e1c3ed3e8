/* SPDX-License-Identifier: Apache-2.0
 * Seller and buyer of an invoice: copies as they are, and what of their mentions is missing (INV-4,
 * INV-6). */
#ifndef ESCARCELLE_INVOICE_PARTIES_H
#define ESCARCELLE_INVOICE_PARTIES_H

#include "invoicing.rpc.h"

/* Adds to event->missing the name of everything that an invoice with these lines must say and cannot
 * yet: seller.siren, client.address.city, commission_vat_rates. None: it can be issued. */
void invoice_parties_missing(struct arena *arena, const Accounts__Settings *settings,
                             const Accounts__Client *client, const Invoice *invoice,
                             TriggerWaiting *event);
/* Puts both into the invoice. The buyer shares the client's memory, the seller the settings'. */
void invoice_parties_copy(struct arena *arena, const Accounts__Settings *settings,
                          const Accounts__Client *client, Invoice *invoice);

#endif
