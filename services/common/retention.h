/* SPDX-License-Identifier: Apache-2.0
 * What every service keeps for a time only (NOT-4). */
#ifndef ESCARCELLE_RETENTION_H
#define ESCARCELLE_RETENTION_H

#include "service.h"

/* How often retention looks for what is over; each look is an index's end. */
#define RETENTION_PERIOD_MS 5000

/* Ended by a NULL name; run in every service beside its own. */
extern const struct job retention_jobs[];

#endif
