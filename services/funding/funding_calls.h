/* SPDX-License-Identifier: Apache-2.0
 * What the files about funding calls share: their columns, and when a call that is sent now
 * expires. */
#ifndef ESCARCELLE_FUNDING_CALLS_H
#define ESCARCELLE_FUNDING_CALLS_H

#include "funding.rpc.h"

#define FUNDING_CALL_COLUMNS                                                                        \
    "id, project_id, client_id, reason, status, currency, requested_cents, granted_cents, "         \
    "paid_cents, call_date, sent_at, decided_at, expires_at, comment, decision, decision_comment, " \
    "source, decision_reason, created_at, updated_at, version, reminded_at, reminders"

/* Whole seconds, because the link's expiry has no finer ones. */
#define FUNDING_CALL_EXPIRY                                                                        \
    "date_trunc('second', now()) "                                                                 \
    "+ make_interval(days => coalesce((select review_link_days from settings), 30))"

#endif
