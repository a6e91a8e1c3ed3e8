/* SPDX-License-Identifier: Apache-2.0
 * What accounts keeps for a time only (NOT-4). */
#ifndef ESCARCELLE_EXPIRY_H
#define ESCARCELLE_EXPIRY_H

#include "call.h"

enum { EXPIRY_PERIOD_MS = 5000 };

/* Forgets one batch of what is over; whether there was any. For the jobs process. */
bool expiry_forget(struct call *call);

#endif
