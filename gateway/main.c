/* SPDX-License-Identifier: Apache-2.0
 * The gateway's program: its command line, its listening socket, its one child. */
#include "gateway.h"

#include "certificate.h"
#include "config.h"
#include "dates.h"
#include "log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, BACKLOG = 1024, PORT_MAX = 65535 };

/* The parent keeps it open over restarts of its child, so that none refuses a connection. */
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
    return descriptor;
}

static int
run_parent(char **argv)
{
    static const struct parent_child children[] = {{"http", 1}, {NULL, 0}};
    certificate_check();
    int listen_descriptor = open_socket();
    log_info("listening on %s port %d", config.http_host, (int)config.http_port);
    return parent_run("gateway", argv, children, listen_descriptor);
}

static int
usage(FILE *out, int code)
{
    fprintf(out, "usage: gateway [--help|--config|--check]\n\n"
                 "Serves the HTTP API. Without an option it runs until SIGTERM.\n"
                 "  --config  print the configuration, secrets masked\n"
                 "  --check   prove configuration and certificate files, then exit\n\n");
    return code;
}

int
main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    if (argc > 2)
        return usage(stderr, EXIT_USAGE);
    dates_init();
    config_load();
    log_open("gateway", strcmp(option, "--role=http") == 0 ? "http" : "parent", config.log_level);
    if (option[0] == '\0')
        return run_parent(argv);
    if (strcmp(option, "--role=http") == 0)
        return loop_run();
    if (strcmp(option, "--check") == 0) {
        certificate_check();
        return 0;
    }
    if (strcmp(option, "--config") != 0 && strcmp(option, "--help") != 0)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(option, "--help") == 0)
        usage(stdout, 0);
    config_print();
    return 0;
}
