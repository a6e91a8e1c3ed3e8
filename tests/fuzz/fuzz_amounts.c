/* SPDX-License-Identifier: Apache-2.0
 * Whatever is read as an amount is a number of cents, neither less nor other than its digits say, and reads the
 * same as people are shown it. */
#include "amounts.h"

#include "input.h"
#include "words.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* The digits of a text in a row, without zeros in front. */
static const char *
digits_of(struct arena *arena, const char *text)
{
    struct buffer digits;

    buffer_init(&digits, arena);
    buffer_text(&digits, "");
    for (; *text != '\0'; text++)
        if (*text >= '0' && *text <= '9' && (digits.length > 0 || *text != '0'))
            buffer_append(&digits, text, 1);
    return digits.bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    const char *text = input_text(&input, arena);
    int64_t cents = -1, again = -1;

    if (!amount_read(text, &cents))
        return 0;
    assert(cents >= 0 && cents <= INT64_C(999999999999999900));
    const char *typed = digits_of(arena, text), *counted = arena_printf(arena, "%" PRId64, cents);
    size_t length = strlen(typed);
    assert(cents == 0 || (strncmp(typed, counted, length) == 0 && strlen(counted) <= length + 2));
    if (cents <= INT64_C(100000000000000))
        assert(amount_read(money_text(arena, cents, "fr"), &again) && again == cents);
    return 0;
}
