/* SPDX-License-Identifier: Apache-2.0
 * A mail's bytes are repeatable, well formed, and give back what went in. */
#include "mime.h"

#include "fixtures.h"

#include <gmime/gmime.h>
#include <string.h>

static struct mime_message
sample(void)
{
    return (struct mime_message){
        .from = {"Escarcelle Formation (société)", "facturation@escarcelle.example"},
        .to = {"Léa Martin", "lea@acme.example"},
        .message_id = "0193542a@escarcelle.example",
        .date = "2026-11-22T18:19:00.123Z",
        .subject = "Facture FA-2026-000123 – 204,00\u00a0€",
        .text = "Bonjour Léa,\n\n.un point en tête de ligne\nFrom ici\n",
        .html = "<p>Bonjour Léa</p>\n",
    };
}

static GMimeMessage *
parse(const uint8_t *bytes, size_t length)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)bytes, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *mail = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    assert_non_null(mail);
    arena_defer(arena, g_object_unref, mail);
    return mail;
}

static void
headers_come_back(void **state)
{
    (void)state;
    struct mime_message message = sample();
    uint8_t *bytes;
    size_t length;
    const char *error;
    assert_true(mime_build(arena, &message, &bytes, &length, &error));
    GMimeMessage *mail = parse(bytes, length);
    assert_string_equal(g_mime_message_get_subject(mail), message.subject);
    assert_string_equal(g_mime_message_get_message_id(mail), message.message_id);
    InternetAddress *from = internet_address_list_get_address(g_mime_message_get_from(mail), 0);
    assert_string_equal(internet_address_get_name(from), message.from.name);
    assert_int_equal(g_date_time_to_unix(g_mime_message_get_date(mail)), 1795371540);
    GMimeObject *root = g_mime_message_get_mime_part(mail);
    assert_true(GMIME_IS_MULTIPART(root));
    assert_int_equal(g_mime_multipart_get_count(GMIME_MULTIPART(root)), 2);
    char *text = g_mime_text_part_get_text(
        GMIME_TEXT_PART(g_mime_multipart_get_part(GMIME_MULTIPART(root), 0)));
    assert_non_null(strstr(text, ".un point en tête de ligne"));
    g_free(text);
}

static void
an_attachment_comes_back_bit_for_bit(void **state)
{
    (void)state;
    uint8_t content[5000];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 7);
    struct mime_attachment file = {"Facture é.pdf", "application/pdf", content, sizeof content};
    struct mime_message message = sample();
    message.attachments = &file;
    message.attachment_count = 1;
    uint8_t *bytes;
    size_t length;
    const char *error;
    assert_true(mime_build(arena, &message, &bytes, &length, &error));
    GMimeMultipart *mixed = GMIME_MULTIPART(g_mime_message_get_mime_part(parse(bytes, length)));
    assert_int_equal(g_mime_multipart_get_count(mixed), 2);
    GMimePart *part = GMIME_PART(g_mime_multipart_get_part(mixed, 1));
    assert_string_equal(g_mime_part_get_filename(part), file.name);
    GMimeStream *stream = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(part), stream);
    GByteArray *got = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    assert_int_equal(got->len, sizeof content);
    assert_memory_equal(got->data, content, sizeof content);
    g_object_unref(stream);
}

static void
the_same_mail_has_the_same_bytes(void **state)
{
    (void)state;
    struct mime_message message = sample();
    uint8_t *first, *second;
    size_t first_length, second_length;
    const char *error;
    assert_true(mime_build(arena, &message, &first, &first_length, &error));
    assert_true(mime_build(arena, &message, &second, &second_length, &error));
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
}

static void
lines_end_with_cr_lf_and_are_short(void **state)
{
    (void)state;
    struct mime_message message = sample();
    char *long_line = arena_alloc(arena, 20001);
    memset(long_line, 'x', 20000);
    message.text = message.html = long_line;
    uint8_t *bytes;
    size_t length, line = 0;
    const char *error;
    assert_true(mime_build(arena, &message, &bytes, &length, &error));
    for (size_t i = 0; i < length; i++) {
        line = bytes[i] == '\n' ? 0 : line + 1;
        assert_true(line < 998);
        assert_true(bytes[i] != '\n' || (i > 0 && bytes[i - 1] == '\r'));
    }
}

static void
headers_can_not_be_injected(void **state)
{
    (void)state;
    struct mime_message messages[] = {sample(), sample(), sample(), sample(),
                                      sample(), sample(), sample()};
    messages[0].subject = "a\r\nBcc: b@example.org";
    messages[1].to.name = "a\nb";
    messages[2].to.address = "a@example.org>\r\nBcc: <b@example.org";
    messages[3].date = "yesterday";
    messages[4].text = "\xC3\x28";
    messages[5].to.address = "ada@xn--acme.example"; /* no name is written so */
    messages[6].to.address = messages[6].to.name = "ada@xn--acme.example";
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        uint8_t *bytes;
        size_t length;
        const char *error;
        assert_false(mime_build(arena, &messages[i], &bytes, &length, &error));
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_come_back, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(an_attachment_comes_back_bit_for_bit, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(the_same_mail_has_the_same_bytes, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(lines_end_with_cr_lf_and_are_short, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(headers_can_not_be_injected, open_arena, close_arena),
    };
    return cmocka_run_group_tests_name("mime", tests, NULL, NULL);
}
