/* SPDX-License-Identifier: Apache-2.0
 * Takes request targets apart. Pure. */
#include "target.h"

#include "checks.h"

#include <string.h>
#include <strings.h>

static int
hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* NULL when an escape is cut off or the bytes are not text. */
static const char *
decode(struct arena *arena, const char *text, size_t length, bool plus_is_space)
{
    char *out = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            out[used++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[used++] = plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return check_utf8(out, used) ? out : NULL;
}

static bool
parse_path(struct arena *arena, const char *path, struct target *target)
{
    if (path[0] != '/')
        return false;
    if (path[1] == '\0')
        return true;
    for (const char *segment = path; *segment == '/';) {
        size_t length = strcspn(++segment, "/");
        if (target->segments_count == TARGET_SEGMENTS_MAX)
            return false;
        const char *decoded = decode(arena, segment, length, false);
        if (decoded == NULL)
            return false;
        target->segments[target->segments_count++] = decoded;
        segment += length;
    }
    return true;
}

bool
target_read_query(struct arena *arena, const char *query, struct target *target)
{
    while (*query != '\0') {
        size_t length = strcspn(query, "&");
        size_t name_length = strcspn(query, "=&");
        if (length > 0) {
            if (target->parameters_count == TARGET_PARAMETERS_MAX)
                return false;
            size_t value_at = name_length < length ? name_length + 1 : length;
            const char *name = decode(arena, query, name_length, true);
            const char *value = decode(arena, query + value_at, length - value_at, true);
            if (name == NULL || value == NULL)
                return false;
            target->parameters[target->parameters_count++] = (struct target_parameter){name, value};
        }
        query += length + (query[length] == '&');
    }
    return true;
}

/* The absolute form that proxies send: what follows the authority counts. */
static const char *
skip_authority(const char *text)
{
    size_t scheme = strncasecmp(text, "https://", 8) == 0  ? 8
                    : strncasecmp(text, "http://", 7) == 0 ? 7
                                                           : 0;
    if (scheme == 0)
        return text;
    const char *path = text + scheme + strcspn(text + scheme, "/?");
    return *path == '/' ? path : "/";
}

enum target_fault
target_parse(struct arena *arena, const char *text, struct target *target)
{
    memset(target, 0, sizeof *target);
    text = skip_authority(text);
    size_t length = strcspn(text, "?#");
    target->path = arena_strndup(arena, text, length);
    if (!check_utf8(target->path, length)) {
        target->path = "";
        return TARGET_BAD_PATH;
    }
    if (!parse_path(arena, target->path, target))
        return TARGET_BAD_PATH;
    if (text[length] == '?' && !target_read_query(arena, text + length + 1, target))
        return TARGET_BAD_QUERY;
    return TARGET_FINE;
}

const char *
target_take(struct target *target, const char *name)
{
    size_t place = target->parameters_count;
    for (size_t i = 0; i < target->parameters_count; i++)
        if (strcmp(target->parameters[i].name, name) == 0) {
            if (place < target->parameters_count)
                return NULL;
            place = i;
        }
    if (place == target->parameters_count)
        return NULL;
    const char *value = target->parameters[place].value;
    target->parameters_count--;
    memmove(&target->parameters[place], &target->parameters[place + 1],
            (target->parameters_count - place) * sizeof *target->parameters);
    return value;
}
