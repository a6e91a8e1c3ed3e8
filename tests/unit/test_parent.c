/* SPDX-License-Identifier: Apache-2.0
 * The process tree: started, restarted, drained, never orphaned. Each child says on a pipe that it is there. */
#include "parent.h"

#include "config.h"
#include "dates.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, PIPE_DESCRIPTOR = 100 };

/* What a child says of itself. */
struct hello {
    pid_t pid, parent;
    char role[12], shown[48]; /* what it was told, what ps shows */
    int listen;
    uint64_t handled; /* counted by all before it */
};

/* What the children see of their parent's memory. */
static const int handed_down;

/* ---- the child ------------------------------------------------------------------------------- */

static void
read_arguments(char *out, size_t size)
{
    FILE *file = fopen("/proc/self/cmdline", "re");

    if (file == NULL || fgets(out, (int)size, file) == NULL)
        abort();
    fclose(file);
}

static void
say_hello(const struct inherited *inherited, const char *role)
{
    struct hello hello = {
        .pid = getpid(),
        .parent = getppid(),
        .listen = inherited->listen,
        .handled = atomic_fetch_add(&inherited->counters->handled, 1),
    };

    snprintf(hello.role, sizeof hello.role, "%s", role);
    read_arguments(hello.shown, sizeof hello.shown);
    if (write(PIPE_DESCRIPTOR, &hello, sizeof hello) != sizeof hello)
        abort();
}

static void
wait_for_stop(void)
{
    sigset_t none, stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, &none);
    while (!stopping)
        sigsuspend(&none);
}

/* waker wakes waiter through the eventfd of the jobs, and only then does waiter say hello. */
static void
wait_for_wake(const struct inherited *inherited)
{
    struct pollfd item = {.fd = inherited->wake_jobs_read, .events = POLLIN};

    if (poll(&item, 1, PATIENCE_MS) != 1)
        abort();
    wake_clear(inherited->wake_jobs_read);
    if (poll(&item, 1, 0) != 0)
        abort();
}

/* Says that it was stopped, then ends only when the test says SIGUSR1. */
static void
drain_slowly(const struct inherited *inherited)
{
    int signal_number;
    sigset_t go;

    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go, NULL);
    close(inherited->listen);
    say_hello(inherited, "draining");
    sigwait(&go, &signal_number);
}

static int
run_child(const char *role, const struct inherited *inherited, const void *state)
{
    if (state != &handed_down)
        abort();
    if (strcmp(role, "waiter") == 0)
        wait_for_wake(inherited);
    say_hello(inherited, role);
    if (strcmp(role, "waker") == 0)
        for (int i = 0; i < 3; i++)
            wake(inherited->wake_jobs_write);
    if (strcmp(role, "refuser") == 0)
        return 3;
    if (strcmp(role, "later") == 0 && inherited->counters->restarts > 0)
        return 3;
    wait_for_stop();
    if (strcmp(role, "slow") == 0)
        drain_slowly(inherited);
    return 0;
}

/* ---- the test -------------------------------------------------------------------------------- */

struct tree {
    pid_t parent;
    int pipe;
};

static char **arguments; /* of this program */

/* A parent with these children; the pipe is at its end when the last of them is gone. */
static struct tree
start(const struct parent_child *children, int listen)
{
    struct tree tree;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    tree.parent = fork();
    if (tree.parent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        dup2(ends[1], PIPE_DESCRIPTOR);
        close(ends[0]);
        close(ends[1]);
        if (freopen("/dev/null", "w", stderr) ==
            NULL) /* closed, its number would go to a counter */
            abort();
        exit(parent_run("test", arguments, children, listen, run_child, &handed_down));
    }
    close(ends[1]);
    tree.pipe = ends[0];
    return tree;
}

static struct hello
next_hello(const struct tree *tree)
{
    struct pollfd item = {.fd = tree->pipe, .events = POLLIN};
    struct hello hello = {.pid = 0};

    assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
    assert_int_equal(read(tree->pipe, &hello, sizeof hello), sizeof hello);
    return hello;
}

