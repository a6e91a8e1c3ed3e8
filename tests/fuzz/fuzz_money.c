/* SPDX-License-Identifier: Apache-2.0
 * Money arithmetic against plain 128-bit sums that divide in another way, and amounts that are written for
 * people are read back the same. */
#include "money.h"

#include "amounts.h"
#include "input.h"
#include "words.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Whether `done` and `result` are what an exact value gives: the value if it fits, else a refusal. */
static void
expect(bool done, int64_t result, __int128 exact)
{
    bool fits = exact >= INT64_MIN && exact <= INT64_MAX;

    assert(done == fits);
    assert(result == (fits ? (int64_t)exact : 42));
}

/* floor(numerator / denominator), by its remainder made positive. */
static __int128
floor_of(__int128 numerator, __int128 denominator)
{
    __int128 remainder = ((numerator % denominator) + denominator) % denominator;

    return (numerator - remainder) / denominator;
}

static __int128
half_away(__int128 product)
{
    __int128 size = product < 0 ? -product : product;
    __int128 rounded = size / 10000 + (size % 10000 >= 5000);

    return product < 0 ? -rounded : rounded;
}

static void
check_arithmetic(int64_t a, int64_t b)
{
    __int128 product = (__int128)a * b;
    int64_t result = 42;
    bool done = money_add(a, b, &result);

    expect(done, result, (__int128)a + b);
    result = 42;
    done = money_subtract(a, b, &result);
    expect(done, result, (__int128)a - b);
    result = 42;
    done = money_share(a, b, &result);
    expect(done, result, half_away(product));
    result = 42;
    done = money_share_up(a, b, &result);
    expect(done, result, floor_of(product + 9999, 10000));
    if (b > 0) {
        result = 42;
        done = money_ratio_bp(a, b, &result);
        expect(done, result, floor_of((__int128)a * 10000, b));
    }
}

/* A ratio in basis points is rounded down, so that it reaches what money_reaches says. */
static void
check_reaching(int64_t part, int64_t whole, int64_t rate)
{
    int64_t ratio;

    if (whole > 0 && money_ratio_bp(part, whole, &ratio))
        assert(money_reaches(part, whole, rate) == (ratio >= rate));
}

static void
check_words(struct arena *arena, int64_t cents)
{
    static const char *const locales[] = {"fr", "en"};
    int64_t again = -1;

    for (size_t i = 0; i < 2; i++) {
        const char *text = money_text(arena, cents, locales[i]);

        input_expect_text(text);
        if (cents >= 0 && cents <= MONEY_CENTS_MAX)
            assert(amount_read(text, &again) && again == cents);
        input_expect_text(percent_text(arena, cents, locales[i]));
        input_expect_text(number_text(arena, cents, locales[i]));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    unsigned shift = input_byte(&input) % 64;
    int64_t a = input_integer(&input) >> shift;
    int64_t b = input_integer(&input) >> input_byte(&input) % 64;

    check_arithmetic(a, b);
    check_reaching(a, b, input_integer(&input) >> 40);
    check_reaching(a, b, b);
    if (input_byte(&input) % 8 == 1)
        check_words(arena, a);
    return 0;
}
