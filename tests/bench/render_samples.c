/* SPDX-License-Identifier: Apache-2.0
 * Writes sample invoices and all mails to a folder, to be looked at: render_samples FOLDER. */
#include "invoice_samples.h"
#include "mail_samples.h"
#include "mime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void
write_mail(struct arena *arena, const char *folder, const struct mail_template *template)
{
    struct mail_value *values;
    size_t count = sample_mail_values(arena, template->locale, &values), length;
    struct mail_content content;
    struct mime_message message = {
        .from = {"Escarcelle Formation", "facturation@escarcelle.example"},
        .to = {"Léa Martin", "lea.martin@acme.example"},
        .message_id = "0193542a-7c1e-7b3a-9f10-2b7d5a1c4e88@escarcelle.example",
        .date = "2026-11-22T18:19:00.123Z",
    };
    uint8_t *bytes;
    const char *error = "a value is missing";
    bool composed = mail_compose(arena, template->kind, template->locale, values, count, &content);
    message.subject = content.subject;
    message.text = content.text;
    message.html = content.html;
    if (!composed || !mime_build(arena, &message, &bytes, &length, &error)) {
        fprintf(stderr, "%s: %s\n", template->kind, error);
        exit(1);
    }
    const char *name = arena_printf(arena, "%s-%s", template->kind, template->locale);
    write_file(folder, arena_printf(arena, "%s.eml", name), bytes, length);
    write_file(folder, arena_printf(arena, "%s.html", name), content.html, strlen(content.html));
    write_file(folder, arena_printf(arena, "%s.txt", name), content.text, strlen(content.text));
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
    size_t count;
    const struct mail_template *templates = mail_templates(&count);
    for (size_t i = 0; i < count; i++)
        write_mail(arena, argv[1], &templates[i]);
    arena_free(arena);
    return 0;
}