/* Waits until every process of the tree is gone; the parent's wait status. */
static int
end_of(const struct tree *tree)
{
    struct pollfd item = {.fd = tree->pipe, .events = POLLIN};
    struct hello ignored;
    int status;

    do
        assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
    while (read(tree->pipe, &ignored, sizeof ignored) > 0);
    close(tree->pipe);
    assert_int_equal(waitpid(tree->parent, &status, 0), tree->parent);
    return status;
}

static int
stop_tree(const struct tree *tree)
{
    kill(tree->parent, SIGTERM);
    return end_of(tree);
}

/* An abstract address of this test's own, which leaves no file; `path` gets systemd's spelling. */
static socklen_t
abstract_address(struct sockaddr_un *address, char path[32])
{
    int length = snprintf(path, 32, "@escarcelle-%d", getpid());

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, path + 1, (size_t)length - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
}

static int
open_listening(void)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    char path[32];
    socklen_t length = abstract_address(&address, path);

    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(descriptor, 8), 0);
    return descriptor;
}

static bool
is_listening(void)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    char path[32];
    socklen_t length = abstract_address(&address, path);
    bool connected = connect(descriptor, (struct sockaddr *)&address, length) == 0;

    close(descriptor);
    return connected;
}

static int
open_supervisor(void)
{
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    char path[32];
    socklen_t length = abstract_address(&address, path);

    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    return descriptor;
}

static void
children_are_started_and_stopped(void **state)
{
    const struct parent_child children[] = {{"fast", 2}, {"none", 0}, {"leaf", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);
    int fast = 0, leaf = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct hello hello = next_hello(&tree);

        assert_int_equal(hello.parent, tree.parent);
        assert_int_equal(hello.listen, -1);
        fast += strcmp(hello.role, "fast") == 0;
        leaf += strcmp(hello.role, "leaf") == 0;
    }
    assert_int_equal(fast, 2);
    assert_int_equal(leaf, 1);
    assert_int_equal(stop_tree(&tree), 0);
}

