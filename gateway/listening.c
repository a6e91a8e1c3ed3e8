/* SPDX-License-Identifier: Apache-2.0
 * Takes over or opens the listening socket; it accepts nothing. */
#include "listening.h"

#include "config.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, PORT_MAX = 65535, FIRST_HANDED_OVER = 3 /* sd_listen_fds(3) */ };

static int
open_socket(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[16];
    int on = 1;
    if (config.http_port < 1 || config.http_port > PORT_MAX)
        fatal("ESCARCELLE_HTTP_PORT must be 1 to %d", PORT_MAX);
    snprintf(port, sizeof port, "%d", (int)config.http_port);
    int failure = getaddrinfo(config.http_host, port, &hints, &found);
    if (failure != 0)
        fatal("ESCARCELLE_HTTP_HOST %s is no address: %s", config.http_host, gai_strerror(failure));
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        fatal("no socket to listen on: %s", strerror(errno));
    if (bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(descriptor, BACKLOG) != 0)
        fatal("%s port %s can't be listened on: %s", config.http_host, port, strerror(errno));
    freeaddrinfo(found);
    log_info("listening on %s port %s", config.http_host, port);
    return descriptor;
}

static bool
is_handed_over(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    return pid != NULL && atoll(pid) == getpid() && count != NULL && atoi(count) > 0;
}

static int
take_over(void)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(FIRST_HANDED_OVER, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
        fatal("LISTEN_FDS hands over something that does not listen");
    if (fcntl(FIRST_HANDED_OVER, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(FIRST_HANDED_OVER, F_SETFL, O_NONBLOCK) != 0)
        fatal("the socket that was handed over can't be used: %s", strerror(errno));
    log_info("listening on the socket that was handed over");
    return FIRST_HANDED_OVER;
}

int
listening_socket(void)
{
    int descriptor = is_handed_over() ? take_over() : open_socket();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return descriptor;
}
