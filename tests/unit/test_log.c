/* SPDX-License-Identifier: Apache-2.0
 * The log: each line one JSON object, whatever the message holds. */
#include "log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_BYTES = 100000 };

static char said[1 << 16];

/* What reaches stderr while `speak` runs in a process of its own; its exit code. */
static int
listen_to(void (*speak)(void))
{
    int ends[2], status;
    size_t length = 0;
    ssize_t bytes;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        speak();
        _exit(0);
    }
    close(ends[1]);
    while ((bytes = read(ends[0], said + length, sizeof said - 1 - length)) > 0)
        length += (size_t)bytes;
    said[length] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

/* The line from its second member on: the first one is the time. */
static const char *
after_time(void)
{
    assert_int_equal(strncmp(said, "{\"time\":\"20", 11), 0);
    assert_non_null(strchr(said, ','));
    return strchr(said, ',') + 1;
}

static void
say_plainly(void)
{
    log_open("accounts", "fast", "info");
    log_request("req-1");
    log_info("%d clients", 3);
}

static void
a_line_names_program_role_and_request(void **state)
{
    (void)state;
    assert_int_equal(listen_to(say_plainly), 0);
    assert_string_equal(after_time(),
                        "\"level\":\"info\",\"program\":\"accounts\",\"role\":\"fast\","
                        "\"request_id\":\"req-1\",\"message\":\"3 clients\"}\n");
}

static void
say_badly(void)
{
    log_open("accounts", NULL, "info");
    log_request("x");
    log_request(NULL);
    log_error("\"\\\n\t\x01\x7f é € \xff\xc3 \xed\xa0\x80 \xf0\x9f\x98");
}

static void
what_would_break_a_line_is_escaped(void **state)
{
    (void)state;
    listen_to(say_badly);
    assert_string_equal(after_time(), "\"level\":\"error\",\"program\":\"accounts\",\"message\":\""
                                      "\\\"\\\\\\u000a\\u0009\\u0001\\u007f é € \\ufffd\\ufffd "
                                      "\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd\"}\n");
}

static void
say_too_much(void)
{
    char message[LONG_BYTES];

    memset(message, '\x01', sizeof message);
    message[sizeof message - 1] = '\0';
    log_open(message, message, "info");
    log_request(message);
    log_error("%s", message);
}

static void
a_long_message_is_cut_and_the_line_stays_whole(void **state)
{
    (void)state;
    listen_to(say_too_much);
    assert_true(strlen(said) > 1000);
    assert_string_equal(said + strlen(said) - 9, "\\u0001\"}\n");
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void
say_all_levels(void)
{
    log_open("accounts", "fast", "warning");
    errno = ENOENT;
    log_debug("d");
    log_info("i");
    log_warning("%s", strerror(errno));
    if (errno != ENOENT)
        log_error("errno changed");
}

static void
only_what_reaches_the_level_is_written(void **state)
{
    (void)state;
    listen_to(say_all_levels);
    assert_non_null(strstr(said, "No such file"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void
die(void)
{
    fatal("%s is missing", "the key");
}

static void
fatal_says_why_and_exits_with_1(void **state)
{
    (void)state;
    assert_int_equal(listen_to(die), 1);
    assert_non_null(strstr(said, "\"message\":\"the key is missing\"}\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_program_role_and_request),
        cmocka_unit_test(what_would_break_a_line_is_escaped),
        cmocka_unit_test(a_long_message_is_cut_and_the_line_stays_whole),
        cmocka_unit_test(only_what_reaches_the_level_is_written),
        cmocka_unit_test(fatal_says_why_and_exits_with_1),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
