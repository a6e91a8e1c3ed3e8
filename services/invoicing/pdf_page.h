/* SPDX-License-Identifier: Apache-2.0
 * Text, lines and boxes on A4 pages, saved as PDF/A-3b. Points (1/72 inch) from the top left
 * corner; a text's y is its baseline. A fault sticks: drawing goes on without effect, pdf_save
 * reports it. */
#ifndef ESCARCELLE_PDF_PAGE_H
#define ESCARCELLE_PDF_PAGE_H

#include "arena.h"
#include <stdbool.h>
#include <stdint.h>

#define PDF_PAGE_WIDTH 595.28
#define PDF_PAGE_HEIGHT 841.89
#define PDF_PAGES_MAX 500

enum pdf_face { PDF_REGULAR, PDF_BOLD, PDF_FACES };
enum pdf_align { PDF_LEFT, PDF_RIGHT, PDF_CENTRE };

/* How a text looks; colour is 0xRRGGBB. */
struct pdf_style {
    enum pdf_face face;
    double size;
    uint32_t colour;
    enum pdf_align align;
};

/* What a reader's "properties" show, and what makes the bytes repeatable: the same description and
 * the same drawing give the same bytes. */
struct pdf_description {
    const char *title, *author, *subject;
    const char *language; /* "fr" or "en" */
    const char *created;  /* RFC 3339 UTC */
    const char *id;       /* UUID of the document */
};

/* A file inside the PDF. With a Factur-X level ("EN 16931") it is declared as such an invoice. */
struct pdf_attachment {
    const char *name, *media_type, *description;
    const char *relationship;  /* Data, Source, Alternative, Supplement, Unspecified */
    const char *facturx_level; /* NULL: an ordinary file */
    const void *bytes;
    size_t length;
};

struct pdf;

/* An empty document that lives as long as the arena. */
struct pdf *pdf_new(struct arena *arena, const struct pdf_description *description);
/* A new last page, which becomes the one drawn on. */
void pdf_add_page(struct pdf *pdf);
/* Goes back to page `index` (from 0), for what is known at the end only ("page 1/3"). */
void pdf_select_page(struct pdf *pdf, size_t index);
size_t pdf_page_count(const struct pdf *pdf);

/* One line, aligned at x. Characters that the font lacks become "?" and are logged. */
void pdf_text(struct pdf *pdf, double x, double y, const struct pdf_style *style, const char *text);
/* Breaks a text into lines of at most `width`: at line ends, spaces, inside words that are too
 * long. Returns how many; *lines lies in the arena. */
size_t pdf_wrap(struct pdf *pdf, const struct pdf_style *style, double width, const char *text,
                const char *const **lines);
/* A horizontal line from x, y to the right. */
void pdf_rule(struct pdf *pdf, double x, double y, double width, double thickness, uint32_t colour);
/* A filled rectangle whose upper left corner is x, y. */
void pdf_box(struct pdf *pdf, double x, double y, double width, double height, uint32_t colour);

/* The bytes, in the arena; `attachment` may be NULL. False with a sentence in *error. */
bool pdf_save(struct pdf *pdf, const struct pdf_attachment *attachment, uint8_t **bytes,
              size_t *length, const char **error);

#endif
