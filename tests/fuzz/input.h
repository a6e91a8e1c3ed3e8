/* SPDX-License-Identifier: Apache-2.0
 * What the targets share: an arena that is empty at each input, and values read off the input's front. */
#ifndef ESCARCELLE_TESTS_INPUT_H
#define ESCARCELLE_TESTS_INPUT_H

#include "arena.h"

#include <stdint.h>

enum { INPUT_ARENA_BYTES_MAX = 4 << 20 };

/* libFuzzer's entry, or replay.c's: one input. Every target defines it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

/* The process's arena, emptied; each allocation of it is one of malloc's, so that ASan watches its ends. */
struct arena *input_arena(void);

/* The next byte, 0 at the end. */
uint8_t input_byte(struct input *input);
/* The next eight bytes as a number, zeros beyond the end. */
int64_t input_integer(struct input *input);
/* A copy of what comes before the next NUL, or of all that is left. */
char *input_text(struct input *input, struct arena *arena);

/* Fails unless it is UTF-8. */
void input_expect_text(const char *text);
/* Fails unless both are the same text. */
void input_expect_same(const char *text, const char *other);

#endif
