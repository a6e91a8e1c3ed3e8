# SPDX-License-Identifier: Apache-2.0
"""INV-1: a basis is one row and one pure function; a fourth one is added to a copy of the tree, and bills."""
import pytest
from trees import add, copy_tree, make, run

CONTRACT = ("proto/common.proto", "  BASIS_FIXED_FEE = 3;\n", """\
  // A fixed amount per training of the completed sessions.
  BASIS_FEE_PER_TRAINING = 4;
""")
ROW = ("services/common/commission_bases.h", "BASIS(FIXED_FEE, fixed_fee, FEE, ANY_TRIGGER)",
       " BASIS(FEE_PER_TRAINING, fee_per_training, FEE, ANY_TRIGGER)")
FUNCTION = ("services/invoicing/billing_bases.c", "COMMISSION_BASES(DECLARE)\n#undef DECLARE\n", """
/* The fee, for each training of each completed session. */
static bool
bill_fee_per_training(struct arena *arena, const struct billing *billing, Invoice *invoice)
{
    for (size_t i = 0; i < billing->session_count; i++) {
        const UnbilledSession *session = billing->sessions[i];

        take_session(add_line(arena, billing, invoice, session_words(arena, invoice, session),
                              billing->plan->fixed_fee_cents * (int64_t)session->n_training_ids),
                     billing, session);
    }
    return true;
}
""")
TEST = """\
#include "billing_bases.h"
#include "commission.h"

#include "fixtures.h"

static void
a_fourth_basis_bills(void **state)
{
    char *trainings[] = {(char *)"a", (char *)"b", (char *)"c"};
    UnbilledSession session = INVOICING__UNBILLED_SESSION__INIT, *sessions[] = {&session};
    FiredTrigger trigger = INVOICING__FIRED_TRIGGER__INIT;
    BillingPlan plan = INVOICING__BILLING_PLAN__INIT;
    struct billing billing = {
        .trigger = &trigger, .plan = &plan, .sessions = sessions, .session_count = 1};
    Invoice *invoice = (Invoice *)message_new(arena, &Invoice_descriptor);

    (void)state;
    SET(&plan, basis, BASIS_FEE_PER_TRAINING);
    SET(&plan, fixed_fee_cents, 2500);
    session.title = (char *)"Négociation";
    session.start_date = session.end_date = (char *)"2026-12-01";
    session.training_ids = trainings;
    session.n_training_ids = 3;
    assert_true(billing_lines(arena, &billing, invoice));
    assert_int_equal(invoice->n_lines, 1);
    assert_int_equal(invoice->lines[0]->net_cents, 7500);
    assert_int_equal(invoice->lines[0]->n_training_ids, 3);
}

static void
a_fourth_basis_has_the_rules_of_its_row(void **state)
{
    Trigger triggers[] = {TRIGGER_SESSION_COMPLETED};
    Commission commission = COMMON__COMMISSION__INIT;
    struct call call = {.arena = arena};

    (void)state;
    SET(&commission, basis, BASIS_FEE_PER_TRAINING);
    commission.triggers = triggers;
    commission.n_triggers = 1;
    commission_check(&call, "", &commission);
    assert_int_equal(call.problem.n_errors, 1);
    assert_string_equal(call.problem.errors[0]->pointer, "/fixed_fee_cents");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fourth_basis_bills),
        cmocka_unit_test(a_fourth_basis_has_the_rules_of_its_row),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
"""


@pytest.fixture
def tree(tmp_path):
    return copy_tree(tmp_path / "tree")


def test_inv_1_a_fourth_basis_takes_one_row_and_one_function(tree):
    """INV-1: beside its enumerator in the contract; it is checked in requests and billed with nothing else touched."""
    for place in (CONTRACT, ROW, FUNCTION):
        add(tree, *place)
    (tree / "tests" / "unit" / "test_billing_bases.c").write_text(TEST, encoding="utf-8")
    program = "{build}/bin/unit/test_billing_bases"
    built = make(tree, program)
    assert built.returncode == 0, built.stdout + built.stderr
    (test,) = tree.glob("build/*/bin/unit/test_billing_bases")
    result = run(tree, test)
    assert result.returncode == 0, result.stdout + result.stderr
