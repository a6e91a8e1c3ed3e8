/* SPDX-License-Identifier: Apache-2.0
 * Writes refusals to the log at a bounded rate. */
#include "refusals.h"

#include "dates.h"
#include "log.h"

void
refusals_add(struct refusals *refusals, const char *sender, const char *what, const char *detail)
{
    int64_t second = clock_ms() / 1000;
    if (second != refusals->second) {
        if (refusals->hidden > 0)
            log_warning("%zu more refusals in one second", refusals->hidden);
        *refusals = (struct refusals){.second = second};
    }
    if (refusals->written == REFUSALS_PER_SECOND_MAX) {
        refusals->hidden++;
        return;
    }
    refusals->written++;
    log_warning("refused from %s: %s%s%s", *sender ? sender : "a stranger", what,
                *detail ? " " : "", detail);
}
