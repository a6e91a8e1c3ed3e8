/* SPDX-License-Identifier: Apache-2.0
 * Lays an invoice out on pages: heading, parties, lines, totals, payment, mentions, footers. */
#include "invoice_pdf.h"
#include "invoice_labels.h"
#include "words.h"
#include <string.h>

#define LEFT 48.0
#define RIGHT (PDF_PAGE_WIDTH - 48.0)
#define WIDTH (RIGHT - LEFT)
#define TOP 56.0
#define BOTTOM (PDF_PAGE_HEIGHT - 84.0) /* below it only the footer */
#define GUTTER 24.0
#define HALF ((WIDTH - GUTTER) / 2)
#define SECOND_HALF (LEFT + HALF + GUTTER)
#define CELL 8.0 /* space inside a box */

/* Right edges of the columns of numbers. */
#define NET_RIGHT (RIGHT - CELL)
#define VAT_RIGHT (NET_RIGHT - 86)
#define PRICE_RIGHT (VAT_RIGHT - 48)
#define QUANTITY_RIGHT (PRICE_RIGHT - 80)
#define DESCRIPTION_WIDTH (QUANTITY_RIGHT - 44 - LEFT - CELL)

#define INK 0x1C2430
#define FAINT 0x5B6675
#define ACCENT 0x1F3F66
#define HAIRLINE 0xCBD2DB
#define TINT 0xEEF2F7
#define WHITE 0xFFFFFF

static const struct pdf_style body = {PDF_REGULAR, 9, INK, PDF_LEFT};
static const struct pdf_style strong = {PDF_BOLD, 9, INK, PDF_LEFT};
static const struct pdf_style quiet = {PDF_REGULAR, 9, FAINT, PDF_LEFT};
static const struct pdf_style small = {PDF_REGULAR, 7.5, FAINT, PDF_LEFT};
static const struct pdf_style number = {PDF_REGULAR, 9, INK, PDF_RIGHT};
static const struct pdf_style total = {PDF_BOLD, 11, WHITE, PDF_LEFT};
static const struct pdf_style total_amount = {PDF_BOLD, 11, WHITE, PDF_RIGHT};
static const struct pdf_style heading = {PDF_BOLD, 8, ACCENT, PDF_LEFT};
static const struct pdf_style heading_right = {PDF_BOLD, 8, ACCENT, PDF_RIGHT};
static const struct pdf_style title = {PDF_BOLD, 22, ACCENT, PDF_RIGHT};
static const struct pdf_style title_number = {PDF_BOLD, 11, INK, PDF_RIGHT};
static const struct pdf_style brand = {PDF_BOLD, 14, ACCENT, PDF_LEFT};

/* Where the drawing is: y is the top of what comes next. */
struct sheet {
    struct arena *arena;
    struct pdf *pdf;
    const struct invoice_document *document;
    const struct invoice_labels *labels;
    double y;
};

static double
line_height(const struct pdf_style *style)
{
    return style->size * 1.4;
}

/* The baseline of a line whose top is y. */
static double
baseline(double y, const struct pdf_style *style)
{
    return y + style->size;
}

/* A wrapped text whose top is y; returns where the next one starts. */
static double
paragraph(struct sheet *sheet, double x, double y, double width, const struct pdf_style *style,
          const char *text)
{
    const char *const *lines;
    size_t count = pdf_wrap(sheet->pdf, style, width, text, &lines);
    for (size_t i = 0; i < count; i++, y += line_height(style))
        pdf_text(sheet->pdf, x, baseline(y, style), style, lines[i]);
    return y;
}

static double
paragraph_height(struct sheet *sheet, double width, const struct pdf_style *style, const char *text)
{
    const char *const *lines;
    return (double)pdf_wrap(sheet->pdf, style, width, text, &lines) * line_height(style);
}

static const char *
money(struct sheet *sheet, int64_t cents)
{
    return money_text(sheet->arena, cents, sheet->document->locale);
}

static const char *
date(struct sheet *sheet, const char *day)
{
    return date_text(sheet->arena, day, sheet->document->locale);
}

