/* SPDX-License-Identifier: Apache-2.0
 * Amounts as people type them. */
#include "amounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_amounts_that_can_be_read_in_one_way(void **state)
{
    static const struct {
        const char *text;
        int64_t cents;
    } cases[] = {
        {"1500", 150000},
        {"1 500,00", 150000},
        {"1\u00a0500,00\u00a0€", 150000},
        {"1\u202f500,00\u202f€", 150000},
        {"1\u2009500,5 EUR", 150050},
        {"1.500,00", 150000},
        {"1,500.00", 150000},
        {"1 500.00", 150000},
        {"€1,500.25", 150025},
        {" 1500,5 euros ", 150050},
        {"1.234.567", 123456700},
        {"1 234 567,89", 123456789},
        {"1.234.567,8", 123456780},
        {"0,01", 1},
        {"0", 0},
        {"007", 700},
        {"10 000 000 000 000,00", 1000000000000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t cents = -1;

        if (!amount_read(cases[i].text, &cents) || cents != cases[i].cents)
            fail_msg("%s is %lld", cases[i].text, (long long)cents);
    }
}

static void
test_amounts_that_cannot(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "€",
        "1.500",
        "1,500",
        "12,345",
        "1 500.000",
        "1,5,00",
        "1.5.0",
        "15 00",
        "1500 000",
        "1 50 000",
        "1.500 00",
        "1,",
        ",50",
        "-5",
        "+5",
        "1e3",
        "1 500,00x",
        "0x10",
        "1 500,00,00",
        "1.50.00",
        "1,50.000",
        "1'500.0",
        "12345678901234567",
        "£5",
        "5 $",
        "1.234 567,00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t cents;

        if (amount_read(cases[i], &cents))
            fail_msg("%s is %lld", cases[i], (long long)cents);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts_that_can_be_read_in_one_way),
        cmocka_unit_test(test_amounts_that_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
