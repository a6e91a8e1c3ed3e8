/* SPDX-License-Identifier: Apache-2.0
 * What the one loop of the gateway's http process holds: its parts, each with a file of its own. */
#ifndef ESCARCELLE_GATEWAY_H
#define ESCARCELLE_GATEWAY_H

#include "bounds.h"
#include "parent.h"

#include <stdbool.h>

struct gateway {
    struct http *http;
    struct asks *asks;
    struct tokens *tokens;
    struct health *health;
    struct metrics *metrics;
    struct pages *pages;
    struct cors *cors;
    struct bounds bounds;
    struct limits *limits;
    const struct inherited *inherited;
    char *metrics_token; /* NULL: /metrics is open */
    bool draining;
};

/* Serves until SIGTERM, then until what is in flight is done. Returns the exit code. */
int loop_run(const char *role, const struct inherited *inherited, const void *state);

#endif