static void
next_page(struct sheet *sheet)
{
    pdf_add_page(sheet->pdf);
    pdf_text(sheet->pdf, LEFT, TOP, &quiet, sheet->document->seller.name);
    struct pdf_style right = quiet;
    right.align = PDF_RIGHT;
    pdf_text(sheet->pdf, RIGHT, TOP, &right, sheet->document->number);
    pdf_rule(sheet->pdf, LEFT, TOP + 10, WIDTH, 0.6, HAIRLINE);
    sheet->y = TOP + 28;
}

/* Starts a page when less than `height` is left. */
static void
keep_together(struct sheet *sheet, double height)
{
    if (sheet->y + height > BOTTOM)
        next_page(sheet);
}

static double
address(struct sheet *sheet, double x, double y, const struct invoice_address *place,
        const struct pdf_style *style)
{
    y = paragraph(sheet, x, y, HALF - 2 * CELL, style, place->line1);
    if (place->line2)
        y = paragraph(sheet, x, y, HALF - 2 * CELL, style, place->line2);
    const char *town = arena_printf(sheet->arena, "%s %s", place->postal_code, place->city);
    y = paragraph(sheet, x, y, HALF - 2 * CELL, style, town);
    if (place->country && strcmp(place->country, "FR") != 0)
        y = paragraph(sheet, x, y, HALF - 2 * CELL, style, place->country);
    return y;
}

/* The seller on the left, what the document is on the right. */
static void
draw_heading(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    bool credit_note = document->kind == INVOICE_DOCUMENT_CREDIT_NOTE;
    double y = paragraph(sheet, LEFT, TOP - 14, HALF + 40, &brand, document->seller.name);
    y = address(sheet, LEFT, y + 2, &document->seller.address, &quiet);
    if (document->seller.email)
        y = paragraph(sheet, LEFT, y, HALF, &quiet, document->seller.email);
    pdf_text(sheet->pdf, RIGHT, TOP + 4, &title,
             credit_note ? sheet->labels->credit_note : sheet->labels->invoice);
    pdf_text(sheet->pdf, RIGHT, TOP + 22, &title_number,
             arena_printf(sheet->arena, sheet->labels->number, document->number));
    sheet->y = (y < TOP + 40 ? TOP + 40 : y) + 12;
    pdf_rule(sheet->pdf, LEFT, sheet->y, WIDTH, 1.2, ACCENT);
    sheet->y += 20;
}

/* A name and its value on one row of the left half; nothing without a value. */
static double
fact(struct sheet *sheet, double y, const char *name, const char *value)
{
    const double name_width = 94;
    if (!value)
        return y;
    double name_end = paragraph(sheet, LEFT, y, name_width - 6, &quiet, name);
    double end = paragraph(sheet, LEFT + name_width, y, HALF - name_width, &body, value);
    return (end > name_end ? end : name_end) + 2.5;
}

static const char *
service_period(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    const char *start = document->service_start, *end = document->service_end;
    if (!start)
        return NULL;
    if (!end || strcmp(start, end) == 0)
        return date(sheet, start);
    return arena_printf(sheet->arena, sheet->labels->period, date(sheet, start), date(sheet, end));
}

static double
draw_facts(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    const struct invoice_labels *labels = sheet->labels;
    const char *original = NULL;
    if (document->original_number && document->original_date)
        original = arena_printf(sheet->arena, labels->original, document->original_number,
                                date(sheet, document->original_date));
    double y = sheet->y;
    y = fact(sheet, y, labels->issued, date(sheet, document->issue_date));
    y = fact(sheet, y, labels->due, document->due_date ? date(sheet, document->due_date) : NULL);
    y = fact(sheet, y, labels->served, service_period(sheet));
    y = fact(sheet, y, labels->corrects, original);
    y = fact(sheet, y, labels->reason,
             document->reason ? words_spaced(sheet->arena, document->reason, document->locale)
                              : NULL);
    y = fact(sheet, y, labels->nature, labels->services);
    return fact(sheet, y, labels->purchase_order, document->purchase_order);
}

static double
draw_buyer_identity(struct sheet *sheet, double y)
{
    const struct invoice_buyer *buyer = &sheet->document->buyer;
    const double x = SECOND_HALF + CELL, width = HALF - 2 * CELL;
    if (buyer->siren)
        y = paragraph(sheet, x, y, width, &quiet,
                      arena_printf(sheet->arena, sheet->labels->siren,
                                   siren_text(sheet->arena, buyer->siren)));
    if (buyer->vat_number)
        y = paragraph(sheet, x, y, width, &quiet,
                      arena_printf(sheet->arena, sheet->labels->vat_number, buyer->vat_number));
    return y;
}

