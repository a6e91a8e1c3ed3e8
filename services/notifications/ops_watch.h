/* SPDX-License-Identifier: Apache-2.0
 * Administrators are told of parked events, and of streams that are stopped or wait too long. */
#ifndef ESCARCELLE_OPS_WATCH_H
#define ESCARCELLE_OPS_WATCH_H

#include "notifications.rpc.h"

enum { OPS_WATCH_PERIOD_MS = 1000 };

/* The job watch_services: asks the one service that is next. */
bool ops_watch_next(struct call *call);

#endif
