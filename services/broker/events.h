/* SPDX-License-Identifier: Apache-2.0
 * Publications from the programs to all that subscribe; topics only from their own program. */
#ifndef ESCARCELLE_BROKER_EVENTS_H
#define ESCARCELLE_BROKER_EVENTS_H

#include "refusals.h"

#include <stdbool.h>

/* Moves what has arrived on the bound SUB socket to the bound PUB socket, a bounded number of
 * messages a turn; whether nothing is left there. */
bool events_forward(void *publish, void *subscribe, struct refusals *refusals);

#endif
