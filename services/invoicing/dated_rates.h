/* SPDX-License-Identifier: Apache-2.0
 * What a law can change is in dated lists: which entry is in force on a day. */
#ifndef ESCARCELLE_DATED_RATES_H
#define ESCARCELLE_DATED_RATES_H

#include "accounts.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a period holds a day; both ends count, a NULL `valid_to` means until further notice. */
bool dated_holds(const char *valid_from, const char *valid_to, const char *date);
/* The rate in force on a day, of several the one that started last; NULL when there is none. */
const Accounts__DatedRate *dated_rate(Accounts__DatedRate *const *rates, size_t count,
                                      const char *date);

#endif
