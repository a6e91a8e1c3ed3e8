/* SPDX-License-Identifier: Apache-2.0
 * Writes sample invoices to a folder, to be looked at: render_samples FOLDER. */
#include "invoice_samples.h"
#include <stdio.h>
#include <stdlib.h>

static void
write_file(const char *folder, const char *name, const void *bytes, size_t length)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void
write_invoice(struct arena *arena, const char *folder, const char *name,
              struct invoice_document document)
{
    uint8_t *bytes;
    size_t length;
    const char *error;
    if (!invoice_pdf_render(arena, &document, &bytes, &length, &error)) {
        fprintf(stderr, "%s: %s\n", name, error);
        exit(1);
    }
    write_file(folder, name, bytes, length);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: render_samples FOLDER\n");
        return 2;
    }
    struct arena *arena = arena_new(64u << 20);
    write_invoice(arena, argv[1], "invoice-fr.pdf", sample_invoice("fr"));
    write_invoice(arena, argv[1], "invoice-en.pdf", sample_invoice("en"));
    write_invoice(arena, argv[1], "credit-note-fr.pdf", sample_credit_note("fr"));
    write_invoice(arena, argv[1], "long-fr.pdf", sample_long_invoice(arena, 60));
    arena_free(arena);
    return 0;
}
