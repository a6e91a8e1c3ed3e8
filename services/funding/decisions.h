/* SPDX-License-Identifier: Apache-2.0
 * Taking the decision on a funding call, whoever brings it: the client behind its link, or an
 * operator on the client's behalf (FUN-4). */
#ifndef ESCARCELLE_DECISIONS_H
#define ESCARCELLE_DECISIONS_H

#include "funding.rpc.h"

/* Adds a violation where the amount does not go with the decision: an adjustment names one, the
 * other answers have none. */
void decision_check(struct call *call, FundingDecision decision, bool has_granted_cents);
/* Decides a sent call. answer: its id, the decision, the amount of an adjustment, and what is said
 * with it; without a source the money is new. envelope: what is there of a decision that takes the
 * money from it, 409 when that is too little; else NULL. The same answer again changes nothing,
 * another is 409. decided: the call after it. */
enum rpc_status decision_take(struct call *call, const FundingCall *answer,
                              const Budgeting__Envelope *envelope,
                              FundingCall *decided) RPC_CHECKED;

#endif
