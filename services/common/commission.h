/* SPDX-License-Identifier: Apache-2.0
 * The rules of a billing plan (INV-1): which basis goes with which fields and triggers. */
#ifndef ESCARCELLE_COMMISSION_H
#define ESCARCELLE_COMMISSION_H

#include "call.h"
#include "common.pb-c.h"

/* Adds a violation for every wrong combination; `field` is the commission's place in the request,
 * "" when the request is the plan itself. */
void commission_check(struct call *call, const char *field, const Common__Commission *commission);

#endif
