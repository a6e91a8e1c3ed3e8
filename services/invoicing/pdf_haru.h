/* SPDX-License-Identifier: Apache-2.0
 * What pdf_page.c and pdf_archive.c share; they are the only files that know libharu. */
#ifndef ESCARCELLE_PDF_HARU_H
#define ESCARCELLE_PDF_HARU_H

#include "pdf_page.h"
#include <hpdf.h>
#include <hpdf_doc.h>
#include <hpdf_font.h>

/* The characters that the UTF-8 encoder of libharu can carry: the basic multilingual plane. */
#define PDF_CODES 0x10000

struct pdf_font {
    HPDF_Font font;
    HPDF_FontDef definition;
    uint8_t used[PDF_CODES / 8];
};

struct pdf {
    struct arena *arena;
    const struct pdf_description *description;
    HPDF_Doc document;
    HPDF_Page page;
    HPDF_Page pages[PDF_PAGES_MAX];
    size_t page_count;
    struct pdf_font fonts[PDF_FACES];
    const char *error; /* the first fault; NULL while all is well */
};

/* Keeps the first fault. */
void pdf_fail(struct pdf *pdf, const char *error);
/* Turns the drawn document into PDF/A-3b, with the attachment if there is one. Call it once, last.
 * */
void pdf_archive(struct pdf *pdf, const struct pdf_attachment *attachment);

#endif
