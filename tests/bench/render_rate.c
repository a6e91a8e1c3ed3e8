/* SPDX-License-Identifier: Apache-2.0
 * Renders the same invoice again and again: render_rate SECONDS prints invoices per second of CPU time. */
#include "invoice_samples.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    double seconds = argc == 2 ? strtod(argv[1], NULL) : 0, started = cpu_seconds(), spent = 0;
    struct arena *arena = arena_new(64u << 20);
    size_t count = 0;

    if (seconds <= 0) {
        fprintf(stderr, "usage: render_rate SECONDS\n");
        return 2;
    }
    for (; spent < seconds; count++, spent = cpu_seconds() - started) {
        struct invoice_document document = sample_invoice("fr");
        uint8_t *bytes;
        size_t length;
        const char *error;

        arena_reset(arena);
        if (!invoice_pdf_render(arena, &document, &bytes, &length, &error)) {
            fprintf(stderr, "render_rate: %s\n", error);
            return 1;
        }
    }
    printf("%.1f\n", (double)count / spent);
    arena_free(arena);
    return 0;
}
