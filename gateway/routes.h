/* SPDX-License-Identifier: Apache-2.0
 * Finds the route of a request in the generated table. */
#ifndef ESCARCELLE_GATEWAY_ROUTES_H
#define ESCARCELLE_GATEWAY_ROUTES_H

#include "rpc.h"
#include "target.h"

enum { ROUTE_PARAMETERS_MAX = 4 };

struct route_parameter {
    const char *name, *value; /* field of the request, decoded segment */
};

struct route_match {
    const struct http_route *route; /* NULL: the path exists, the verb does not */
    const struct http_route *path;  /* first route of the path */
    size_t verbs_count;             /* routes of the path, in a row */
    struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
    size_t parameters_count;
};

/* Looks a target up in routes sorted by path then verb; a literal segment wins over a parameter,
 * HEAD is served by GET. False: no such path. */
bool routes_match(struct arena *arena, const struct http_route *routes, size_t count,
                  const char *verb, const struct target *target, struct route_match *match);
/* The value of Allow for the path that matched. */
const char *routes_allow(struct arena *arena, const struct route_match *match);

#endif
