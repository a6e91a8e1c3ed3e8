/* SPDX-License-Identifier: Apache-2.0
 * This run of a program, described for /v1/ops/services. */
#ifndef ESCARCELLE_INSTANCE_H
#define ESCARCELLE_INSTANCE_H

#include "arena.h"
#include "ops.pb-c.h"
#include "parent.h"

/* Host, version, start and counters; it is alive, for it describes itself. In the arena. */
Ops__InstanceReport *instance_describe(struct arena *arena, struct counters *counters);

#endif
