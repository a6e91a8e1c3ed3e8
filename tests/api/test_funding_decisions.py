# SPDX-License-Identifier: Apache-2.0
"""Decisions recorded on the client's behalf, and those that take the money from the envelope: FUN-4, BUD-8."""
import uuid

import pytest
from client import pointers, problem, wait_until
from facts import refused, wait_until_settled
from factory import envelope, funded_client, new_client, new_project, wait_for_budget
from funding_calls import (age, alerted, calls_of, decide, events_of, ledger_of, new_call, path_of, review_of, sent_call,
                           spend)


@pytest.fixture
def client(admin):
    return funded_client(admin, 2_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client)


@pytest.fixture
def sent(admin, project):
    return sent_call(admin, project, 200_000)


# ── on the client's behalf ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said, status, granted_cents", [
    ({"decision": "accept"}, "accepted", 200_000),
    ({"decision": "adjust", "granted_cents": 150_000, "comment": "Less, please"}, "accepted", 150_000),
    ({"decision": "decline", "comment": "Not now"}, "declined", None),
])
def test_fun_4_an_operator_decides_on_the_clients_behalf(operator, project, sent, said, status, granted_cents):
    """FUN-4: recorded with its reason; the budget follows as if the client had answered."""
    decided = operator.act(path_of(sent, "decision"), said | {"reason": "Ms Martin on the phone"})
    assert (decided["status"], decided["decision"], decided.get("granted_cents"), decided.get("source")) == (
        status, said["decision"], granted_cents, "new_funds" if granted_cents else None)
    assert (decided["decision_reason"], decided.get("decision_comment")) == (
        "Ms Martin on the phone", said.get("comment"))
    assert operator.read(path_of(sent)) == decided
    wait_for_budget(operator, project, budget_cents=1_000_000 + (granted_cents or 0))


@pytest.mark.parametrize("body, culprits", [
    ({"decision": "accept"}, ["/reason"]), ({"reason": "R"}, ["/decision"]),
    ({"decision": "adjust", "reason": "R"}, ["/granted_cents"]),
    ({"decision": "accept", "reason": "R", "granted_cents": 5}, ["/granted_cents"]),
    ({"decision": "decline", "reason": "R", "source": "envelope"}, ["/source"]),
    ({"decision": "adjust", "reason": "R", "granted_cents": 0}, ["/granted_cents"]),
    ({"decision": "accept", "reason": "R", "currency": "USD"}, ["/currency"]),
])
def test_fun_4_records_that_are_none(admin, stack, sent, body, culprits):
    """FUN-4: the reason is required, the amount goes with an adjustment only, the source with a grant only."""
    said = refused(stack, "funding", lambda: admin.post(path_of(sent, "decision"), body), 422, "invalid")
    assert [error["pointer"] for error in said["errors"]] == culprits


def test_fun_4_the_same_record_again_is_the_same_answer(admin, stack, anonymous, sent):
    """FUN-4: whoever decided first; another decision, or another source, is 409 for both."""
    decided = decide(admin, sent, "accept")
    assert decide(admin, sent, "accept") == decided
    assert anonymous.act(review_of(stack, sent), {"decision": "accept"})["status"] == "accepted"
    path = path_of(sent, "decision")
    for other in ({"decision": "decline"}, {"decision": "accept", "source": "envelope"},
                  {"decision": "adjust", "granted_cents": 1}):
        refused(stack, "funding", lambda other=other: admin.post(path, other | {"reason": "R"}), 409, "already_decided")
    refused(stack, "funding", lambda: anonymous.post(review_of(stack, sent), {"decision": "decline"}), 409,
            "already_decided")
    assert events_of(stack, sent).count("FundingCallAccepted") == 1


@pytest.mark.parametrize("steps", [[], ["cancel"], ["send", "cancel"]])
def test_fun_4_only_a_sent_call_is_decided(admin, stack, project, steps):
    """FUN-1, FUN-4: a draft and a cancelled call take no decision; an unknown one is 404."""
    call = new_call(admin, project, 5)
    for step in steps:
        admin.act(path_of(call, step))
    body = {"decision": "accept", "reason": "R"}
    refused(stack, "funding", lambda: admin.post(path_of(call, "decision"), body), 409, "wrong_state")
    nowhere = f"/v1/funding-calls/{uuid.uuid4()}/decision"
    problem(admin.post(nowhere, body), 404, "not_found")
    problem(admin.post(nowhere, body | {"source": "envelope"}), 404, "not_found")


def test_fun_4_a_stale_if_match_decides_nothing(admin, stack, sent):
    """FUN-4: 412 once the call has changed."""
    etag = admin.get(path_of(sent)).headers["ETag"]
    admin.act(path_of(sent, "remind"))
    refused(stack, "funding", lambda: admin.post(path_of(sent, "decision"), {"decision": "accept", "reason": "R"},
                                                 if_match=etag), 412, "precondition_failed")


# ── from the envelope ───────────────────────────────────────────────────────────────────────────


