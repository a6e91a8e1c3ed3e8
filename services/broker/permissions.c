/* SPDX-License-Identifier: Apache-2.0
 * The table of permissions; nothing else decides who may what at the broker. */
#include "permissions.h"

#include <assert.h>
#include <string.h>

enum lanes { LANES_NONE, LANES_LEAF, LANES_ALL };

/* calls: which lanes of the services, its own excepted. owner: serves and publishes under its own
 * name. Leaf methods ask nobody, so that services that call each other can't wait in a circle. */
struct permission {
    const char *program;
    enum lanes calls;
    bool owner;
};

#define PERMISSION(service) {service, LANES_LEAF, true},
#define NAME(service) service,
#define SERVED(service) service ".fast", service ".leaf", service ".slow",

/* clang-format off */
static const struct permission permissions[PROGRAMS_COUNT] = {
    {"broker", LANES_NONE, false},
    {"gateway", LANES_ALL, false},
    EACH_SERVICE(PERMISSION)
};

const char *const program_names[PROGRAMS_COUNT] = {"broker", "gateway", EACH_SERVICE(NAME)};

static const char *const served_names[SERVED_COUNT] = {EACH_SERVICE(SERVED)};
/* clang-format on */

const char *
program_find(const char *name)
{
    for (size_t i = 0; i < PROGRAMS_COUNT; i++)
        if (strcmp(program_names[i], name) == 0)
            return program_names[i];
    return NULL;
}

int
served_find(const char *name)
{
    for (int i = 0; i < SERVED_COUNT; i++)
        if (strcmp(served_names[i], name) == 0)
            return i;
    return -1;
}

const char *
served_name(int served)
{
    assert(served >= 0 && served < SERVED_COUNT);
    return served_names[served];
}

bool
served_is_optional(int served)
{
    return strcmp(strchr(served_name(served), '.'), ".slow") == 0;
}

static const struct permission *
find(const char *program)
{
    for (size_t i = 0; i < PROGRAMS_COUNT; i++)
        if (strcmp(permissions[i].program, program) == 0)
            return &permissions[i];
    return NULL;
}

/* Whether "accounts.fast" is a lane of "accounts". */
static bool
belongs(const char *name, const char *program)
{
    size_t length = strlen(program);
    return strncmp(name, program, length) == 0 && name[length] == '.';
}

bool
may_call(const char *program, const char *name)
{
    const struct permission *permission = find(program);
    if (permission && strcmp(name, REPORT_NAME) == 0)
        return permission->calls == LANES_ALL;
    if (!permission || served_find(name) < 0 || belongs(name, program))
        return false;
    switch (permission->calls) {
    case LANES_NONE:
        return false;
    case LANES_LEAF:
        return strcmp(strchr(name, '.'), ".leaf") == 0;
    case LANES_ALL:
        return true;
    }
    return false;
}

bool
may_serve(const char *program, const char *name)
{
    const struct permission *permission = find(program);
    return permission && permission->owner && served_find(name) >= 0 && belongs(name, program);
}

bool
may_publish(const char *program, const char *topic)
{
    const struct permission *permission = find(program);
    return permission && permission->owner && strcmp(program, topic) == 0;
}
