/* SPDX-License-Identifier: Apache-2.0
 * What many unit tests begin with: cmocka and what it asks for, an arena, and looking into texts.
 * */
#ifndef ESCARCELLE_TESTS_FIXTURES_H
#define ESCARCELLE_TESTS_FIXTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"

/* Between open_arena and close_arena. */
extern struct arena *arena;

/* Set-up and tear-down of a test or a group, as cmocka calls them. */
int open_arena(void **state);
int close_arena(void **state);

/* Fail with the whole text when part is missing from it, or is in it. */
void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

#endif
