/* SPDX-License-Identifier: Apache-2.0
 * The request target of RFC 9112: a path in segments and a query in parameters, percent-decoded. */
#ifndef ESCARCELLE_GATEWAY_TARGET_H
#define ESCARCELLE_GATEWAY_TARGET_H

#include "arena.h"

#include <stdbool.h>

enum { TARGET_SEGMENTS_MAX = 12, TARGET_PARAMETERS_MAX = 64 };

struct target_parameter {
    const char *name, *value;
};

struct target {
    const char *path;                          /* as it was sent, without the query */
    const char *segments[TARGET_SEGMENTS_MAX]; /* decoded; a final slash makes an empty one */
    size_t segments_count;                     /* 0 for "/" */
    struct target_parameter parameters[TARGET_PARAMETERS_MAX];
    size_t parameters_count;
};

enum target_fault { TARGET_FINE, TARGET_BAD_PATH, TARGET_BAD_QUERY };

/* Takes a target in origin form or absolute form apart; what it makes lives in the arena. Escapes
 * that are cut off, invalid UTF-8, NUL and more parts than the limits are faults. */
enum target_fault target_parse(struct arena *arena, const char *text, struct target *target);
/* Takes a parameter out of the target; NULL when it has none of this name, or more than one. */
const char *target_take(struct target *target, const char *name);
/* Adds the parameters of a query, or of a form that a browser sends, to a target. */
bool target_read_query(struct arena *arena, const char *query, struct target *target);

#endif