static void
a_child_shows_its_role(void **state)
{
    const struct parent_child children[] = {{"leaf", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);

    (void)state;
    assert_string_equal(next_hello(&tree).shown, "test --role=leaf");
    assert_int_equal(stop_tree(&tree), 0);
}

static void
a_child_that_dies_is_replaced_and_the_counters_stay(void **state)
{
    const struct parent_child children[] = {{"fast", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);

    (void)state;
    for (uint64_t round = 0; round < 4; round++) {
        struct hello hello = next_hello(&tree);

        assert_int_equal(hello.handled, round);
        kill(hello.pid, round % 2 ? SIGKILL : SIGTERM);
    }
    assert_int_equal(stop_tree(&tree), 0);
}

static void
restarts_back_off(void **state)
{
    const struct parent_child children[] = {{"fast", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);
    int64_t started_ms = clock_ms();

    (void)state;
    for (int round = 0; round < 6; round++)
        kill(next_hello(&tree).pid, SIGKILL);
    next_hello(&tree);
    /* 10 + 20 + 40 + 80 + 160 + 320 ms lie between seven starts */
    assert_true(clock_ms() - started_ms >= 630);
    assert_int_equal(stop_tree(&tree), 0);
}

static void
children_die_with_their_parent(void **state)
{
    const struct parent_child children[] = {{"fast", 2}, {"slow", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);

    (void)state;
    for (int i = 0; i < 3; i++)
        next_hello(&tree);
    kill(tree.parent, SIGKILL);
    assert_true(WIFSIGNALED(end_of(&tree)));
}

static void
a_child_that_refuses_at_its_first_start_ends_all(void **state)
{
    const struct parent_child children[] = {{"fast", 2}, {"refuser", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);
    int status = end_of(&tree);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

static void
a_child_that_refuses_later_is_tried_again(void **state)
{
    const struct parent_child children[] = {{"later", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);

    (void)state;
    kill(next_hello(&tree).pid, SIGKILL);
    next_hello(&tree);
    next_hello(&tree);
    assert_int_equal(stop_tree(&tree), 0);
}

static void
a_second_signal_does_not_break_the_draining(void **state)
{
    const struct parent_child children[] = {{"slow", 1}, {NULL, 0}};
    struct tree tree = start(children, -1);
    struct hello hello = next_hello(&tree);

    (void)state;
    kill(tree.parent, SIGTERM);
    assert_string_equal(next_hello(&tree).role, "draining");
    kill(tree.parent, SIGTERM);
    kill(tree.parent, SIGINT);
    kill(hello.pid, SIGTERM);
    assert_int_equal(waitpid(tree.parent, NULL, WNOHANG), 0);
    kill(hello.pid, SIGUSR1);
    assert_int_equal(end_of(&tree), 0);
}

static void
wake_ups_and_the_listening_socket_are_inherited(void **state)
{
    const struct parent_child children[] = {{"waiter", 1}, {"waker", 1}, {NULL, 0}};
    int listening = open_listening();
    struct tree tree = start(children, listening);
    struct hello hello;

    (void)state;
    close(listening);
    assert_string_equal(next_hello(&tree).role, "waker");
    hello = next_hello(&tree);
    assert_string_equal(hello.role, "waiter");
    assert_int_equal(hello.listen, listening);
    assert_true(is_listening());
    assert_int_equal(stop_tree(&tree), 0);
}

static void
nobody_is_let_in_while_draining(void **state)
{
    const struct parent_child children[] = {{"slow", 1}, {NULL, 0}};
    int listening = open_listening();
    struct tree tree = start(children, listening);
    struct hello hello = next_hello(&tree);

    (void)state;
    close(listening);
    assert_true(is_listening());
    kill(tree.parent, SIGTERM);
    assert_string_equal(next_hello(&tree).role, "draining");
    assert_false(is_listening());
    kill(hello.pid, SIGUSR1);
    assert_int_equal(end_of(&tree), 0);
}

static void
wait_for_state(int supervisor, const char *expected)
{
    for (;;) {
        struct pollfd item = {.fd = supervisor, .events = POLLIN};
        char state[64];
        ssize_t length;

        assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
        length = recv(supervisor, state, sizeof state - 1, 0);
        assert_true(length > 0);
        state[length] = '\0';
        if (strcmp(state, expected) == 0)
            return;
    }
}

static void
the_supervisor_is_told(void **state)
{
    const struct parent_child children[] = {{"fast", 1}, {NULL, 0}};
    int supervisor = open_supervisor();
    struct tree tree;

    (void)state;
    setenv("WATCHDOG_USEC", "100000", 1);
    tree = start(children, -1);
    wait_for_state(supervisor, "READY=1");
    wait_for_state(supervisor, "WATCHDOG=1");
    wait_for_state(supervisor, "WATCHDOG=1");
    next_hello(&tree);
    assert_int_equal(stop_tree(&tree), 0);
    wait_for_state(supervisor, "STOPPING=1");
    close(supervisor);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

static void
without_a_supervisor_nobody_is_told(void **state)
{
    (void)state;
    notify_supervisor("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    notify_supervisor("READY=1");
    unsetenv("NOTIFY_SOCKET");
}

int
main(int argc, char **argv)
{
    (void)argc;
    arguments = argv;
    config_load();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_started_and_stopped),
        cmocka_unit_test(a_child_shows_its_role),
        cmocka_unit_test(a_child_that_dies_is_replaced_and_the_counters_stay),
        cmocka_unit_test(restarts_back_off),
        cmocka_unit_test(children_die_with_their_parent),
        cmocka_unit_test(a_child_that_refuses_at_its_first_start_ends_all),
        cmocka_unit_test(a_child_that_refuses_later_is_tried_again),
        cmocka_unit_test(a_second_signal_does_not_break_the_draining),
        cmocka_unit_test(wake_ups_and_the_listening_socket_are_inherited),
        cmocka_unit_test(nobody_is_let_in_while_draining),
        cmocka_unit_test(the_supervisor_is_told),
        cmocka_unit_test(without_a_supervisor_nobody_is_told),
    };

    return cmocka_run_group_tests_name("parent", tests, NULL, NULL);
}
