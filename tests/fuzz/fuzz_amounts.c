/* SPDX-License-Identifier: Apache-2.0
 * Whatever is read as an amount is a positive number of cents that holds no more digits than were typed. */
#include "amounts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    int64_t cents = -1;

    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (amount_read(text, &cents)) {
        assert(cents >= 0 && cents <= INT64_C(999999999999999900));
        assert(strpbrk(text, "0123456789") != NULL);
    }
    free(text);
    return 0;
}
