/* SPDX-License-Identifier: Apache-2.0
 * Every mail template can be filled, escapes what it is given and keeps secret links out of
 * archives. */
#include "fixtures.h"
#include "mail_samples.h"

#include <string.h>

static void
every_template_is_filled_by_the_known_values(void **state)
{
    (void)state;
    size_t count;
    const struct mail_template *templates = mail_templates(&count);
    for (size_t i = 0; i < count; i++) {
        struct mail_value *values;
        struct mail_content content;
        size_t known = sample_mail_values(arena, templates[i].locale, &values);
        if (!mail_compose(arena, templates[i].kind, templates[i].locale, values, known, &content))
            fail_msg("%s/%s has an unknown placeholder", templates[i].kind, templates[i].locale);
        assert_lacks(content.subject, "{");
        assert_lacks(content.text, "{");
        assert_lacks(content.html, "{");
        assert_true(strlen(content.subject) > 10);
    }
}

static void
every_kind_exists_once_in_both_locales(void **state)
{
    (void)state;
    static const char *const kinds[] = {"invitation",
                                        "password_reset",
                                        "threshold_reached",
                                        "overrun",
                                        "session_planned",
                                        "session_completed",
                                        "session_cancelled",
                                        "funding_call",
                                        "funding_call_notice",
                                        "funding_reminder",
                                        "funding_expired",
                                        "funding_reminder_notice",
                                        "funding_reopened",
                                        "funding_decision",
                                        "funding_reopened_notice",
                                        "sessions_gathered",
                                        "budgets_gathered",
                                        "credit_note",
                                        "credit_note_notice",
                                        "funding_expired_notice",
                                        "invoice",
                                        "invoice_notice",
                                        "funding_decision_notice"};
    size_t count, expected = sizeof kinds / sizeof kinds[0];
    mail_templates(&count);
    assert_int_equal(count, 2 * expected);
    for (size_t i = 0; i < expected; i++) {
        assert_string_equal(mail_template(kinds[i], "fr")->locale, "fr");
        assert_string_equal(mail_template(kinds[i], "en")->locale, "en");
        assert_string_equal(mail_template(kinds[i], "de")->locale, "fr");
    }
    assert_null(mail_template("unheard_of", "fr"));
}

static void
both_locales_of_a_kind_take_the_same_values(void **state)
{
    (void)state;
    size_t count;
    const struct mail_template *templates = mail_templates(&count);
    for (size_t i = 0; i < count; i++) {
        const char *const *names, *const *others;
        size_t known = mail_placeholders(arena, &templates[i], &names);
        const char *other = strcmp(templates[i].locale, "fr") == 0 ? "en" : "fr";
        const struct mail_template *twin = mail_template(templates[i].kind, other);
        assert_int_equal(known, mail_placeholders(arena, twin, &others));
        for (size_t j = 0; j < known; j++) {
            size_t k = 0;
            while (k < known && strcmp(names[j], others[k]) != 0)
                k++;
            assert_true(k < known);
        }
    }
}

static void
french_templates_have_typographic_apostrophes(void **state)
{
    (void)state;
    size_t count;
    const struct mail_template *templates = mail_templates(&count);
    for (size_t i = 0; i < count; i++) {
        assert_null(strchr(templates[i].subject, '\''));
        for (size_t j = 0; j < MAIL_BLOCKS_MAX && templates[i].blocks[j]; j++)
            assert_null(strchr(templates[i].blocks[j], '\''));
    }
}

static void
a_funding_call_says_what_is_asked_and_where_to_answer(void **state)
{
    (void)state;
    struct mail_value *values;
    struct mail_content content;
    size_t count = sample_mail_values(arena, "fr", &values);
    assert_true(mail_compose(arena, "funding_call", "fr", values, count, &content));
    assert_string_equal(
        content.subject,
        "Appel de fonds de 2\u00a0000,00\u00a0€ pour le projet Parcours managers 2026");
    assert_has(content.text, "Complément demandé\u00a0: 2\u00a0000,00\u00a0€\n");
    assert_has(content.text,
               "\nhttps://escarcelle.example/review/0193542a7c1e?a=1&b=secret-value\n");
    assert_has(content.html, "href=\"https://escarcelle.example/review/0193542a7c1e?a=1&amp;b=");
    assert_has(content.html, "Léa &lt;Martin&gt; &amp; fils");
    assert_lacks(content.html, "<Martin>");
    assert_has(content.text, "22 décembre 2026");
}

