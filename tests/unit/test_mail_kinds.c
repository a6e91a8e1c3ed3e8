/* SPDX-License-Identifier: Apache-2.0
 * The NOT table: who gets which mail, and what an entry of a mailing list chooses. */
#include "mail_kinds.h"

#include "mails.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static MailingListEntry
entry_of(NoticeKind *kinds, size_t count)
{
    MailingListEntry entry = COMMON__MAILING_LIST_ENTRY__INIT;

    entry.kinds = kinds;
    entry.n_kinds = count;
    return entry;
}

static void
every_template_has_a_kind_and_every_kind_a_template(void **state)
{
    size_t count, found = 0;

    (void)state;
    mail_templates(&count);
    for (int kind = MESSAGE_KIND_INVITATION; kind <= (int)MESSAGE_KIND_BUDGETS_GATHERED; kind++)
        for (int audience = MESSAGE_AUDIENCE_USER; audience <= (int)MESSAGE_AUDIENCE_MAILING_LIST;
             audience++) {
            const char *template = mail_template_of((MessageKind)kind, (MessageAudience)audience);

            if (template == NULL)
                continue;
            found++;
            assert_non_null(mail_template(template, "fr"));
        }
    assert_int_equal(found, count / 2);
}

static void
an_entry_without_kinds_gets_every_notice_and_no_document(void **state)
{
    MailingListEntry entry = entry_of(NULL, 0);

    (void)state;
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_BUDGET_OVERRUN), MAILING_NOTICE);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_SESSION_PLANNED), MAILING_NOTICE);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_FUNDING_CALL), MAILING_NOTICE);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_INVOICE), MAILING_NOTICE);
}

static void
an_entry_gets_only_the_kinds_it_chose(void **state)
{
    NoticeKind chosen[] = {NOTICE_KIND_SESSION, NOTICE_KIND_INVOICE_PDF};
    MailingListEntry entry = entry_of(chosen, 2);

    (void)state;
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_SESSION_CANCELLED), MAILING_NOTICE);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_BUDGET_THRESHOLD), MAILING_NOTHING);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_FUNDING_CALL_DECISION), MAILING_NOTHING);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_INVOICE), MAILING_DOCUMENT);
}

static void
security_mails_go_to_no_mailing_list(void **state)
{
    MailingListEntry entry = entry_of(NULL, 0);

    (void)state;
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_INVITATION), MAILING_NOTHING);
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_PASSWORD_RESET), MAILING_NOTHING);
}

static void
sessions_and_budgets_are_gathered_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(mail_gathered_as(MESSAGE_KIND_SESSION_PLANNED),
                     MESSAGE_KIND_SESSIONS_GATHERED);
    assert_int_equal(mail_gathered_as(MESSAGE_KIND_BUDGET_OVERRUN), MESSAGE_KIND_BUDGETS_GATHERED);
    for (int kind = MESSAGE_KIND_FUNDING_CALL; kind <= (int)MESSAGE_KIND_FUNDING_CALL_REOPENED;
         kind++)
        assert_int_equal(mail_gathered_as((MessageKind)kind), MAIL_NEVER_GATHERED);
    assert_int_equal(mail_gathered_as(MESSAGE_KIND_INVITATION), MAIL_NEVER_GATHERED);
    assert_int_equal(mail_gathered_as(MESSAGE_KIND_PASSWORD_RESET), MAIL_NEVER_GATHERED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_has_a_kind_and_every_kind_a_template),
        cmocka_unit_test(an_entry_without_kinds_gets_every_notice_and_no_document),
        cmocka_unit_test(an_entry_gets_only_the_kinds_it_chose),
        cmocka_unit_test(sessions_and_budgets_are_gathered_and_nothing_else),
        cmocka_unit_test(security_mails_go_to_no_mailing_list),
    };

    return cmocka_run_group_tests_name("mail_kinds", tests, NULL, NULL);
}
