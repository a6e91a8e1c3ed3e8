/* SPDX-License-Identifier: Apache-2.0
 * Drawing with libharu: pages, fonts, text that is checked before it is drawn; knows no invoice. */
#include "log.h"
#include "pdf_haru.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define FONT_FOLDER "/usr/share/fonts/truetype/liberation/"
#define TEXT_BYTES_MAX 60000 /* libharu refuses 65536 and more */
#define NO_BREAK_SPACE 0xA0

static const char *const font_files[PDF_FACES] = {
    [PDF_REGULAR] = FONT_FOLDER "LiberationSans-Regular.ttf",
    [PDF_BOLD] = FONT_FOLDER "LiberationSans-Bold.ttf",
};

void
pdf_fail(struct pdf *pdf, const char *error)
{
    if (!pdf->error)
        pdf->error = error;
}

static void
free_document(void *document)
{
    HPDF_Free(document);
}

static void
load_font(struct pdf *pdf, enum pdf_face face)
{
    struct pdf_font *font = &pdf->fonts[face];
    const char *name = HPDF_LoadTTFontFromFile(pdf->document, font_files[face], HPDF_TRUE);
    if (!name) {
        pdf_fail(pdf, arena_printf(pdf->arena, "can't load the font %s", font_files[face]));
        return;
    }
    font->definition = HPDF_GetFontDef(pdf->document, name);
    if (!font->definition)
        pdf_fail(pdf, arena_printf(pdf->arena, "can't use the font %s", font_files[face]));
}

/* As codes that mean themselves, those that a face has. */
static void
map_codes(HPDF_CMapEncoderAttr codes, const struct pdf_font *font)
{
    const HPDF_TTF_CmapRange *map = &((HPDF_TTFontDefAttr)font->definition->attr)->cmap;
    for (unsigned segment = 0; segment < map->seg_count_x2 / 2u; segment++)
        for (unsigned code = map->start_count[segment]; code <= map->end_count[segment]; code++) {
            codes->cid_map[code >> 8][code & 255] = (HPDF_UINT16)code;
            codes->unicode_map[code >> 8][code & 255] = (HPDF_UNICODE)code;
        }
}

/* When a font is made for UTF-8, libharu looks all 65 536 codes up, through one segment of the font's map after the
 * other: 40 % of an invoice's time. For an encoder that reads a map it looks up what is in the map. */
static void
load_fonts(struct pdf *pdf)
{
    HPDF_Encoder encoder = HPDF_GetEncoder(pdf->document, "UTF-8");
    HPDF_Encoder_ToUnicode_Func to_unicode = encoder->to_unicode_fn;
    for (enum pdf_face face = 0; face < PDF_FACES; face++)
        load_font(pdf, face);
    for (enum pdf_face face = 0; face < PDF_FACES && !pdf->error; face++)
        map_codes(encoder->attr, &pdf->fonts[face]);
    encoder->to_unicode_fn = HPDF_CMapEncoder_ToUnicode;
    for (enum pdf_face face = 0; face < PDF_FACES && !pdf->error; face++) {
        struct pdf_font *font = &pdf->fonts[face];
        font->font = HPDF_GetFont(pdf->document, font->definition->base_font, "UTF-8");
        if (!font->font)
            pdf_fail(pdf, arena_printf(pdf->arena, "can't use the font %s", font_files[face]));
    }
    encoder->to_unicode_fn = to_unicode;
}

struct pdf *
pdf_new(struct arena *arena, const struct pdf_description *description)
{
    struct pdf *pdf = arena_alloc(arena, sizeof *pdf);
    pdf->arena = arena;
    pdf->description = description;
    pdf->document = HPDF_New(NULL, NULL);
    if (!pdf->document) {
        pdf_fail(pdf, "no memory for a PDF");
        return pdf;
    }
    arena_defer(arena, free_document, pdf->document);
    HPDF_SetCompressionMode(pdf->document, HPDF_COMP_ALL);
    HPDF_UseUTFEncodings(pdf->document);
    HPDF_SetCurrentEncoder(pdf->document, "UTF-8");
    if (HPDF_GetEncoder(pdf->document, "UTF-8"))
        load_fonts(pdf);
    else
        pdf_fail(pdf, "libharu has no encoder for UTF-8");
    return pdf;
}

