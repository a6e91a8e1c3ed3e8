/* SPDX-License-Identifier: Apache-2.0
 * An invoice's PDF has every mandatory mention, survives any text, repeats its bytes, and is built
 * as PDF/A-3b wants it; read back with pdftotext, pdfdetach and qpdf. */
#include "fixtures.h"
#include "invoice_samples.h"
#include "legal_sentences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/escarcelle-invoice-XXXXXX";

static int
set_up(void **state)
{
    open_arena(state);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int file = mkstemp(path);
    close(file);
    return file < 0;
}

static int
tear_down(void **state)
{
    unlink(path);
    return close_arena(state);
}

/* What a program says about the written file; "%s" in the command is its path. */
static const char *
output_of(const char *command)
{
    FILE *pipe = popen(arena_printf(arena, command, path), "r");
    struct buffer output;
    char block[4096];
    size_t length;
    buffer_init(&output, arena);
    while ((length = fread(block, 1, sizeof block, pipe)) > 0)
        buffer_append(&output, block, length);
    assert_int_equal(pclose(pipe), 0);
    return output.bytes ? output.bytes : "";
}

static void
write_pdf(const struct invoice_document *document, const struct pdf_attachment *attachment)
{
    uint8_t *bytes;
    size_t length;
    const char *error;
    if (!invoice_pdf_render_with(arena, document, attachment, &bytes, &length, &error))
        fail_msg("not rendered: %s", error);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static const char *
text_of(const struct invoice_document *document)
{
    write_pdf(document, NULL);
    return output_of("pdftotext -layout %s - 2>&1");
}

static void
inv_6_every_mandatory_mention_is_printed(void **state)
{
    (void)state;
    static const char *const mentions[] = {"FACTURE",
                                           "FA-2026-000123",
                                           "Escarcelle Formation (société fictive)",
                                           "SAS au capital de",
                                           "50 000 €",
                                           "12 rue de la Paix, 75002 Paris",
                                           "404 833 048",
                                           "RCS Paris",
                                           "FR83404833048",
                                           "11 75 00000 75",
                                           "ACME",
                                           "Bâtiment C, 3e étage",
                                           "69001 Lyon",
                                           "732 829 320",
                                           "FR44732829320",
                                           "BC-4500012345",
                                           "22 novembre 2026",
                                           "22 décembre 2026",
                                           "Prestations de services",
                                           "Quantité",
                                           "Prix unitaire HT",
                                           "20 %",
                                           "170,00 €",
                                           "34,00 €",
                                           "204,00 €",
                                           "Escompte pour paiement anticipé : néant.",
                                           "12,15 %",
                                           "40 €",
                                           "FR76 3000 6000 0112 3456 7890 189",
                                           "AGRIFRPP",
                                           "page 1/1"};
    struct invoice_document document = sample_invoice("fr");
    const char *text = text_of(&document);
    for (size_t i = 0; i < sizeof mentions / sizeof mentions[0]; i++)
        assert_has(text, mentions[i]);
}

static void
an_english_client_reads_english(void **state)
{
    (void)state;
    struct invoice_document document = sample_invoice("en");
    const char *text = text_of(&document);
    assert_has(text, "INVOICE");
    assert_has(text, "€204.00");
    assert_has(text, "22 November 2026");
    assert_has(text, "Supply of services");
    assert_lacks(text, "FACTURE");
}

static void
a_credit_note_cites_its_invoice_and_asks_for_no_payment(void **state)
{
    (void)state;
    struct invoice_document document = sample_credit_note("fr");
    const char *text = text_of(&document);
    assert_has(text, "AVOIR");
    assert_has(text, "n° FA-2026-000123 du");
    assert_has(text, "Motif");
    assert_has(text, "Session rouverte : « Négociation »");
    assert_has(text, "Total TTC de l’avoir");
    assert_lacks(text, "IBAN");
    assert_lacks(text, "échéance");
}

static void
a_credit_note_gives_a_long_reason_whole(void **state)
{
    (void)state;
    struct invoice_document document = sample_credit_note("en");
    struct buffer reason;
    buffer_init(&reason, arena);
    for (int i = 0; i < 60; i++)
        buffer_printf(&reason, "word%d ", i);
    document.reason = reason.bytes;
    const char *text = text_of(&document);
    assert_has(text, "Corrects invoice");
    for (int i = 0; i < 60; i++)
        assert_has(text, arena_printf(arena, "word%d", i));
    assert_has(text, "Total credited");
}

static void
many_lines_flow_over_pages_with_their_heading(void **state)
{
    (void)state;
    struct invoice_document document = sample_long_invoice(arena, 60);
    const char *text = text_of(&document);
    size_t pages = 0, headings = 0, numbers = 0;
    for (const char *at = text; (at = strstr(at, "Désignation")); at++)
        headings++;
    for (const char *at = text; (at = strchr(at, '\f')); at++)
        pages++;
    for (const char *at = text; (at = strstr(at, "1 234 567,89 €")); at++)
        numbers++;
    assert_true(pages > 3);
    assert_true(headings >= pages - 1);
    assert_int_equal(numbers, 2 * 60 + 1);
    assert_has(text, arena_printf(arena, "page %zu/%zu", pages, pages));
    assert_has(text, "Exonération de TVA, article 261-4-4° a du CGI");
    assert_has(text, "59000 Lille");
}

static void
every_page_has_the_number_of_the_invoice(void **state)
{
    (void)state;
    struct invoice_document document = sample_long_invoice(arena, 60);
    size_t pages = 0;
    document.due_date = NULL; /* the request to pay repeats the number */
    for (const char *at = text_of(&document), *end; (end = strchr(at, '\f')); at = end + 1) {
        const char *page = arena_printf(arena, "%.*s", (int)(end - at), at);
        assert_has(page, "FA-2026-000123");
        assert_has(page, arena_printf(arena, "page %zu/", ++pages));
    }
    assert_true(pages > 3);
}

/* CGI, annex II, article 242 nonies A, I, 10°: the date of the service where it is another one. */
static void
inv_6_the_days_of_the_service_are_printed_beside_the_date_of_issue(void **state)
{
    (void)state;
    struct invoice_document document = sample_invoice("fr");
    document.service_start = "2026-10-05";
    assert_has(text_of(&document), "5 octobre 2026");
    document.service_end = "2026-10-05";
    assert_lacks(text_of(&document), "du 5 octobre 2026");
    document.service_end = "2026-10-09";
    const char *text = text_of(&document);
    assert_has(text, "Date de prestation");
    assert_has(text, "du 5 octobre 2026 au 9 octobre"); /* the year is on the next row */
    assert_has(text, "22 novembre 2026");
    document.locale = "en";
    assert_has(text_of(&document), "from 5 October 2026 to 9 October");
}

/* The French invoice with the sentences of the law; `on_debits`: the seller has opted for that. */
static struct invoice_document
invoice_by_law(bool on_debits)
{
    struct invoice_document document = sample_invoice("fr");
    Accounts__Settings settings = ACCOUNTS__SETTINGS__INIT;
    Accounts__Seller seller = ACCOUNTS__SELLER__INIT;
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);
    settings.seller = &seller;
    SET(&seller, vat_on_debits, on_debits);
    SET(invoice, locale, ACCOUNTS__LOCALE__LOCALE_FR);
    invoice->issue_date = (char *)document.issue_date;
    legal_sentences_add(arena, &settings, invoice);
    const char **mentions = arena_array(arena, invoice->n_mentions, sizeof *mentions);
    for (size_t i = 0; i < invoice->n_mentions; i++)
        mentions[i] = invoice->mentions[i]->text;
    document.mentions = mentions;
    document.mention_count = invoice->n_mentions;
    return document;
}

