/* SPDX-License-Identifier: Apache-2.0
 * Which program may call which service and lane, serve which name, publish which topic. Who may
 * call which method is the services' own affair: they get the sender's name with each request.
 * Pure. */
#ifndef ESCARCELLE_PERMISSIONS_H
#define ESCARCELLE_PERMISSIONS_H

#include "services.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PROGRAMS_COUNT = 2 + SERVICES_COUNT, /* the broker, the gateway and the services */
    LANES_COUNT = 3,
    SERVED_COUNT = SERVICES_COUNT * LANES_COUNT, /* names that can be served */
};

/* All programs, the broker included. */
extern const char *const program_names[PROGRAMS_COUNT];
/* The same name, static; NULL for a stranger. */
const char *program_find(const char *name);

/* 0..SERVED_COUNT-1 for "accounts.fast", -1 for a name that nobody may serve. */
int served_find(const char *name);
/* The name of such a number; static. */
const char *served_name(int served);

/* Whether a service need not have workers for a name: not all have slow methods. */
bool served_is_optional(int served);

/* The broker answers a request for this name itself: how it is. */
#define REPORT_NAME "mmi.report"

/* All answer false for names that they don't know. Every program may subscribe to every topic. */
bool may_call(const char *program, const char *name);
bool may_serve(const char *program, const char *name);
bool may_publish(const char *program, const char *topic);

#endif
