/* SPDX-License-Identifier: Apache-2.0
 * Sends one mail and prints how it went, for test_smtp.py:
 *   smtp_probe URL CA_FILE tls|plain TIMEOUT_MS FILE  →  "accepted 250 words" */
#include "smtp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_BYTES_MAX (4u << 20)

int
main(int argc, char **argv)
{
    static const char *const names[] = {"accepted", "transient", "permanent"};
    if (argc != 6) {
        fprintf(stderr, "usage: smtp_probe URL CA_FILE tls|plain TIMEOUT_MS FILE\n");
        return 2;
    }
    struct arena *arena = arena_new(2 * MAIL_BYTES_MAX);
    uint8_t *bytes = arena_alloc(arena, MAIL_BYTES_MAX);
    FILE *file = fopen(argv[5], "rb");
    if (!file) {
        perror(argv[5]);
        return 2;
    }
    size_t length = fread(bytes, 1, MAIL_BYTES_MAX, file);
    fclose(file);
    const char *user = getenv("SMTP_PROBE_USER");
    struct smtp_server server = {
        .url = argv[1],
        .ca_file = argv[2],
        .user = user,
        .password = getenv("SMTP_PROBE_PASSWORD"),
        .tls_required = strcmp(argv[3], "tls") == 0,
        .timeout_ms = strtol(argv[4], NULL, 10),
    };
    struct smtp_outcome outcome =
        smtp_send(arena, &server, "sender@escarcelle.example", "lea@acme.example", bytes, length);
    printf("%s %d %s\n", names[outcome.result], outcome.code, outcome.words);
    arena_free(arena);
    return 0;
}