static void
an_archived_mail_has_no_secret_link(void **state)
{
    (void)state;
    static const char *const kinds[] = {"invitation", "password_reset", "funding_call",
                                        "funding_reminder", "funding_reopened"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct mail_value *values;
        struct mail_content content;
        size_t count = sample_mail_values(arena, "fr", &values);
        assert_true(mail_compose_struck(arena, kinds[i], "fr", values, count, &content));
        assert_lacks(content.text, "secret-value");
        assert_lacks(content.html, "secret-value");
        assert_lacks(content.html, "href");
        assert_has(content.text, "[lien secret retiré]");
        assert_has(content.html, "[lien secret retiré]");
        assert_true(mail_compose_struck(arena, kinds[i], "en", values, count, &content));
        assert_has(content.html, "[secret link removed]");
    }
}

static void
notices_to_mailing_lists_have_no_link(void **state)
{
    (void)state;
    static const char *const kinds[] = {"funding_call_notice",     "funding_reminder_notice",
                                        "funding_reopened_notice", "funding_decision_notice",
                                        "funding_expired_notice",  "invoice_notice",
                                        "credit_note_notice"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct mail_value *values;
        struct mail_content content;
        size_t count = sample_mail_values(arena, "fr", &values);
        assert_true(mail_compose(arena, kinds[i], "fr", values, count, &content));
        assert_lacks(content.text, "https://");
        assert_lacks(content.html, "secret-value");
    }
}

static void
a_block_with_an_empty_value_is_left_out(void **state)
{
    (void)state;
    struct mail_value *values;
    struct mail_content content;
    size_t count = sample_mail_values(arena, "fr", &values);
    assert_true(mail_compose(arena, "funding_decision", "fr", values, count, &content));
    assert_has(content.text, "Vous avez accordé 1\u00a0500,00\u00a0€");
    assert_has(content.html, "<br>\nLe solde");
    assert_lacks(content.text, "refusé");
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].name, "granted") == 0 || strcmp(values[i].name, "comment") == 0)
            values[i].text = "";
        else if (strcmp(values[i].name, "declined") == 0)
            values[i].text = "2\u00a0000,00\u00a0€";
    assert_true(mail_compose(arena, "funding_decision", "fr", values, count, &content));
    assert_lacks(content.text, "accordé");
    assert_lacks(content.text, "commentaire");
    assert_has(content.text, "Vous avez refusé l’appel de fonds de 2\u00a0000,00\u00a0€");
}

static void
a_missing_value_is_refused(void **state)
{
    (void)state;
    const struct mail_value none[] = {{"seller", "Escarcelle"}};
    struct mail_content content;
    assert_false(mail_compose(arena, "invitation", "fr", none, 1, &content));
    assert_false(mail_compose(arena, "unheard_of", "fr", none, 1, &content));
}

static void
a_digest_is_a_subject_and_the_rows_that_say_more(void **state)
{
    (void)state;
    const struct mail_value values[] = {
        {"session", "Négociation"}, {"project", "P"}, {"client", "P"}, {"dates", "le 3 mai 2026"}};

    assert_string_equal(mail_digest(arena, "session_planned", "fr", values, 4),
                        "Projet P\u00a0: session «\u00a0Négociation\u00a0» planifiée\n"
                        "Dates\u00a0: le 3 mai 2026 · Client\u00a0: P");
    assert_null(mail_digest(arena, "session_planned", "fr", values, 3));
    assert_null(mail_digest(arena, "unheard_of", "fr", values, 4));
    assert_null(mail_digest(arena, NULL, "fr", values, 4));
}

static void
a_subject_stays_on_one_line(void **state)
{
    (void)state;
    struct mail_value *values;
    struct mail_content content;
    size_t count = sample_mail_values(arena, "fr", &values);
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].name, "project") == 0)
            values[i].text = "P\r\nBcc: all@example.org";
    assert_true(mail_compose(arena, "overrun", "fr", values, count, &content));
    assert_null(strpbrk(content.subject, "\r\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_is_filled_by_the_known_values),
        cmocka_unit_test(every_kind_exists_once_in_both_locales),
        cmocka_unit_test(both_locales_of_a_kind_take_the_same_values),
        cmocka_unit_test(french_templates_have_typographic_apostrophes),
        cmocka_unit_test(a_funding_call_says_what_is_asked_and_where_to_answer),
        cmocka_unit_test(an_archived_mail_has_no_secret_link),
        cmocka_unit_test(notices_to_mailing_lists_have_no_link),
        cmocka_unit_test(a_block_with_an_empty_value_is_left_out),
        cmocka_unit_test(a_missing_value_is_refused),
        cmocka_unit_test(a_digest_is_a_subject_and_the_rows_that_say_more),
        cmocka_unit_test(a_subject_stays_on_one_line),
    };
    return cmocka_run_group_tests_name("mails", tests, open_arena, close_arena);
}
