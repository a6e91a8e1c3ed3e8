# SPDX-License-Identifier: Apache-2.0
"""A decision and a crossing of the budget in the same instant, each told before its teller heard of the other."""
import pytest
from client import wait_until
from facts import wait_until_settled
from factory import funded_client, new_project, new_session, new_training, wait_for_budget
from funding_calls import calls_of, decide, sent_call
from interference import refusing
from streams import cursor


@pytest.mark.parametrize("cost_cents, state, requested_cents", [(1_100_000, "ok", [500_000]),
                                                                (1_700_000, "overrun", [500_000, 200_000])])
def test_bud_14_a_grant_on_its_way_is_posted_before_more_is_asked_for(admin, stack, cost_cents, state, requested_cents):
    """BUD-14: nobody is asked for what is granted already; what the grant does not cover is asked for once it is
    posted."""
    project = new_project(admin, funded_client(admin))
    call = sent_call(admin, project, 500_000)
    with refusing(stack, "budgeting.ledger_transaction",
                  f"new.project_id = '{project['id']}' and new.kind = 'funding_call_accepted'", "40001"):
        decide(admin, call, "accept")
        new_training(admin, new_session(admin, project), cost_cents)
        overrun = wait_until(lambda: stack.query("select sequence from budgeting.event_log where project = %s and "
                                                 "type = 'budgeting.BudgetOverrun'", project["id"]))[0][0]
        wait_until(lambda: cursor(stack, "funding", "budgeting") >= overrun)
        assert [one["id"] for one in calls_of(admin, project)] == [call["id"]]
    wait_for_budget(admin, project, budget_cents=1_500_000, state=state)
    wait_until_settled(stack)
    assert [one["requested_cents"] for one in calls_of(admin, project)] == requested_cents
