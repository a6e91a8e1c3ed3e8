/* SPDX-License-Identifier: Apache-2.0
 * Empties the mail queue. */
#ifndef ESCARCELLE_MAIL_SENDING_H
#define ESCARCELLE_MAIL_SENDING_H

#include "call.h"

#define MAIL_SENDING_PERIOD_MS 1000

/* Sends one mail that is due; whether there was any. For the jobs process. */
bool mail_send_one(struct call *call);

#endif
