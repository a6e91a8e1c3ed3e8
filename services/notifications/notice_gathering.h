/* SPDX-License-Identifier: Apache-2.0
 * Many notices of a kind become one mail (NOT-1). */
#ifndef ESCARCELLE_NOTICE_GATHERING_H
#define ESCARCELLE_NOTICE_GATHERING_H

#include "notifications.rpc.h"

#define NOTICE_GATHERING_PERIOD_MS 1000

/* Decides, before it is queued, whether a notice to a mailing list is held: the fourth of its kind to
 * this recipient for this client within ten minutes is, for ten minutes, and those that follow it
 * meanwhile. Sets its status and when it is due. */
enum rpc_status notice_hold(struct call *call, StoredMail *notice) RPC_CHECKED;
/* Queues one mail for the notices of a recipient whose ten minutes are over; whether there were any.
 * For the jobs process. */
bool notices_gather(struct call *call);

#endif
