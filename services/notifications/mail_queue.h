/* SPDX-License-Identifier: Apache-2.0
 * The queue of mails as a whole: paused by an administrator or by a restore, released by an administrator. */
#ifndef ESCARCELLE_MAIL_QUEUE_H
#define ESCARCELLE_MAIL_QUEUE_H

#include "service.h"

/* True in a statement while mails may be sent. */
#define MAILS_MAY_GO "exists (select from mail_queue where status = 'running')"

/* Holds back the mails of a restored database: what waits may have been sent before. Those whose Message-IDs
 * `restored->mails` lists were, and are noted so. */
enum rpc_status mail_queue_restored(struct call *call, const struct restored *restored,
                                    Ops__DatabaseRestored *event) RPC_CHECKED;

#endif
