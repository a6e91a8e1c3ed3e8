/* SPDX-License-Identifier: Apache-2.0
 * NOT-2: retries with backoff from a minute to an hour, for five days. */
#include "mail_retries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
not_2_the_delay_doubles_from_a_minute_to_an_hour(void **state)
{
    static const int64_t delays_s[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};

    (void)state;
    for (size_t i = 0; i < sizeof delays_s / sizeof *delays_s; i++)
        assert_int_equal(mail_retry_delay_s((int64_t)i + 1), delays_s[i]);
    assert_int_equal(mail_retry_delay_s(INT64_MAX), 3600);
}

static void
not_2_patience_ends_after_five_days(void **state)
{
    (void)state;
    assert_false(mail_retries_end(5 * 24 * 3600 - 1));
    assert_true(mail_retries_end(5 * 24 * 3600));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_2_the_delay_doubles_from_a_minute_to_an_hour),
        cmocka_unit_test(not_2_patience_ends_after_five_days),
    };

    return cmocka_run_group_tests_name("mail_retries", tests, NULL, NULL);
}
