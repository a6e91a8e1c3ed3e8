/* SPDX-License-Identifier: Apache-2.0
 * Closing projects (BUD-17). */
#ifndef ESCARCELLE_CLOSINGS_H
#define ESCARCELLE_CLOSINGS_H

#include "service.h"

/* Tells operators of projects that have been closing for more than a minute. */
extern const struct job closing_jobs[];

#endif
