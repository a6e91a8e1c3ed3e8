/* SPDX-License-Identifier: Apache-2.0
 * What clients have paid too much (INV-7, INV-8). */
#ifndef ESCARCELLE_CLIENT_ADVANCES_H
#define ESCARCELLE_CLIENT_ADVANCES_H

#include "invoicing.rpc.h"

/* Changes the advance of an invoice's client by so many cents and tells; 0 does nothing. Locks the
 * advance: after the invoice's state, before the series. */
enum rpc_status client_advance_add(struct call *call, const Settlement *settlement,
                                   int64_t amount_cents) RPC_CHECKED;

#endif
