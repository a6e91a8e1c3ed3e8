/* SPDX-License-Identifier: Apache-2.0
 * Makes the CURVE key pairs of all programs. */
#ifndef ESCARCELLE_KEYS_H
#define ESCARCELLE_KEYS_H

#include <stdbool.h>

/* Creates `<folder>/<program>.public` and `.secret` (mode 0600) where both are missing, and the
 * folder; what is there stays. Says on stderr what failed. */
bool keys_create(const char *folder);

#endif
