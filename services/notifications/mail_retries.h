/* SPDX-License-Identifier: Apache-2.0
 * When a mail that the server did not take is tried again (NOT-2). Pure. */
#ifndef ESCARCELLE_MAIL_RETRIES_H
#define ESCARCELLE_MAIL_RETRIES_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds to wait after this many failed attempts (≥ 1): a minute, doubled each time, at most an
 * hour. */
int64_t mail_retry_delay_s(int64_t attempts);
/* Whether a mail of this age is given up instead: after five days. */
bool mail_retries_end(int64_t age_s);

#endif
