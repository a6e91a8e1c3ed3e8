/* SPDX-License-Identifier: Apache-2.0
 * The archive of messages: their columns as the API shows them, and their end. */
#ifndef ESCARCELLE_MESSAGES_H
#define ESCARCELLE_MESSAGES_H

#include "call.h"

#define MESSAGE_COLUMNS                                                                            \
    "id, direction, kind, audience, array_remove(array[recipient], null) as \"to\", subject, "     \
    "status, attempts, last_error, sent_at, '<' || message_id || '>' as message_id, attachments, " \
    "object_id, project_id, client_id, gathered_in, resends, created_at, updated_at, version"

#define MESSAGES_PERIOD_MS 5000

/* Forgets a batch of messages that were kept long enough; whether there was any. For the jobs process. */
bool messages_forget(struct call *call);

#endif