def test_bud_8_the_envelope_gives_the_money(admin, client, project, sent):
    """BUD-8: envelope −G, budget +G; nothing is promised, nothing is to be paid."""
    decided = decide(admin, sent, "adjust", granted_cents=300_000, source="envelope")
    assert (decided["status"], decided["source"], decided["granted_cents"]) == ("accepted", "envelope", 300_000)
    wait_for_budget(admin, project, budget_cents=1_300_000)
    figures = envelope(admin, client)
    assert (figures["funded_cents"], figures["of_which_unpaid_cents"], figures["available_cents"]) == (
        2_000_000, 0, 700_000)
    assert ledger_of(admin, project, "funding_call_accepted") == [[("envelope", -300_000), ("budget", 300_000)]]


def test_bud_7_new_funds_pass_through_the_envelope(admin, client, project, sent):
    """BUD-7: receivable −G, envelope +G, envelope −G, budget +G."""
    decide(admin, sent, "accept")
    wait_for_budget(admin, project, budget_cents=1_200_000)
    assert ledger_of(admin, project, "funding_call_accepted") == [
        [("envelope", -200_000), ("budget", 200_000), ("receivable", -200_000), ("envelope", 200_000)]]
    figures = envelope(admin, client)
    assert (figures["funded_cents"], figures["of_which_unpaid_cents"], figures["available_cents"]) == (
        2_200_000, 200_000, 1_000_000)


def test_bud_8_an_envelope_with_too_little_is_refused(admin, stack, project, sent):
    """BUD-8: budgeting is asked first; 409 says how much there is; what is there can be had."""
    body = {"decision": "adjust", "granted_cents": 1_000_001, "source": "envelope", "reason": "R"}
    said = refused(stack, "funding", lambda: admin.post(path_of(sent, "decision"), body), 409, "insufficient_funds")
    assert "1000000 cents" in said["detail"]
    decide(admin, sent, "adjust", granted_cents=1_000_000, source="envelope")
    wait_for_budget(admin, project, budget_cents=2_000_000)


# ── after a decision ────────────────────────────────────────────────────────────────────────────


def shortages(stack, project):
    return stack.query("select count(*) from budgeting.event_log where project = %s "
                       "and type = 'budgeting.BudgetShortAfterDecision'", project["id"])[0][0]


@pytest.mark.parametrize("decision, told", [
    ({"decision": "decline"}, 1), ({"decision": "adjust", "granted_cents": 1}, 1), ({"decision": "accept"}, 0),
])
def test_bud_14_a_decision_that_leaves_an_alert_is_told(admin, stack, project, decision, told):
    """BUD-14: operators are told once; a decision that suffices tells nothing; no call for a mere alert."""
    spend(admin, project, 850_000)
    [call] = calls_of(admin, project)
    admin.act(path_of(call, "decision"), decision | {"reason": "R"})
    wait_until_settled(stack)
    assert shortages(stack, project) == told
    assert len(calls_of(admin, project)) == 1
    if told:
        alerted(admin, "budget_short", project)


def test_bud_14_expiry_counts_as_a_decision(admin, stack, project):
    """BUD-14: an overrun that outgrew the expired call opens one more, and operators are told."""
    spend(admin, project, 1_100_000)
    spend(admin, project, 400_000)
    [call] = calls_of(admin, project)
    assert call["requested_cents"] == 200_000
    age(stack, call, expires_at=31)
    wait_until(lambda: len(calls_of(admin, project)) == 2)
    expired, again = calls_of(admin, project)
    assert (expired["status"], again["status"], again["reason"], again["requested_cents"]) == (
        "expired", "sent", "overrun", 500_000)
    assert shortages(stack, project) == 1


def test_bud_14_a_cancelled_call_is_no_decision(admin, stack, project):
    """BUD-14: taking a call back tells nothing and asks for nothing by itself."""
    spend(admin, project, 1_100_000)
    [call] = calls_of(admin, project)
    admin.act(path_of(call, "cancel"))
    wait_until_settled(stack)
    assert len(calls_of(admin, project)) == 1 and shortages(stack, project) == 0


def test_bud_14_a_threshold_reached_while_a_draft_waits_opens_nothing_later(admin, stack, project):
    """BUD-14, FUN-2: the draft stands for the call; when it is cancelled the crossing is past, an overrun is not."""
    draft = new_call(admin, project, 1)
    spend(admin, project, 850_000)
    admin.act(path_of(draft, "cancel"))
    wait_until_settled(stack)
    assert [call["id"] for call in calls_of(admin, project)] == [draft["id"]]
    spend(admin, project, 200_000)
    assert [call["reason"] for call in calls_of(admin, project)] == ["manual", "overrun"]


def test_nobody_decides_reminds_or_pays_without_logging_in(anonymous, sent):
    """The link of the mail is the only way in without an account; these are not behind it."""
    for action in ("decision", "remind", "payments"):
        problem(anonymous.post(path_of(sent, action), {}), 401, "unauthenticated")


def test_bud_8_a_client_without_an_envelope_has_nothing(admin, stack):
    """BUD-8: a client that was never credited is 409 like an empty one."""
    project = new_project(admin, new_client(admin), 0)
    call = sent_call(admin, project, 5)
    body = {"decision": "accept", "source": "envelope", "reason": "R"}
    said = refused(stack, "funding", lambda: admin.post(path_of(call, "decision"), body), 409, "insufficient_funds")
    assert "only 0 cents" in said["detail"]
    assert pointers(admin.post(path_of(call, "decision"), {"decision": "accept"})) == ["/reason"]
