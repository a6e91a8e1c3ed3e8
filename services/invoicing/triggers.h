/* SPDX-License-Identifier: Apache-2.0
 * The job that bills triggers which waited for a mention. */
#ifndef ESCARCELLE_TRIGGERS_H
#define ESCARCELLE_TRIGGERS_H

#include "call.h"

enum { TRIGGERS_PERIOD_MS = 2000 };

/* Bills one waiting trigger whose mentions are complete by now; true when there was one. */
bool triggers_bill_waiting(struct call *call);

#endif
