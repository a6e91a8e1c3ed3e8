/* SPDX-License-Identifier: Apache-2.0
 * Milestones of billing plans, and the job that fires those whose day has come. */
#ifndef ESCARCELLE_MILESTONES_H
#define ESCARCELLE_MILESTONES_H

#include "invoicing.rpc.h"

enum { MILESTONES_PERIOD_MS = 1000 };

/* From now on the milestones of this plan are expected, instead of those of the one before. */
enum rpc_status milestones_expect(struct call *call, const BillingPlan *plan) RPC_CHECKED;
/* Fires those that were due when the project was closed, and forgets the others. */
enum rpc_status milestones_end(struct call *call, const Budgeting__Project *project) RPC_CHECKED;
/* Fires the milestones of one project whose day has come; true when there were any. */
bool milestones_fire_due(struct call *call);

#endif