static void
inv_6_the_option_for_the_tax_on_debits_is_printed_where_it_was_taken(void **state)
{
    (void)state;
    struct invoice_document document = invoice_by_law(false);
    const char *text = text_of(&document);
    assert_has(text, "pénalités au taux d'intérêt");
    assert_lacks(text, "débits");
    document = invoice_by_law(true);
    assert_has(text_of(&document), "Option pour le paiement de la taxe d'après les débits.");
}

static void
any_text_is_survived(void **state)
{
    (void)state;
    char *huge = arena_alloc(arena, 200001);
    memset(huge, 'W', 200000);
    const struct invoice_line lines[] = {
        {"", 1, 0, 0, 0},
        {"œuvre – narrow\u202fspace – \u4e2d\u6587 – \U0001F600 – \xFF\xFE \xE2\x82", 1, 100, 100,
         0},
        {huge, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MAX},
        {"a\nb\tc\r\nd", -1, -1, -1, -1},
    };
    struct invoice_document document = sample_invoice("fr");
    document.lines = lines;
    document.line_count = 4;
    document.subject = "(parenthèses) \\ <&> \"";
    document.buyer.name = huge + 199000;
    const char *text = text_of(&document); /* pdftotext prints no-break spaces as spaces */
    assert_has(text, "œuvre – narrow space – ??");
    assert_has(output_of("qpdf --check %s 2>&1"), "No syntax or stream encoding errors");
}

