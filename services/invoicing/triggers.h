/* SPDX-License-Identifier: Apache-2.0
 * Triggers: how one fires, and the job that bills those which waited for a mention. */
#ifndef ESCARCELLE_TRIGGERS_H
#define ESCARCELLE_TRIGGERS_H

#include "invoicing.rpc.h"

enum { TRIGGERS_PERIOD_MS = 2000 };

/* Fires a trigger whose kind, project, client, occurrence and day are set, unless it fired before, and
 * bills it behind those of its project that wait. One that the plan does not name yields nothing, in
 * silence. */
enum rpc_status trigger_fire(struct call *call, FiredTrigger *trigger) RPC_CHECKED;
/* Writes a trigger under a fresh id; its status is waiting unless it says otherwise. *fired: it had
 * not fired before. */
enum rpc_status trigger_write(struct call *call, FiredTrigger *trigger, bool *fired) RPC_CHECKED;
/* Bills what waits in one project and can be billed by now; true when there was something. */
bool triggers_bill_waiting(struct call *call);

#endif