/* Whom the document is for, marked by a bar on its left; returns where it ends. */
static double
draw_buyer(struct sheet *sheet)
{
    const struct invoice_buyer *buyer = &sheet->document->buyer;
    const double x = SECOND_HALF + CELL, width = HALF - 2 * CELL;
    double y = paragraph(sheet, x, sheet->y, width, &heading, sheet->labels->buyer) + 2;
    y = paragraph(sheet, x, y, width, &strong, buyer->name);
    y = address(sheet, x, y, &buyer->address, &body);
    y = draw_buyer_identity(sheet, y + 3);
    if (buyer->billing_address) {
        y = paragraph(sheet, x, y + 6, width, &heading, sheet->labels->billing_address) + 2;
        y = address(sheet, x, y, buyer->billing_address, &body);
    }
    pdf_box(sheet->pdf, SECOND_HALF - 2, sheet->y, 2, y - sheet->y, ACCENT);
    return y;
}

static void
draw_parties(struct sheet *sheet)
{
    double facts_end = draw_facts(sheet);
    double buyer_end = draw_buyer(sheet);
    sheet->y = (facts_end > buyer_end ? facts_end : buyer_end) + 18;
    const char *subject = sheet->document->subject;
    if (subject)
        sheet->y = paragraph(sheet, LEFT, sheet->y, WIDTH, &strong,
                             words_spaced(sheet->arena, subject, sheet->document->locale)) +
                   8;
}

static void
draw_column_names(struct sheet *sheet)
{
    const double height = 22;
    const struct invoice_labels *labels = sheet->labels;
    double y = sheet->y + 14;
    pdf_box(sheet->pdf, LEFT, sheet->y, WIDTH, height, TINT);
    pdf_text(sheet->pdf, LEFT + CELL, y, &heading, labels->description);
    pdf_text(sheet->pdf, QUANTITY_RIGHT, y, &heading_right, labels->quantity);
    pdf_text(sheet->pdf, PRICE_RIGHT, y, &heading_right, labels->unit_price);
    pdf_text(sheet->pdf, VAT_RIGHT, y, &heading_right, labels->vat_rate);
    pdf_text(sheet->pdf, NET_RIGHT, y, &heading_right, labels->net);
    sheet->y += height;
}

static void
next_page_of_lines(struct sheet *sheet)
{
    next_page(sheet);
    draw_column_names(sheet);
}

static void
draw_numbers(struct sheet *sheet, const struct invoice_line *line)
{
    const char *locale = sheet->document->locale;
    double y = baseline(sheet->y, &number);
    pdf_text(sheet->pdf, QUANTITY_RIGHT, y, &number,
             number_text(sheet->arena, line->quantity, locale));
    pdf_text(sheet->pdf, PRICE_RIGHT, y, &number, money(sheet, line->unit_price_cents));
    pdf_text(sheet->pdf, VAT_RIGHT, y, &number,
             percent_text(sheet->arena, line->vat_rate_bp, locale));
    pdf_text(sheet->pdf, NET_RIGHT, y, &number, money(sheet, line->net_cents));
}

/* One row; a description longer than what is left of the page goes on over the next ones. */
static void
draw_line(struct sheet *sheet, const struct invoice_line *line)
{
    const double pad = 6, step = line_height(&body);
    const char *const *texts;
    const char *description =
        words_spaced(sheet->arena, line->description, sheet->document->locale);
    size_t count = pdf_wrap(sheet->pdf, &body, DESCRIPTION_WIDTH, description, &texts);
    double room = BOTTOM - sheet->y - 2 * pad;
    if (room < step || (room < (double)count * step && count < 20))
        next_page_of_lines(sheet);
    sheet->y += pad;
    draw_numbers(sheet, line);
    for (size_t i = 0; i < count; i++, sheet->y += step) {
        if (sheet->y + step + pad > BOTTOM) {
            next_page_of_lines(sheet);
            sheet->y += pad;
        }
        pdf_text(sheet->pdf, LEFT + CELL, baseline(sheet->y, &body), &body, texts[i]);
    }
    sheet->y += (count == 0 ? step : 0) + pad;
    pdf_rule(sheet->pdf, LEFT, sheet->y, WIDTH, 0.5, HAIRLINE);
}

