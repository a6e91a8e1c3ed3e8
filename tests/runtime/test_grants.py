# SPDX-License-Identifier: Apache-2.0
"""Grants from an envelope that changes before budgeting hears of them: BUD-8, BUD-17."""
import contextlib

import pytest
from client import wait_until
from factory import (budget, credit, envelope, funded_client, new_project, new_session, new_training, wait_for_budget,
                     wait_for_status)
from facts import wait_until_settled
from funding_calls import age, alerted, calls_of, decide, events_of, ledger_of, path_of, review_of, seconds_of, sent_call
from interference import child, stopped


@pytest.fixture
def client(admin):
    return funded_client(admin, 2_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client)


@pytest.fixture
def sent(admin, project):
    return sent_call(admin, project, 200_000)


def test_bud_8_budgeting_is_asked_only_about_the_envelope(admin, stack, sent):
    """BUD-8: without budgeting nobody can take from the envelope (503), but new funds can be recorded."""
    body = {"decision": "accept", "reason": "R"}
    with stopped(child(stack, "budgeting", "leaf")):
        answer = admin.post(path_of(sent, "decision"), body | {"source": "envelope"})
        assert answer.status_code in (503, 504), answer.text
        assert admin.read(path_of(sent))["status"] == "sent"
        assert decide(admin, sent, "accept")["source"] == "new_funds"
    # A worker that was frozen refuses for a moment what may have waited for it all the time.
    wait_until(lambda: admin.post(path_of(sent, "decision"), body | {"source": "envelope"}).status_code == 409)


def unfunded(admin, stack, client, call, granted_cents, meanwhile=lambda: None):
    """Takes a grant from an envelope that is emptied before budgeting hears of it."""
    with stopped(child(stack, "budgeting", "courier")):
        decide(admin, call, "adjust", granted_cents=granted_cents, source="envelope")
        new_project(admin, client, envelope(admin, client)["available_cents"] - granted_cents + 1)
        meanwhile()
    return wait_for_status(admin, path_of(call), "sent")


def test_bud_8_money_gone_meanwhile_puts_the_call_back(admin, stack, client, project, sent):
    """BUD-8: nothing is posted, the call waits again with nothing decided, operators are told."""
    again = unfunded(admin, stack, client, sent, 300_000)
    assert not {"granted_cents", "decision", "decided_at", "source", "decision_reason"} & set(again)
    assert (again["expires_at"], again["version"], again["reminders"]) == (sent["expires_at"], 4, 0)
    assert again["sent_at"] > sent["sent_at"], "reminders count from now"
    assert budget(admin, project)["budget_cents"] == 1_000_000
    assert ledger_of(admin, project, "funding_call_accepted") == []
    assert events_of(stack, sent)[-2:] == ["FundingCallAccepted", "FundingCallReopened"]
    assert events_of(stack, sent, "budgeting") == ["FundingCallUnfunded"]
    credit(admin, client, 300_000)
    decide(admin, sent, "adjust", granted_cents=300_000, source="envelope")
    wait_for_budget(admin, project, budget_cents=1_300_000)


def test_bud_8_the_client_may_answer_a_call_that_was_put_back(admin, stack, anonymous, client, project, sent):
    """BUD-8: the link of its mail still serves, and new funds come in."""
    unfunded(admin, stack, client, sent, 300_000)
    anonymous.act(review_of(stack, sent), {"decision": "accept"})
    wait_for_budget(admin, project, budget_cents=1_200_000)


def test_bud_14_no_call_is_opened_beside_one_whose_grant_fails(admin, stack, client, project, sent):
    """BUD-8, BUD-14: the call that is put back asks again."""
    with stopped(child(stack, "funding", "courier")):
        decide(admin, sent, "adjust", granted_cents=300_000, source="envelope")
        new_project(admin, client, envelope(admin, client)["available_cents"] - 299_999)
        new_training(admin, new_session(admin, project), 1_100_000)
        wait_for_budget(admin, project, state="overrun")
    wait_until(lambda: "FundingCallReopened" in events_of(stack, sent))
    wait_until_settled(stack)
    assert [(call["id"], call["status"]) for call in calls_of(admin, project)] == [(sent["id"], "sent")]


def test_bud_8_a_call_put_back_after_its_time_gets_a_new_one(admin, stack, client, sent):
    """BUD-8, FUN-4: thirty days from then on."""
    again = unfunded(admin, stack, client, sent, 300_000, lambda: age(stack, sent, sent_at=40, expires_at=40))
    assert seconds_of(again["expires_at"]) >= seconds_of(sent["expires_at"])


def test_bud_8_a_project_that_closes_right_after_cancels_the_call_put_back(admin, stack, client, project, sent):
    """BUD-8, BUD-17: first back to sent, then cancelled with the others."""
    told = "select 1 from {0}.event_log where type = %s and subject = %s"
    with contextlib.ExitStack() as funding_stopped:
        with stopped(child(stack, "budgeting", "courier")):
            decide(admin, sent, "accept", source="envelope")
            new_project(admin, client, 900_000)
            # Published, since somebody has read it.
            wait_until(lambda: stack.query(
                "select 1 from accounts.stream_cursor c join funding.event_log l on c.sequence >= l.sequence where "
                "c.producer = 'funding' and l.type = 'funding.FundingCallAccepted' and l.subject = %s", sent["id"]))
            funding_stopped.enter_context(stopped(child(stack, "funding", "courier")))
        wait_until(lambda: stack.query(told.format("budgeting"), "budgeting.FundingCallUnfunded", sent["id"]))
        admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, path_of(sent), "cancelled")
    wait_until(lambda: events_of(stack, sent)[-2:] == ["FundingCallReopened", "FundingCallCancelled"])


def test_bud_17_a_grant_from_the_envelope_of_a_closed_project_moves_nothing(admin, stack, client, project, sent):
    """BUD-17: accepted from closing on, the envelope keeps its money; operators are told."""
    with stopped(child(stack, "funding", "courier")):
        admin.act(f"/v1/projects/{project['id']}/close")
        wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
        decide(admin, sent, "accept", source="envelope")
    alerted(admin, "funds_kept", project)
    figures = envelope(admin, client)
    assert (figures["funded_cents"], figures["of_which_unpaid_cents"], figures["available_cents"]) == (
        2_000_000, 0, 2_000_000)
    assert ledger_of(admin, project, "funding_call_accepted") == []
    assert admin.read(path_of(sent))["status"] == "accepted"
