/* SPDX-License-Identifier: Apache-2.0
 * Matching of paths and verbs. Pure; the table is the contract's. */
#include "routes.h"

#include <assert.h>
#include <string.h>

static bool
path_fits(const char *pattern, const struct target *target)
{
    for (size_t i = 0; i < target->segments_count; i++) {
        if (*pattern++ != '/')
            return false;
        const char *segment = target->segments[i];
        size_t length = strcspn(pattern, "/");
        bool fits = pattern[0] == '{'
                        ? segment[0] != '\0'
                        : strncmp(pattern, segment, length) == 0 && segment[length] == '\0';
        if (!fits)
            return false;
        pattern += length;
    }
    return *pattern == '\0';
}

static void
take_parameters(struct arena *arena, const struct target *target, struct route_match *match)
{
    const char *pattern = match->path->path;
    for (size_t i = 0; i < target->segments_count; i++) {
        size_t length = strcspn(++pattern, "/");
        if (pattern[0] == '{') {
            assert(match->parameters_count < ROUTE_PARAMETERS_MAX && length > 2);
            match->parameters[match->parameters_count++] = (struct route_parameter){
                arena_strndup(arena, pattern + 1, length - 2), target->segments[i]};
        }
        pattern += length;
    }
}

bool
routes_match(struct arena *arena, const struct http_route *routes, size_t count, const char *verb,
             const struct target *target, struct route_match *match)
{
    memset(match, 0, sizeof *match);
    size_t first = 0;
    while (first < count && !path_fits(routes[first].path, target))
        first++;
    if (first == count || target->segments_count == 0)
        return false;
    match->path = &routes[first];
    const char *wanted = strcmp(verb, "HEAD") == 0 ? "GET" : verb;
    for (size_t i = first; i < count && strcmp(routes[i].path, match->path->path) == 0; i++) {
        match->verbs_count++;
        if (strcmp(routes[i].verb, wanted) == 0)
            match->route = &routes[i];
    }
    take_parameters(arena, target, match);
    return true;
}

const char *
routes_allow(struct arena *arena, const struct route_match *match)
{
    struct buffer allow;
    buffer_init(&allow, arena);
    for (size_t i = 0; i < match->verbs_count; i++) {
        const char *verb = match->path[i].verb;
        buffer_printf(&allow, strcmp(verb, "GET") == 0 ? "%s, HEAD, " : "%s, ", verb);
    }
    buffer_text(&allow, "OPTIONS");
    return allow.bytes;
}
