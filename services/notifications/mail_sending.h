/* SPDX-License-Identifier: Apache-2.0
 * The job that empties the mail queue. */
#ifndef ESCARCELLE_MAIL_SENDING_H
#define ESCARCELLE_MAIL_SENDING_H

#include "service.h"

extern const struct job mail_jobs[];

#endif
