/* SPDX-License-Identifier: Apache-2.0
 * The columns of a message as its API shows it. */
#ifndef ESCARCELLE_MESSAGES_H
#define ESCARCELLE_MESSAGES_H

#define MESSAGE_COLUMNS                                                                            \
    "id, direction, kind, audience, array_remove(array[recipient], null) as \"to\", subject, "     \
    "status, attempts, last_error, sent_at, '<' || message_id || '>' as message_id, attachments, " \
    "object_id, project_id, client_id, created_at, updated_at, version"

#endif
