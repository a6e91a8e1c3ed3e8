/* SPDX-License-Identifier: Apache-2.0
 * Says what was refused and from whom, a few lines a second at most: a peer must not fill the log.
 * */
#ifndef ESCARCELLE_REFUSALS_H
#define ESCARCELLE_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

enum { REFUSALS_PER_SECOND_MAX = 5 };

/* Zero it to start. */
struct refusals {
    int64_t second;
    size_t written, hidden;
};

/* what: "a request for accounts.fast", and so on. */
void refusals_add(struct refusals *refusals, const char *sender, const char *what,
                  const char *detail);

#endif