static void
draw_lines(struct sheet *sheet)
{
    keep_together(sheet, 60);
    draw_column_names(sheet);
    for (size_t i = 0; i < sheet->document->line_count; i++)
        draw_line(sheet, &sheet->document->lines[i]);
    sheet->y += 14;
}

/* VAT by rate on the left: base and tax, and the reason where there is none. */
static double
draw_vat_groups(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    const double base_right = LEFT + 150, tax_right = LEFT + HALF;
    double y = sheet->y;
    pdf_text(sheet->pdf, LEFT, baseline(y, &heading), &heading, sheet->labels->vat_rate);
    pdf_text(sheet->pdf, base_right, baseline(y, &heading), &heading_right,
             sheet->labels->vat_base);
    pdf_text(sheet->pdf, tax_right, baseline(y, &heading), &heading_right, sheet->labels->vat);
    y += 14;
    pdf_rule(sheet->pdf, LEFT, y, HALF, 0.5, HAIRLINE);
    y += 5;
    for (size_t i = 0; i < document->vat_group_count; i++) {
        const struct invoice_vat_group *group = &document->vat_groups[i];
        double line = baseline(y, &body);
        pdf_text(sheet->pdf, LEFT, line, &body,
                 percent_text(sheet->arena, group->rate_bp, document->locale));
        pdf_text(sheet->pdf, base_right, line, &number, money(sheet, group->base_cents));
        pdf_text(sheet->pdf, tax_right, line, &number, money(sheet, group->vat_cents));
        y += line_height(&body);
        if (group->exemption)
            y = paragraph(sheet, LEFT, y, HALF, &small, group->exemption) + 2;
    }
    return y;
}

static double
draw_totals(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    const struct invoice_labels *labels = sheet->labels;
    bool credit_note = document->kind == INVOICE_DOCUMENT_CREDIT_NOTE;
    double y = sheet->y;
    pdf_text(sheet->pdf, SECOND_HALF + CELL, baseline(y, &body), &body, labels->total_net);
    pdf_text(sheet->pdf, NET_RIGHT, baseline(y, &body), &number, money(sheet, document->net_cents));
    y += line_height(&body) + 3;
    pdf_text(sheet->pdf, SECOND_HALF + CELL, baseline(y, &body), &body, labels->total_vat);
    pdf_text(sheet->pdf, NET_RIGHT, baseline(y, &body), &number, money(sheet, document->vat_cents));
    y += line_height(&body) + 6;
    pdf_box(sheet->pdf, SECOND_HALF, y, HALF, 28, ACCENT);
    pdf_text(sheet->pdf, SECOND_HALF + CELL, y + 18, &total,
             credit_note ? labels->total_credit : labels->total_gross);
    pdf_text(sheet->pdf, NET_RIGHT, y + 18, &total_amount, money(sheet, document->gross_cents));
    return y + 28;
}

static void
draw_sums(struct sheet *sheet)
{
    keep_together(sheet, 60 + (double)sheet->document->vat_group_count * 24);
    double groups_end = draw_vat_groups(sheet);
    double totals_end = draw_totals(sheet);
    sheet->y = (groups_end > totals_end ? groups_end : totals_end) + 22;
}

/* How to pay; a credit note asks for nothing. */
static void
draw_payment(struct sheet *sheet)
{
    const struct invoice_document *document = sheet->document;
    const struct invoice_labels *labels = sheet->labels;
    if (document->kind == INVOICE_DOCUMENT_CREDIT_NOTE || !document->due_date)
        return;
    keep_together(sheet, 84);
    double top = sheet->y, y = top;
    y = paragraph(sheet, LEFT + CELL, y, WIDTH - CELL, &heading, labels->payment) + 3;
    y = paragraph(sheet, LEFT + CELL, y, WIDTH - CELL, &body,
                  arena_printf(sheet->arena, labels->pay, money(sheet, document->gross_cents),
                               date(sheet, document->due_date), document->number));
    y = paragraph(
        sheet, LEFT + CELL, y + 2, WIDTH - CELL, &strong,
        arena_printf(sheet->arena, "IBAN   %s", iban_text(sheet->arena, document->seller.iban)));
    if (document->seller.bic)
        y = paragraph(sheet, LEFT + CELL, y, WIDTH - CELL, &strong,
                      arena_printf(sheet->arena, "BIC   %s", document->seller.bic));
    pdf_box(sheet->pdf, LEFT, top, 2, y - top, ACCENT);
    sheet->y = y + 18;
}