void
pdf_add_page(struct pdf *pdf)
{
    if (pdf->error)
        return;
    if (pdf->page_count == PDF_PAGES_MAX) {
        pdf_fail(pdf, "the document has too many pages");
        return;
    }
    pdf->page = HPDF_AddPage(pdf->document);
    HPDF_Page_SetSize(pdf->page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
    pdf->pages[pdf->page_count++] = pdf->page;
}

void
pdf_select_page(struct pdf *pdf, size_t index)
{
    if (pdf->error)
        return;
    assert(index < pdf->page_count);
    pdf->page = pdf->pages[index];
}

size_t
pdf_page_count(const struct pdf *pdf)
{
    return pdf->page_count;
}

/* Bytes of the UTF-8 sequence that starts here; 0 when it is not one. */
static size_t
sequence_length(const unsigned char *bytes)
{
    size_t length = bytes[0] < 0x80             ? 1
                    : (bytes[0] & 0xE0) == 0xC0 ? 2
                    : (bytes[0] & 0xF0) == 0xE0 ? 3
                    : (bytes[0] & 0xF8) == 0xF0 ? 4
                                                : 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* The code point at *at, which moves behind it; a malformed byte is U+FFFD. */
static uint32_t
next_code(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    size_t length = sequence_length(bytes);
    *at += length ? length : 1;
    if (length == 0)
        return 0xFFFD;
    if (length == 1)
        return bytes[0];
    uint32_t code = bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3F);
    return code;
}

static void
append_code(struct buffer *out, uint32_t code)
{
    char bytes[3] = {(char)code};
    size_t length = 1;
    if (code >= 0x800) {
        bytes[0] = (char)(0xE0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (code & 0x3F));
        length = 3;
    } else if (code >= 0x80) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3F));
        length = 2;
    }
    buffer_append(out, bytes, length);
}

/* What is drawn for a character: 0 for nothing, itself if the font has it, or a stand-in. */
static uint32_t
drawable(const struct pdf_font *font, uint32_t code)
{
    if (code < 0x20 || code == 0x7F)
        return ' ';
    if (code == 0x202F || code == 0x2009 || code == 0x2007)
        return NO_BREAK_SPACE;
    if (code == 0x2011)
        return '-';
    if (code == 0xAD || code == 0x200B || code == 0x200D || code == 0xFEFF)
        return 0;
    if (code < PDF_CODES && HPDF_TTFontDef_GetGlyphid(font->definition, (HPDF_UINT16)code) != 0)
        return code;
    log_warning("the font has no character U+%04X, printed as \"?\"", code);
    return '?';
}

/* The text with only characters that the font has. */
static const char *
clean(struct pdf *pdf, enum pdf_face face, const char *text)
{
    struct buffer out;
    buffer_init(&out, pdf->arena);
    buffer_text(&out, "");
    if (pdf->error)
        return out.bytes;
    for (const char *at = text; *at && out.length < TEXT_BYTES_MAX;) {
        uint32_t code = drawable(&pdf->fonts[face], next_code(&at));
        if (code)
            append_code(&out, code);
    }
    return out.bytes;
}

static double
code_width(const struct pdf *pdf, const struct pdf_style *style, uint32_t code)
{
    HPDF_FontDef definition = pdf->fonts[style->face].definition;
    return HPDF_TTFontDef_GetCharWidth(definition, (HPDF_UINT16)code) * style->size / 1000;
}

static double
text_width(struct pdf *pdf, const struct pdf_style *style, const char *text)
{
    double width = 0;
    for (const char *at = clean(pdf, style->face, text); *at;)
        width += code_width(pdf, style, next_code(&at));
    return width;
}

static void
set_fill(struct pdf *pdf, uint32_t colour)
{
    HPDF_Page_SetRGBFill(pdf->page, (HPDF_REAL)(colour >> 16 & 0xFF) / 255,
                         (HPDF_REAL)(colour >> 8 & 0xFF) / 255, (HPDF_REAL)(colour & 0xFF) / 255);
}

static void
mark_used(struct pdf_font *font, const char *text)
{
    for (const char *at = text; *at;) {
        uint32_t code = next_code(&at);
        font->used[code / 8] |= (uint8_t)(1u << code % 8);
    }
}

void
pdf_text(struct pdf *pdf, double x, double y, const struct pdf_style *style, const char *text)
{
    assert(isfinite(x) && isfinite(y));
    if (pdf->error || !*text)
        return;
    struct pdf_font *font = &pdf->fonts[style->face];
    const char *line = clean(pdf, style->face, text);
    mark_used(font, line);
    if (style->align == PDF_RIGHT)
        x -= text_width(pdf, style, line);
    if (style->align == PDF_CENTRE)
        x -= text_width(pdf, style, line) / 2;
    HPDF_Page_BeginText(pdf->page);
    HPDF_Page_SetFontAndSize(pdf->page, font->font, (HPDF_REAL)style->size);
    set_fill(pdf, style->colour);
    HPDF_Page_TextOut(pdf->page, (HPDF_REAL)x, (HPDF_REAL)(PDF_PAGE_HEIGHT - y), line);
    HPDF_Page_EndText(pdf->page);
}

