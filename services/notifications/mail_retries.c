/* SPDX-License-Identifier: Apache-2.0
 * The patience of the mail queue. */
#include "mail_retries.h"

enum { FIRST_DELAY_S = 60, DELAY_S_MAX = 3600, PATIENCE_S = 5 * 24 * 3600 };

int64_t
mail_retry_delay_s(int64_t attempts)
{
    int64_t delay_s = FIRST_DELAY_S;

    while (--attempts > 0 && delay_s < DELAY_S_MAX)
        delay_s *= 2;
    return delay_s < DELAY_S_MAX ? delay_s : DELAY_S_MAX;
}

bool
mail_retries_end(int64_t age_s)
{
    return age_s >= PATIENCE_S;
}