static void
draw_mentions(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->document->mention_count; i++) {
        const char *mention =
            words_spaced(sheet->arena, sheet->document->mentions[i], sheet->document->locale);
        keep_together(sheet, paragraph_height(sheet, WIDTH, &small, mention));
        sheet->y = paragraph(sheet, LEFT, sheet->y, WIDTH, &small, mention) + 2;
    }
}

/* A share capital, without the cents that hardly any has. */
static const char *
capital(struct sheet *sheet, int64_t cents)
{
    const char *locale = sheet->document->locale;
    if (cents % 100 != 0)
        return money(sheet, cents);
    const char *euros = number_text(sheet->arena, cents / 100, locale);
    return arena_printf(sheet->arena, words_english(locale) ? "€%s" : "%s\u00a0€", euros);
}

/* Who the seller is, as the law wants it on every document. */
static const char *
legal_identity(struct sheet *sheet)
{
    const struct invoice_seller *seller = &sheet->document->seller;
    const struct invoice_labels *labels = sheet->labels;
    struct arena *arena = sheet->arena;
    struct buffer text;
    buffer_init(&text, arena);
    buffer_printf(&text, labels->company, seller->name, seller->legal_form,
                  capital(sheet, seller->capital_cents));
    buffer_printf(&text, labels->registered_office, seller->address.line1,
                  seller->address.postal_code, seller->address.city);
    buffer_printf(&text, labels->register_entry, siren_text(arena, seller->siren), seller->rcs_city,
                  seller->vat_number);
    if (seller->activity_declaration_number)
        buffer_printf(&text, labels->activity, seller->activity_declaration_number);
    return text.bytes;
}

static void
draw_footers(struct sheet *sheet)
{
    struct pdf_style left = small;
    struct pdf_style right = small;
    left.size = right.size = 7;
    right.align = PDF_RIGHT;
    const char *identity = legal_identity(sheet);
    size_t count = pdf_page_count(sheet->pdf);
    for (size_t i = 0; i < count; i++) {
        double y = BOTTOM + 26;
        pdf_select_page(sheet->pdf, i);
        pdf_rule(sheet->pdf, LEFT, y - 8, WIDTH, 0.5, HAIRLINE);
        paragraph(sheet, LEFT, y, WIDTH - 80, &left, identity);
        pdf_text(sheet->pdf, RIGHT, baseline(y, &right), &right, sheet->document->number);
        pdf_text(sheet->pdf, RIGHT, baseline(y, &right) + line_height(&right), &right,
                 arena_printf(sheet->arena, sheet->labels->page, i + 1, count));
    }
}

bool
invoice_pdf_render_with(struct arena *arena, const struct invoice_document *document,
                        const struct pdf_attachment *attachment, uint8_t **bytes, size_t *length,
                        const char **error)
{
    const struct invoice_labels *labels = invoice_labels(document->locale);
    bool credit_note = document->kind == INVOICE_DOCUMENT_CREDIT_NOTE;
    struct pdf_description description = {
        .title = arena_printf(arena, "%s %s",
                              credit_note ? labels->credit_note_word : labels->invoice_word,
                              document->number),
        .author = document->seller.name,
        .subject = document->subject ? document->subject : document->buyer.name,
        .language = words_english(document->locale) ? "en" : "fr",
        .created = document->created,
        .id = document->id,
    };
    struct sheet sheet = {arena, pdf_new(arena, &description), document, labels, TOP};
    pdf_add_page(sheet.pdf);
    draw_heading(&sheet);
    draw_parties(&sheet);
    draw_lines(&sheet);
    draw_sums(&sheet);
    draw_payment(&sheet);
    draw_mentions(&sheet);
    draw_footers(&sheet);
    return pdf_save(sheet.pdf, attachment, bytes, length, error);
}

bool
invoice_pdf_render(struct arena *arena, const struct invoice_document *document, uint8_t **bytes,
                   size_t *length, const char **error)
{
    return invoice_pdf_render_with(arena, document, NULL, bytes, length, error);
}
