/* SPDX-License-Identifier: Apache-2.0
 * Whatever is read as a request target or as a browser's form is text without NUL, within the limits, and is
 * read the same when it is written with every byte escaped; a route that matches has the target's segments. */
#include "target.h"

#include "input.h"
#include "routes.h"

#include <assert.h>
#include <string.h>

static void
write_escaped(struct buffer *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        buffer_append(out, (char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3);
    }
}

static const char *
write_target(struct arena *arena, const struct target *target)
{
    struct buffer out;

    buffer_init(&out, arena);
    for (size_t i = 0; i < target->segments_count; i++) {
        buffer_text(&out, "/");
        write_escaped(&out, target->segments[i]);
    }
    buffer_text(&out, target->segments_count == 0 ? "/?" : "?");
    for (size_t i = 0; i < target->parameters_count; i++) {
        write_escaped(&out, target->parameters[i].name);
        buffer_text(&out, "=");
        write_escaped(&out, target->parameters[i].value);
        buffer_text(&out, "&");
    }
    return out.bytes;
}

static void
expect_same(const struct target *one, const struct target *other)
{
    assert(one->segments_count == other->segments_count);
    assert(one->parameters_count == other->parameters_count);
    for (size_t i = 0; i < one->segments_count; i++)
        input_expect_same(one->segments[i], other->segments[i]);
    for (size_t i = 0; i < one->parameters_count; i++) {
        input_expect_same(one->parameters[i].name, other->parameters[i].name);
        input_expect_same(one->parameters[i].value, other->parameters[i].value);
    }
}

static void
check_target(struct arena *arena, const struct target *target)
{
    struct target again;

    assert(target->segments_count <= TARGET_SEGMENTS_MAX);
    assert(target->parameters_count <= TARGET_PARAMETERS_MAX);
    for (size_t i = 0; i < target->segments_count; i++)
        input_expect_text(target->segments[i]);
    for (size_t i = 0; i < target->parameters_count; i++) {
        input_expect_text(target->parameters[i].name);
        input_expect_text(target->parameters[i].value);
    }
    assert(target_parse(arena, write_target(arena, target), &again) == TARGET_FINE);
    expect_same(target, &again);
}

static void
check_routes(struct arena *arena, const char *verb, const struct target *target)
{
    struct route_match match;

    if (!routes_match(arena, http_routes, http_routes_count, verb, target, &match))
        return;
    assert(match.verbs_count > 0 && (match.route == NULL || match.route >= match.path));
    for (size_t i = 0; i < match.parameters_count; i++) {
        bool found = false;

        for (size_t k = 0; k < target->segments_count; k++)
            found = found || match.parameters[i].value == target->segments[k];
        assert(found && match.parameters[i].value[0] != '\0');
    }
    assert(strstr(routes_allow(arena, &match), "OPTIONS") != NULL);
}

static void
check_take(struct target *target)
{
    while (target->parameters_count > 0) {
        size_t count = target->parameters_count;
        const char *name = target->parameters[count - 1].name;

        if (target_take(target, name) == NULL)
            return;
        assert(target->parameters_count == count - 1 && target_take(target, name) == NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const verbs[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "GE", ""};
    struct arena *arena = input_arena();
    struct input input = {data, size};
    const char *verb = verbs[input_byte(&input) % (sizeof verbs / sizeof *verbs)];
    const char *text = input_text(&input, arena);
    struct target target, form = {0};

    if (target_parse(arena, text, &target) == TARGET_FINE) {
        check_target(arena, &target);
        check_routes(arena, verb, &target);
        check_take(&target);
    }
    if (target_read_query(arena, text, &form))
        check_target(arena, &form);
    return 0;
}
