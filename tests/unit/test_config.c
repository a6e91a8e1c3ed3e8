/* SPDX-License-Identifier: Apache-2.0
 * The configuration: its table's order, its defaults, what it refuses. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const keys[] = {
#define KEY(kind, field, key, preset, help) key,
    CONFIG_TABLE(KEY)
#undef KEY
};

static void
the_table_is_alphabetical(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i - 1], keys[i]) >= 0)
            fail_msg("%s must come after %s", keys[i - 1], keys[i]);
}

static void
defaults_hold_until_the_environment_says_more(void **state)
{
    (void)state;
    config_load();
    assert_int_equal(config.database_port, 5432);
    assert_string_equal(config.database_name, "escarcelle");
    setenv("ESCARCELLE_DATABASE_PORT", "6000", 1);
    setenv("ESCARCELLE_DATABASE_NAME", "a=b", 1);
    config_load();
    assert_int_equal(config.database_port, 6000);
    assert_string_equal(config.database_name, "a=b");
    unsetenv("ESCARCELLE_DATABASE_PORT");
    unsetenv("ESCARCELLE_DATABASE_NAME");
}

/* Loads with one variable more in a process of its own; its words on stderr go to `said`. */
static int
status_of_loading(const char *key, const char *value, char *said, size_t said_bytes)
{
    int ends[2], status;
    ssize_t length;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv(key, value, 1);
        config_load();
        _exit(0);
    }
    close(ends[1]);
    waitpid(child, &status, 0);
    length = read(ends[0], said, said_bytes - 1);
    said[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    return WEXITSTATUS(status);
}

static void
unknown_keys_are_refused_by_name(void **state)
{
    static const char *const unknown[] = {"ESCARCELLE_DATABASE_PORTS", "ESCARCELLE_DATABASE",
                                          "ESCARCELLE_"};
    char said[256];

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(status_of_loading(unknown[i], "1", said, sizeof said), 2);
        assert_memory_equal(said, unknown[i], strlen(unknown[i]));
        assert_int_equal(said[strlen(unknown[i])], ' ');
    }
    assert_int_equal(status_of_loading("ESCARCELLES", "1", said, sizeof said), 0);
}

static void
malformed_numbers_are_refused_by_name(void **state)
{
    static const char *const malformed[] = {
        "", " 1", "-1", "+1", "1x", "0x10", "1.5", "many", "99999999999999999999"};
    char said[256];

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        assert_int_equal(status_of_loading("ESCARCELLE_HTTP_PORT", malformed[i], said, sizeof said),
                         2);
        assert_non_null(strstr(said, "ESCARCELLE_HTTP_PORT"));
    }
}

static void
a_secret_is_the_first_line_of_its_file(void **state)
{
    char path[] = "/tmp/escarcelle-secret-XXXXXX";
    int descriptor = mkstemp(path);
    char *secret;

    (void)state;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "mot de passe\r\nnot this\n", 23), 23);
    close(descriptor);
    secret = config_secret("ESCARCELLE_SMTP_PASSWORD_FILE", path);
    unlink(path);
    assert_string_equal(secret, "mot de passe");
    free(secret);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_alphabetical),
        cmocka_unit_test(defaults_hold_until_the_environment_says_more),
        cmocka_unit_test(unknown_keys_are_refused_by_name),
        cmocka_unit_test(malformed_numbers_are_refused_by_name),
        cmocka_unit_test(a_secret_is_the_first_line_of_its_file),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
