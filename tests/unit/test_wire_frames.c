/* SPDX-License-Identifier: Apache-2.0
 * Control frames and topics as bytes: what is written is read back, whatever else is refused. Also
 * the addresses of the broker's doors. */
#include "wire_doors.h"
#include "wire_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
test_control_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[CONTROL_BYTES_MAX];
    struct control control;
    size_t length = control_encode(bytes, COMMAND_FORWARD, UINT64_MAX - 1, 300, "gateway");
    assert_int_equal(length, CONTROL_HEAD_BYTES + 7);
    assert_true(control_decode(bytes, length, &control));
    assert_int_equal(control.command, COMMAND_FORWARD);
    assert_true(control.number == UINT64_MAX - 1);
    assert_int_equal(control.argument, 300);
    assert_string_equal(control.text, "gateway");
}

static void
test_control_is_in_network_order(void **state)
{
    (void)state;
    static const uint8_t expected[] = {'E', 'S', 'C', '1', 1, 0, 0, 0, 0,
                                       0,   0,   1,   2,   0, 0, 0, 5, 'x'};
    uint8_t bytes[CONTROL_BYTES_MAX];
    assert_int_equal(control_encode(bytes, COMMAND_REQUEST, 258, 5, "x"), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void
test_every_cut_and_every_wrong_byte_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[CONTROL_BYTES_MAX + 1] = {0};
    struct control control;
    control_encode(bytes, COMMAND_PING, 0, 0, NULL);
    for (size_t length = 0; length < CONTROL_HEAD_BYTES; length++)
        assert_false(control_decode(bytes, length, &control));
    for (size_t i = 0; i < 4; i++) {
        bytes[i] ^= 1;
        assert_false(control_decode(bytes, CONTROL_HEAD_BYTES, &control));
        bytes[i] ^= 1;
    }
    memset(bytes + CONTROL_HEAD_BYTES, 'x', CONTROL_TEXT_MAX + 1);
    assert_true(control_decode(bytes, CONTROL_BYTES_MAX, &control));
    assert_false(control_decode(bytes, CONTROL_BYTES_MAX + 1, &control));
    bytes[CONTROL_HEAD_BYTES] = '\0';
    assert_false(control_decode(bytes, CONTROL_HEAD_BYTES + 1, &control));
    bytes[CONTROL_HEAD_BYTES] = 0xc3;
    assert_false(control_decode(bytes, CONTROL_HEAD_BYTES + 1, &control));
}

static void
test_unknown_commands_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[CONTROL_BYTES_MAX];
    struct control control;
    size_t known = 0;
    control_encode(bytes, COMMAND_PING, 0, 0, NULL);
    for (int command = 0; command <= UINT8_MAX; command++) {
        bytes[4] = (uint8_t)command;
        known += control_decode(bytes, CONTROL_HEAD_BYTES, &control);
    }
    assert_int_equal(known, 11);
}

static void
test_topics(void **state)
{
    (void)state;
    char topic[TOPIC_BYTES_MAX + 1], kind;
    static const char *const wrong[] = {"",           "E",           ":E",
                                        "accounts",   "accounts:",   "accounts:X",
                                        "Accounts:E", "accounts:EE", "acc ounts:E"};
    assert_true(topic_split("accounts:E", 10, topic, &kind));
    assert_string_equal(topic, "accounts");
    assert_int_equal(kind, 'E');
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(topic_split(wrong[i], strlen(wrong[i]), topic, &kind));
}

static void
test_doors(void **state)
{
    (void)state;
    char address[ADDRESS_BYTES_MAX], longest[6 + IPC_PATH_BYTES_MAX + 1] = "ipc://";
    assert_true(door_address("ipc:///run/broker-1", DOOR_SUBSCRIBE, address));
    assert_string_equal(address, "ipc:///run/broker-1-subscribe");
    assert_true(door_address("tcp://[::1]:7000", DOOR_PUBLISH, address));
    assert_string_equal(address, "tcp://[::1]:7002");
    assert_false(door_address("tcp://host:65535", DOOR_WORKERS, address));
    assert_false(door_address("tcp://host", DOOR_CLIENTS, address));
    assert_false(door_address("inproc://x", DOOR_CLIENTS, address));
    assert_false(door_address("", DOOR_CLIENTS, address));
    memset(longest + 6, 'x', IPC_PATH_BYTES_MAX - strlen("-subscribe"));
    assert_true(door_address(longest, DOOR_SUBSCRIBE, address));
    strcat(longest, "x");
    assert_false(door_address(longest, DOOR_SUBSCRIBE, address));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_comes_back),
        cmocka_unit_test(test_control_is_in_network_order),
        cmocka_unit_test(test_every_cut_and_every_wrong_byte_is_refused),
        cmocka_unit_test(test_unknown_commands_are_refused),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
