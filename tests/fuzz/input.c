/* SPDX-License-Identifier: Apache-2.0
 * Reads values off an input; see input.h. */
#include "input.h"

#include "checks.h"

#include <assert.h>
#include <string.h>

struct arena *
input_arena(void)
{
    static struct arena *arena;

    if (arena == NULL)
        arena = arena_new(INPUT_ARENA_BYTES_MAX);
    arena_reset(arena);
    return arena;
}

uint8_t
input_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

int64_t
input_integer(struct input *input)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | input_byte(input);
    return (int64_t)number;
}

char *
input_text(struct input *input, struct arena *arena)
{
    const uint8_t *end = input->left == 0 ? NULL : memchr(input->at, '\0', input->left);
    size_t length = end == NULL ? input->left : (size_t)(end - input->at);
    char *text = arena_strndup(arena, (const char *)input->at, length);

    input->at += length + (end != NULL);
    input->left -= length + (end != NULL);
    return text;
}

void
input_expect_text(const char *text)
{
    assert(text != NULL && check_utf8(text, strlen(text)));
}

void
input_expect_same(const char *text, const char *other)
{
    assert(text != NULL && other != NULL && strcmp(text, other) == 0);
}
