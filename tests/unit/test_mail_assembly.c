/* SPDX-License-Identifier: Apache-2.0
 * ACC-8, NOT-2, NOT-3: what is sent has the secret link, what is kept has not; a second attempt is
 * the same mail, byte for byte. */
#include "mail_assembly.h"

#include "dates.h"
#include "fixtures.h"

#include <string.h>

static MailWord project_words[] = {
    {.name = (char *)"project", .text = (char *)"Parcours managers 2026"},
    {.name = (char *)"client", .text = (char *)"ACME"},
    {.name = (char *)"contact", .text = (char *)"Camille Martin"},
    {.name = (char *)"requested", .text = (char *)"2 000,00 €"},
    {.name = (char *)"budget", .text = (char *)"10 000,00 €"},
    {.name = (char *)"consumed", .text = (char *)"8 100,00 €"},
    {.name = (char *)"message", .text = (char *)""},
};
static MailWord *words[sizeof project_words / sizeof *project_words];

static const struct mail_enclosure review = {.link = "https://localhost/r/secret-token",
                                             .link_expires_at = "2026-12-22T09:30:00.000Z"};

static int
set_up(void **state)
{
    dates_init();
    open_arena(state);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        words[i] = &project_words[i];
    return 0;
}

static StoredMail
funding_call_mail(const char *locale)
{
    StoredMail mail = NOTIFICATIONS__STORED_MAIL__INIT;

    SET(&mail, kind, MESSAGE_KIND_FUNDING_CALL);
    SET(&mail, audience, MESSAGE_AUDIENCE_BILLING_CONTACT);
    mail.recipient = (char *)"camille.martin@acme.example";
    mail.recipient_name = (char *)"Camille Martin";
    mail.locale = (char *)locale;
    mail.words = words;
    mail.n_words = sizeof words / sizeof *words;
    mail.message_id = (char *)"0192f1a8-5c5e-7d4b-9d0c-0a3b1f6e2c11@escarcelle.example";
    mail.created_at = (char *)"2026-11-22T09:30:00.000Z";
    mail.seller_name = (char *)"Escarcelle Formation";
    mail.mail_from = (char *)"escarcelle@escarcelle.example";
    return mail;
}

static bool
has(const uint8_t *bytes, size_t length, const char *text)
{
    return memmem(bytes, length, text, strlen(text)) != NULL;
}

static void
the_archived_bytes_lack_the_link(void **state)
{
    StoredMail mail = funding_call_mail("fr");
    struct mail_bytes bytes;
    const char *error;

    (void)state;
    assert_true(mail_assemble(arena, &mail, &review, &bytes, &error));
    assert_true(has(bytes.sent, bytes.sent_length, "secret-token"));
    assert_false(has(bytes.kept, bytes.kept_length, "secret-token"));
    assert_string_equal(bytes.sha256, mail_sha256(arena, bytes.sent, bytes.sent_length));
    assert_string_not_equal(bytes.sha256, mail_sha256(arena, bytes.kept, bytes.kept_length));
}

static void
a_second_attempt_is_the_same_mail(void **state)
{
    StoredMail mail = funding_call_mail("fr");
    struct mail_bytes first, second;
    const char *error;

    (void)state;
    assert_true(mail_assemble(arena, &mail, &review, &first, &error));
    assert_true(mail_assemble(arena, &mail, &review, &second, &error));
    assert_int_equal(first.sent_length, second.sent_length);
    assert_memory_equal(first.sent, second.sent, first.sent_length);
}

static void
the_end_of_a_link_is_said_in_paris_time(void **state)
{
    StoredMail french = funding_call_mail("fr"), english = funding_call_mail("en");
    struct mail_bytes bytes;
    const char *error;

    (void)state;
    assert_true(mail_assemble(arena, &french, &review, &bytes, &error));
    assert_true(has(bytes.sent, bytes.sent_length, "22 d=C3=A9cembre 2026 =C3=A0 10:30"));
    assert_true(mail_assemble(arena, &english, &review, &bytes, &error));
    assert_true(has(bytes.sent, bytes.sent_length, "22 December 2026 at 10:30 (Paris time)"));
}

static void
a_mail_without_its_link_or_its_words_is_refused(void **state)
{
    StoredMail mail = funding_call_mail("fr");
    struct mail_bytes bytes;
    const char *error;

    (void)state;
    assert_false(mail_assemble(arena, &mail, &(struct mail_enclosure){0}, &bytes, &error));
    mail.n_words = 2;
    assert_false(mail_assemble(arena, &mail, &review, &bytes, &error));
    mail = funding_call_mail("fr");
    mail.recipient = (char *)"not an address";
    assert_false(mail_assemble(arena, &mail, &review, &bytes, &error));
}

static void
a_document_travels_unchanged(void **state)
{
    const struct mime_attachment pdf = {"FA-2026-000123.pdf", "application/pdf", "%PDF-1.7\n", 9};
    struct mail_enclosure enclosure = review;
    StoredMail mail = funding_call_mail("fr");
    struct mail_bytes bytes;
    const char *error;

    (void)state;
    enclosure.document = &pdf;
    assert_true(mail_assemble(arena, &mail, &enclosure, &bytes, &error));
    assert_true(has(bytes.sent, bytes.sent_length, "FA-2026-000123.pdf"));
    assert_true(has(bytes.sent, bytes.sent_length, "JVBERi0xLjcK"));
    assert_true(has(bytes.kept, bytes.kept_length, "JVBERi0xLjcK"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_archived_bytes_lack_the_link),
        cmocka_unit_test(a_second_attempt_is_the_same_mail),
        cmocka_unit_test(the_end_of_a_link_is_said_in_paris_time),
        cmocka_unit_test(a_mail_without_its_link_or_its_words_is_refused),
        cmocka_unit_test(a_document_travels_unchanged),
    };

    return cmocka_run_group_tests_name("mail_assembly", tests, set_up, close_arena);
}
