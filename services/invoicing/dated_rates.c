/* SPDX-License-Identifier: Apache-2.0
 * Dates are YYYY-MM-DD, whose order is that of their text. Pure. */
#include "dated_rates.h"

#include <string.h>

bool
dated_holds(const char *valid_from, const char *valid_to, const char *date)
{
    return strcmp(valid_from, date) <= 0 && (valid_to == NULL || strcmp(date, valid_to) <= 0);
}

const Accounts__DatedRate *
dated_rate(Accounts__DatedRate *const *rates, size_t count, const char *date)
{
    const Accounts__DatedRate *found = NULL;

    for (size_t i = 0; i < count; i++)
        if (dated_holds(rates[i]->valid_from, rates[i]->valid_to, date) &&
            (found == NULL || strcmp(found->valid_from, rates[i]->valid_from) < 0))
            found = rates[i];
    return found;
}
