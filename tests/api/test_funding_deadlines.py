# SPDX-License-Identifier: Apache-2.0
"""Reminders, calls that stay unanswered, expiry, and the settings that govern them: FUN-5."""
import pytest
from client import problem, wait_until
from facts import refused, wait_until_settled
from factory import funded_client, new_project, wait_for_status
from funding_calls import age, decide, events_of, new_call, path_of, review_of, seconds_of, sent_call

DAY_SECONDS = 24 * 3600


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client, 0)


@pytest.fixture
def sent(admin, project):
    return sent_call(admin, project, 200_000)


@pytest.fixture
def settings(admin, stack):
    """Changes settings until the end of a test; returns when funding knows them."""
    before = admin.read("/v1/settings")

    def change(**values):
        version = admin.change("/v1/settings", values)["version"]
        wait_until(lambda: stack.query("select 1 from funding.settings where version >= %s", version))
    yield change
    change(review_link_days=before["review_link_days"], reminder_days=before["reminder_days"])


def reminders(admin, call):
    return admin.read(path_of(call))["reminders"]


@pytest.fixture(scope="module")
def quiet(admin, stack, client):
    """A function that returns when the job has looked at all calls after it was called."""
    project = new_project(admin, client, 0)

    def look():
        # It takes one call at a time and looks again: before the second it has looked for all else.
        markers = [sent_call(admin, project, 1) for _ in range(2)]
        stack.query("update funding.funding_call set expires_at = now() where project_id = %s and status = 'sent'",
                    project["id"])
        for marker in markers:
            wait_for_status(admin, path_of(marker), "expired")
    return look


# ── reminders ───────────────────────────────────────────────────────────────────────────────────


def test_fun_5_reminders_after_7_and_14_days_then_operators_are_told(admin, stack, sent, quiet):
    """FUN-5: each once; a week after the last one it counts as unanswered, once, and stays sent."""
    assert "reminded_at" not in sent and sent["reminders"] == 0
    age(stack, sent, sent_at=6)
    quiet()
    assert reminders(admin, sent) == 0
    age(stack, sent, sent_at=1)
    wait_until(lambda: reminders(admin, sent) == 1)
    age(stack, sent, sent_at=7)
    wait_until(lambda: reminders(admin, sent) == 2)
    quiet()
    assert events_of(stack, sent)[2:] == ["FundingCallReminded"] * 2
    age(stack, sent, sent_at=7)
    wait_until(lambda: events_of(stack, sent)[-1] == "FundingCallUnanswered")
    quiet()
    assert events_of(stack, sent)[2:] == ["FundingCallReminded"] * 2 + ["FundingCallUnanswered"]
    now = admin.read(path_of(sent))
    assert (now["status"], now["reminders"], now["version"]) == ("sent", 2, 4)
    assert seconds_of(now["reminded_at"]) >= seconds_of(now["created_at"])


def test_fun_5_days_that_passed_unheeded_remind_once(admin, stack, sent, quiet):
    """FUN-5: after an outage of two weeks the client gets one mail, not two."""
    age(stack, sent, sent_at=15)
    wait_until(lambda: reminders(admin, sent) == 1)
    quiet()
    assert reminders(admin, sent) == 1


def test_fun_5_only_sent_calls_are_reminded_by_the_schedule(admin, stack, project, quiet):
    """FUN-5: neither drafts, nor decided or cancelled calls."""
    draft = new_call(admin, project, 5)
    decided, cancelled = (sent_call(admin, project, 5) for _ in range(2))
    decide(admin, decided, "decline")
    admin.act(path_of(cancelled, "cancel"))
    for call in (draft, decided, cancelled):
        age(stack, call, created_at=20, sent_at=20)
    quiet()
    assert [reminders(admin, call) for call in (draft, decided, cancelled)] == [0, 0, 0]


