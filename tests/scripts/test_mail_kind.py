# SPDX-License-Identifier: Apache-2.0
"""A mail kind is one row and one template; one more is added to a copy of the tree, and is written."""
from trees import add, copy_tree, make, run

CONTRACT = ("proto/notifications.proto", "  MESSAGE_KIND_BUDGETS_GATHERED = 16;\n", """\
  // A project was closed.
  MESSAGE_KIND_PROJECT_CLOSED = 1000;
""")
ROW = ("services/notifications/mail_kinds.c", """\
    {MESSAGE_KIND_BUDGETS_GATHERED, MESSAGE_AUDIENCE_MAILING_LIST, "budgets_gathered",
     NOTICE_KIND_BUDGET},
""", """\
    {MESSAGE_KIND_PROJECT_CLOSED, MESSAGE_AUDIENCE_MAILING_LIST, "project_closed",
     NOTICE_KIND_BUDGET},
""")
TEMPLATE = ("services/notifications/mail_templates.c", "static const struct mail_template templates[] = {\n", """\
    {"project_closed",
     "fr",
     "Projet {project} : clôture",
     {"Bonjour,", "Le projet {project} est clos.", "Reste | {remaining}"},
     LIST_FR},
    {"project_closed",
     "en",
     "Project {project}: closed",
     {"Hello,", "Project {project} is closed.", "Remaining | {remaining}"},
     LIST_EN},

""")
TEST = """\
#include "mail_assembly.h"
#include "mail_kinds.h"

#include "fixtures.h"

static void
assert_written(const char *locale, const char *subject, const char *sentence)
{
    MailWord project = NOTIFICATIONS__MAIL_WORD__INIT, remaining = NOTIFICATIONS__MAIL_WORD__INIT;
    MailWord *words[] = {&project, &remaining};
    StoredMail mail = NOTIFICATIONS__STORED_MAIL__INIT;
    struct mail_enclosure nothing = {0};
    struct mail_bytes bytes;
    const char *error;

    project.name = (char *)"project";
    project.text = (char *)"P";
    remaining.name = (char *)"remaining";
    remaining.text = (char *)"12,00";
    SET(&mail, kind, MESSAGE_KIND_PROJECT_CLOSED);
    SET(&mail, audience, MESSAGE_AUDIENCE_MAILING_LIST);
    mail.recipient = (char *)"paul@acme.example";
    mail.locale = (char *)locale;
    mail.words = words;
    mail.n_words = 2;
    mail.message_id = (char *)"1@escarcelle.example";
    mail.created_at = (char *)"2026-11-22T18:19:00.123Z";
    mail.seller_name = (char *)"Escarcelle";
    mail.mail_from = (char *)"info@escarcelle.example";
    assert_true(mail_assemble(arena, &mail, &nothing, &bytes, &error));
    assert_string_equal(bytes.subject, subject);
    assert_has(bytes.search_text, sentence);
}

static void
it_is_written_in_both_languages(void **state)
{
    (void)state;
    assert_written("fr", "Projet P\\u00a0: clôture", "Le projet P est clos.");
    assert_written("en", "Project P: closed", "Remaining: 12,00");
}

static void
a_mailing_list_chooses_it(void **state)
{
    NoticeKind budgets[] = {NOTICE_KIND_BUDGET}, sessions[] = {NOTICE_KIND_SESSION};
    MailingListEntry entry = COMMON__MAILING_LIST_ENTRY__INIT;

    (void)state;
    entry.n_kinds = 1;
    entry.kinds = budgets;
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_PROJECT_CLOSED), MAILING_NOTICE);
    assert_int_equal(mail_gathered_as(MESSAGE_KIND_PROJECT_CLOSED), MESSAGE_KIND_BUDGETS_GATHERED);
    entry.kinds = sessions;
    assert_int_equal(mailing_of(&entry, MESSAGE_KIND_PROJECT_CLOSED), MAILING_NOTHING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_written_in_both_languages),
        cmocka_unit_test(a_mailing_list_chooses_it),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
"""


def test_not_1_one_more_mail_kind_takes_one_row_and_one_template(tmp_path):
    """NOT: beside its enumerator in the contract; chosen, gathered and written in both languages with nothing else."""
    tree = copy_tree(tmp_path / "tree")
    for place in (CONTRACT, ROW, TEMPLATE):
        add(tree, *place)
    (tree / "tests" / "unit" / "test_mail_kinds.c").write_text(TEST, encoding="utf-8")
    built = make(tree, "{build}/bin/unit/test_mail_kinds")
    assert built.returncode == 0, built.stdout + built.stderr
    (test,) = tree.glob("build/*/bin/unit/test_mail_kinds")
    result = run(tree, test)
    assert result.returncode == 0, result.stdout + result.stderr