/* Where the line that starts at `start` must end; *next is where the following one starts. */
static const char *
line_end(struct pdf *pdf, const struct pdf_style *style, double width, const char *start,
         const char **next)
{
    const char *word_end = NULL, *word_next = NULL;
    double used = 0;
    for (const char *at = start; *at;) {
        const char *here = at;
        uint32_t code = next_code(&at);
        used += code_width(pdf, style, code);
        if (code == ' ') {
            word_end = here;
            word_next = at;
        } else if (used > width && here > start) {
            *next = word_end ? word_next : here;
            return word_end ? word_end : here;
        } else if (code == '-' && *at) {
            word_end = word_next = at;
        }
    }
    *next = start + strlen(start);
    return *next;
}

struct lines {
    const char **texts;
    size_t count, capacity;
};

static void
add_line(struct arena *arena, struct lines *lines, const char *text)
{
    if (lines->count == lines->capacity) {
        size_t capacity = lines->capacity ? lines->capacity * 2 : 8;
        const char **texts = arena_array(arena, capacity, sizeof *texts);
        if (lines->count)
            memcpy(texts, lines->texts, lines->count * sizeof *texts);
        lines->texts = texts;
        lines->capacity = capacity;
    }
    lines->texts[lines->count++] = text;
}

static void
wrap_paragraph(struct pdf *pdf, const struct pdf_style *style, double width, const char *text,
               struct lines *lines)
{
    do {
        const char *next;
        const char *end = line_end(pdf, style, width, text, &next);
        add_line(pdf->arena, lines, arena_strndup(pdf->arena, text, (size_t)(end - text)));
        text = next;
    } while (*text);
}

size_t
pdf_wrap(struct pdf *pdf, const struct pdf_style *style, double width, const char *text,
         const char *const **lines)
{
    struct lines found = {0};
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        const char *paragraph = arena_strndup(pdf->arena, at, length);
        wrap_paragraph(pdf, style, width, clean(pdf, style->face, paragraph), &found);
        at += length + (at[length] == '\n');
    }
    *lines = found.texts;
    return found.count;
}

void
pdf_box(struct pdf *pdf, double x, double y, double width, double height, uint32_t colour)
{
    assert(isfinite(x) && isfinite(y) && isfinite(width) && isfinite(height));
    if (pdf->error)
        return;
    set_fill(pdf, colour);
    HPDF_Page_Rectangle(pdf->page, (HPDF_REAL)x, (HPDF_REAL)(PDF_PAGE_HEIGHT - y - height),
                        (HPDF_REAL)width, (HPDF_REAL)height);
    HPDF_Page_Fill(pdf->page);
}

void
pdf_rule(struct pdf *pdf, double x, double y, double width, double thickness, uint32_t colour)
{
    pdf_box(pdf, x, y - thickness / 2, width, thickness, colour);
}

/* Reads what libharu wrote into the arena. */
static bool
read_stream(struct pdf *pdf, uint8_t **bytes, size_t *length)
{
    HPDF_ResetStream(pdf->document);
    HPDF_UINT32 size = HPDF_GetStreamSize(pdf->document);
    *bytes = arena_alloc(pdf->arena, size);
    *length = size;
    HPDF_ReadFromStream(pdf->document, *bytes, &size);
    return size == *length && size > 0;
}

bool
pdf_save(struct pdf *pdf, const struct pdf_attachment *attachment, uint8_t **bytes, size_t *length,
         const char **error)
{
    if (!pdf->error && pdf->page_count == 0)
        pdf_fail(pdf, "the document has no page");
    if (!pdf->error)
        pdf_archive(pdf, attachment);
    /* Saving after a fault would give a damaged file, so the fault is looked for first. */
    if (!pdf->error && HPDF_GetError(pdf->document) == HPDF_OK)
        HPDF_SaveToStream(pdf->document);
    if (pdf->document && HPDF_GetError(pdf->document) != HPDF_OK)
        pdf_fail(pdf, arena_printf(pdf->arena, "libharu says 0x%04lX",
                                   (unsigned long)HPDF_GetError(pdf->document)));
    if (!pdf->error && !read_stream(pdf, bytes, length))
        pdf_fail(pdf, "the PDF can't be read back");
    *error = pdf->error;
    return !pdf->error;
}
