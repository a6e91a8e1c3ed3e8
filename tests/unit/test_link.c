/* SPDX-License-Identifier: Apache-2.0
 * Secret links (ACC-8): only their owner makes them, for one object, one purpose, some time. */
#include "link.h"

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

static const char object[] = "0190163d-8694-739b-aea5-966c26f8ad91";
static const int64_t expiry_s = 1800000000;

struct key_file {
    char path[32];
};

static struct key_file
write_key(const char *text)
{
    struct key_file file = {"/tmp/escarcelle-link-XXXXXX"};
    int descriptor = mkstemp(file.path);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    return file;
}

static void
load_key(const char *text)
{
    struct key_file file = write_key(text);

    link_key_load(file.path);
    unlink(file.path);
}

static int
load_a_key(void **state)
{
    (void)state;
    load_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    return 0;
}

static void
acc_8_the_same_link_is_made_again(void **state)
{
    char token[LINK_TOKEN_BYTES], again[LINK_TOKEN_BYTES];

    (void)state;
    link_make("funding_review", object, expiry_s, token);
    link_make("funding_review", "0190163D-8694-739B-AEA5-966C26F8AD91", expiry_s, again);
    assert_int_equal(strlen(token), LINK_TOKEN_BYTES - 1);
    assert_string_equal(token, again);
    /* Computed apart, with Python's hmac: links in mails must outlive every release. */
    assert_string_equal(
        token, "AZAWPYaUc5uupZZsJvitkQAAAABrSdIA3vWY23k2NlrYk5Hi3lB_2L23il0h0rOX1Ir3UZfbaX4");
}

static void
acc_8_a_link_opens_until_it_expires(void **state)
{
    char token[LINK_TOKEN_BYTES], id[37] = "";

    (void)state;
    link_make("funding_review", object, expiry_s, token);
    assert_int_equal(link_verify("funding_review", token, expiry_s - 1, id), LINK_VALID);
    assert_string_equal(id, object);
    memset(id, 0, sizeof id);
    assert_int_equal(link_verify("funding_review", token, expiry_s, id), LINK_EXPIRED);
    assert_string_equal(id, object);
    assert_int_equal(link_verify("funding_review", token, -1, id), LINK_EXPIRED);
}

static void
acc_8_a_link_serves_one_purpose(void **state)
{
    char token[LINK_TOKEN_BYTES], id[37] = "";

    (void)state;
    link_make("invitation", object, expiry_s, token);
    assert_int_equal(link_verify("password_reset", token, 0, id), LINK_FORGED);
    assert_int_equal(link_verify("invitatio", token, 0, id), LINK_FORGED);
    assert_int_equal(link_verify("", token, 0, id), LINK_FORGED);
    assert_string_equal(id, "");
}

static void
acc_8_no_character_of_a_link_can_be_changed(void **state)
{
    char token[LINK_TOKEN_BYTES], id[37] = "";

    (void)state;
    link_make("invitation", object, expiry_s, token);
    for (size_t at = 0; at < LINK_TOKEN_BYTES - 1; at++)
        for (const char *other = "AZaz09-_.=\n"; *other != '\0'; other++) {
            char changed[LINK_TOKEN_BYTES];

            memcpy(changed, token, sizeof changed);
            changed[at] = *other;
            if (*other != token[at])
                assert_int_equal(link_verify("invitation", changed, 0, id), LINK_FORGED);
        }
    assert_string_equal(id, "");
}

static void
acc_8_what_has_not_the_length_is_forged(void **state)
{
    char token[LINK_TOKEN_BYTES], longer[LINK_TOKEN_BYTES + 1], id[37];

    (void)state;
    link_make("invitation", object, expiry_s, token);
    snprintf(longer, sizeof longer, "%sA", token);
    assert_int_equal(link_verify("invitation", longer, 0, id), LINK_FORGED);
    assert_int_equal(link_verify("invitation", token + 1, 0, id), LINK_FORGED);
    assert_int_equal(link_verify("invitation", "", 0, id), LINK_FORGED);
}

static void
acc_8_another_key_makes_other_links(void **state)
{
    char token[LINK_TOKEN_BYTES], id[37];

    link_make("invitation", object, expiry_s, token);
    load_key("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    assert_int_equal(link_verify("invitation", token, 0, id), LINK_FORGED);
    load_a_key(state);
    assert_int_equal(link_verify("invitation", token, 0, id), LINK_VALID);
}

static int
status_of_loading(const char *text)
{
    struct key_file file = write_key(text);
    pid_t child = fork();
    int status;

    if (child == 0) {
        close(STDERR_FILENO);
        link_key_load(file.path);
        _exit(0);
    }
    waitpid(child, &status, 0);
    unlink(file.path);
    return WEXITSTATUS(status);
}

static void
a_bad_key_file_is_refused_at_start(void **state)
{
    (void)state;
    assert_int_not_equal(status_of_loading(""), 0);
    assert_int_not_equal(status_of_loading("\n"), 0);
    assert_int_not_equal(status_of_loading("00010203"), 0);
    assert_int_not_equal(
        status_of_loading("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), 0);
    assert_int_not_equal(
        status_of_loading("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acc_8_the_same_link_is_made_again),
        cmocka_unit_test(acc_8_a_link_opens_until_it_expires),
        cmocka_unit_test(acc_8_a_link_serves_one_purpose),
        cmocka_unit_test(acc_8_no_character_of_a_link_can_be_changed),
        cmocka_unit_test(acc_8_what_has_not_the_length_is_forged),
        cmocka_unit_test(acc_8_another_key_makes_other_links),
        cmocka_unit_test(a_bad_key_file_is_refused_at_start),
    };

    return cmocka_run_group_tests_name("link", tests, load_a_key, NULL);
}
