/* SPDX-License-Identifier: Apache-2.0
 * In-app alerts: raised by reactions and jobs, read by users. */
#ifndef ESCARCELLE_ALERTS_H
#define ESCARCELLE_ALERTS_H

#include "notifications.rpc.h"
#include "ops.pb-c.h"

/* Raises an alert about the event being handled, in one English sentence without personal data; the
 * second time it has no effect. */
enum rpc_status alert_raise(struct call *call, AlertKind kind, AlertSeverity severity,
                            const char *sentence, ...)
    __attribute__((format(printf, 4, 5))) RPC_CHECKED;
/* Tells administrators that a message was given up. */
enum rpc_status alert_message_failed(struct call *call, const Message *message) RPC_CHECKED;
/* Tells administrators that no mail is sent, and why. */
enum rpc_status alert_mails_paused(struct call *call, const MailQueue *queue) RPC_CHECKED;
/* Tells administrators what is wrong in a service. */
enum rpc_status alert_trouble(struct call *call, const Ops__Trouble *trouble) RPC_CHECKED;

#endif