static void
the_same_invoice_has_the_same_bytes(void **state)
{
    (void)state;
    struct invoice_document document = sample_invoice("fr");
    uint8_t *first, *second;
    size_t first_length, second_length;
    const char *error;
    assert_true(invoice_pdf_render(arena, &document, &first, &first_length, &error));
    assert_true(invoice_pdf_render(arena, &document, &second, &second_length, &error));
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
}

static void
the_file_is_built_as_pdf_a_3b(void **state)
{
    (void)state;
    struct invoice_document document = sample_invoice("fr");
    write_pdf(&document, NULL);
    const char *raw = output_of("qpdf --qdf --object-streams=disable %s - | tr -d '\\000'");
    static const char *const parts[] = {"%PDF-1.7",
                                        "/Type /Metadata",
                                        "<pdfaid:part>3</pdfaid:part>",
                                        "<pdfaid:conformance>B</pdfaid:conformance>",
                                        "/S /GTS_PDFA1",
                                        "/DestOutputProfile",
                                        "/CapHeight 729",
                                        "beginbfchar",
                                        "/Lang",
                                        "/ID [",
                                        "<0193542a7c1e7b3a9f102b7d5a1c4e88>",
                                        "2026-11-22T18:19:00+00:00",
                                        "D:20261122181900+00'00'",
                                        "/FontFile2"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_has(raw, parts[i]);
    assert_lacks(raw, "begincidrange");
    assert_lacks(raw, "(Identity-H)");
    assert_has(output_of("qpdf --check %s 2>&1"), "No syntax or stream encoding errors");
    assert_has(output_of("pdffonts %s 2>&1"), "yes yes yes");
    assert_lacks(output_of("pdffonts %s 2>&1"), " no ");
}

static void
an_attachment_comes_back_bit_for_bit(void **state)
{
    (void)state;
    static const char xml[] = "<?xml version=\"1.0\"?><invoice>é</invoice>\n";
    const struct pdf_attachment attachment = {"factur-x.xml", "text/xml", "Facture électronique",
                                              "Alternative",  "EN 16931", xml,
                                              sizeof xml - 1};
    struct invoice_document document = sample_invoice("fr");
    write_pdf(&document, &attachment);
    assert_string_equal(output_of("pdfdetach -save 1 -o /dev/stdout %s"), xml);
    const char *raw = output_of("qpdf --qdf --object-streams=disable %s - | tr -d '\\000'");
    assert_has(raw, "/AFRelationship /Alternative");
    assert_has(raw, "/Subtype /text#2fxml");
    assert_has(raw, "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>");
    assert_has(output_of("qpdf --check %s 2>&1"), "No syntax or stream encoding errors");
}

static void
a_malformed_instant_is_said_not_printed(void **state)
{
    (void)state;
    struct invoice_document document = sample_invoice("fr");
    document.created = "yesterday, about noon, more or less";
    uint8_t *bytes;
    size_t length;
    const char *error;
    assert_false(invoice_pdf_render(arena, &document, &bytes, &length, &error));
    assert_string_equal(error, "the document's instant is malformed");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(inv_6_every_mandatory_mention_is_printed),
        TEST(an_english_client_reads_english),
        TEST(a_credit_note_cites_its_invoice_and_asks_for_no_payment),
        TEST(a_credit_note_gives_a_long_reason_whole),
        TEST(many_lines_flow_over_pages_with_their_heading),
        TEST(every_page_has_the_number_of_the_invoice),
        TEST(inv_6_the_days_of_the_service_are_printed_beside_the_date_of_issue),
        TEST(inv_6_the_option_for_the_tax_on_debits_is_printed_where_it_was_taken),
        TEST(any_text_is_survived),
        TEST(the_same_invoice_has_the_same_bytes),
        TEST(the_file_is_built_as_pdf_a_3b),
        TEST(an_attachment_comes_back_bit_for_bit),
        TEST(a_malformed_instant_is_said_not_printed),
    };
    return cmocka_run_group_tests_name("invoice_pdf", tests, NULL, NULL);
}
