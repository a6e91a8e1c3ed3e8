/* SPDX-License-Identifier: Apache-2.0
 * What time does to sent funding calls (FUN-5). */
#ifndef ESCARCELLE_DEADLINES_H
#define ESCARCELLE_DEADLINES_H

#include "service.h"

/* Reminds clients, tells operators of calls that stay unanswered, lets calls expire. */
extern const struct job deadline_jobs[];

#endif
