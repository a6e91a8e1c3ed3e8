/* SPDX-License-Identifier: Apache-2.0
 * The gateway's program: its command line, its listening socket, its one child. */
#include "gateway.h"

#include "certificate.h"
#include "config.h"
#include "dates.h"
#include "listening.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static int
run_parent(char **argv)
{
    static const struct parent_child children[] = {{"http", 1}, {NULL, 0}};
    certificate_check();
    /* The parent keeps it open over restarts of its child, so that none refuses a connection. */
    return parent_run("gateway", argv, children, listening_socket(), loop_run, NULL);
}

static int
usage(FILE *out, int code)
{
    fprintf(out, "usage: gateway [--help|--config|--check]\n\n"
                 "Serves the HTTP API. Without an option it runs until SIGTERM.\n"
                 "  --config  print the configuration in force\n"
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
    log_open("gateway", "parent", config.log_level);
    if (option[0] == '\0')
        return run_parent(argv);
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