def test_fun_5_reminder_days_hold_from_then_on(admin, stack, project, settings, quiet):
    """FUN-5: an earlier day that is new reminds who is past it once; days already heeded don't come again."""
    first, second = (sent_call(admin, project, 5) for _ in range(2))
    age(stack, first, sent_at=8)
    wait_until(lambda: reminders(admin, first) == 1)
    age(stack, second, sent_at=4)
    settings(reminder_days=[20, 3, 3])
    wait_until(lambda: reminders(admin, second) == 1)
    quiet()
    assert (reminders(admin, first), reminders(admin, second)) == (1, 1)
    age(stack, first, sent_at=12)
    wait_until(lambda: reminders(admin, first) == 2)


def test_fun_5_no_reminder_days_no_reminder(admin, stack, sent, settings, quiet):
    """FUN-5: an empty schedule reminds nobody and tells nobody."""
    settings(reminder_days=[])
    age(stack, sent, sent_at=29)
    quiet()
    assert events_of(stack, sent)[2:] == []


def test_fun_5_an_operator_reminds(operator, stack, sent):
    """FUN-5: at any time, as often as needed, beside the schedule."""
    reminded = operator.act(path_of(sent, "remind"))
    assert (reminded["status"], reminded["reminders"], reminded["version"]) == ("sent", 1, 3)
    assert operator.act(path_of(sent, "remind"))["reminders"] == 2
    age(stack, sent, sent_at=7)
    wait_until(lambda: reminders(operator, sent) == 3)
    assert events_of(stack, sent)[2:] == ["FundingCallReminded"] * 3


@pytest.mark.parametrize("steps", [[], ["cancel"], ["send", "cancel"]])
def test_fun_5_only_a_sent_call_is_reminded(admin, stack, project, steps):
    """FUN-5, FUN-1: a draft and a cancelled call are 409."""
    call = new_call(admin, project, 5)
    for step in steps:
        admin.act(path_of(call, step))
    refused(stack, "funding", lambda: admin.post(path_of(call, "remind")), 409, "wrong_state")


# ── expiry ──────────────────────────────────────────────────────────────────────────────────────


def test_fun_5_a_call_expires(admin, stack, anonymous, sent, quiet):
    """FUN-5, FUN-1: thirty days after it was sent, once; nobody can decide or remind it any more."""
    age(stack, sent, sent_at=31, expires_at=31)
    expired = wait_for_status(admin, path_of(sent), "expired")
    assert not {"decision", "decided_at", "granted_cents"} & set(expired)
    quiet()
    assert events_of(stack, sent)[2:] == ["FundingCallExpired"]
    wait_until_settled(stack)
    problem(anonymous.post(review_of(stack, expired), {"decision": "accept"}), 410, "gone")
    for action, body in (("decision", {"decision": "accept", "reason": "R"}), ("remind", None), ("cancel", None),
                         ("payments", {"amount_cents": 1, "reference": "R"})):
        refused(stack, "funding", lambda action=action, body=body: admin.post(path_of(sent, action), body), 409,
                "wrong_state")


def test_fun_5_expiry_waits_for_its_instant(admin, stack, sent, quiet):
    """FUN-5: a call that ends in a while does not expire now."""
    stack.query("update funding.funding_call set expires_at = now() + interval '1 hour' where id = %s", sent["id"])
    quiet()
    assert admin.read(path_of(sent))["status"] == "sent"
    admin.act(path_of(sent, "cancel"))  # else it expires while other tests run


def test_fun_4_review_link_days_hold_from_then_on(admin, project, settings):
    """FUN-4: what was sent keeps its end; what is sent from now on has the new one."""
    before = sent_call(admin, project, 5)
    settings(review_link_days=3)
    after = sent_call(admin, project, 5)
    assert seconds_of(after["expires_at"]) - seconds_of(after["sent_at"]) == 3 * DAY_SECONDS
    assert admin.read(path_of(before))["expires_at"] == before["expires_at"]
