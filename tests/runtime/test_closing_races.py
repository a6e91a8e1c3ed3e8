# SPDX-License-Identifier: Apache-2.0
"""Closing against everything that may happen to a project in the same instant, in both orders: BUD-17."""
import concurrent.futures

import pytest
from client import Client, problem, wait_until
from facts import wait_until_settled
from factory import (budget, envelope, funded_client, new_project, new_session, new_training, wait_for_budget,
                     wait_for_status)
from funding_calls import alerted, calls_of, decide, events_of, ledger_of, new_call, path_of, sent_call
from interference import child, held, stopped

MONEY = 1_000_000


@pytest.fixture
def client(admin):
    return funded_client(admin, MONEY)


@pytest.fixture
def project(admin, stack, client):
    """A project that sessions knows as open."""
    made = new_project(admin, client, 400_000)
    wait_until_settled(stack)
    return made


def path_to(project, rest=""):
    return f"/v1/projects/{project['id']}{rest}"


def close(admin, project):
    return admin.act(path_to(project, "/close"))


def wait_until_closed(admin, project):
    return wait_for_status(admin, path_to(project), "closed")


def assert_all_returned(admin, client, consumed_cents=0):
    """What was not consumed is in the envelope again."""
    figures = envelope(admin, client)
    assert figures["available_cents"] == figures["funded_cents"] - consumed_cents


def at_once(stack, admin, *requests):
    """The statuses of requests that are sent at the same time."""
    def send(request):
        caller = Client(stack)
        caller.session.headers["Authorization"] = admin.session.headers["Authorization"]
        return caller.post(*request).status_code
    with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


# ── money ───────────────────────────────────────────────────────────────────────────────────────


def test_bud_17_allocations_against_closing(admin, stack, client, project):
    """BUD-17, BUD-3: whichever comes first, every cent is in the envelope at the end; later ones are 409."""
    allocation = (path_to(project, "/allocations"), {"amount_cents": 1_000})
    taken_back = (path_to(project, "/allocations"), {"amount_cents": -1_000})
    statuses = at_once(stack, admin, allocation, taken_back, allocation, (path_to(project, "/close"),), allocation,
                       taken_back, allocation)
    assert statuses[3] == 200 and set(statuses) <= {200, 201, 409}
    wait_until_closed(admin, project)
    problem(admin.post(*allocation), 409, "wrong_state")
    assert_all_returned(admin, client)
    moved = [1_000, -1_000, 1_000, None, 1_000, -1_000, 1_000]
    given = sum(cents for cents, status in zip(moved, statuses) if status == 201)
    assert ledger_of(admin, project, "project_closed") == [[("budget", -400_000 - given), ("envelope", 400_000 + given)]]


def test_bud_17_ten_who_close_at_once_close_once(admin, stack, client, project):
    """BUD-17: all are answered the same object; one ProjectClosing, one ProjectClosed; the money returns once."""
    with stopped(child(stack, "sessions", "courier")):
        assert at_once(stack, admin, *[(path_to(project, "/close"),)] * 10) == [200] * 10
    wait_until_closed(admin, project)
    wait_until_settled(stack)
    assert [kind for kind in events_of(stack, project, "budgeting") if "Clos" in kind] == ["ProjectClosing", "ProjectClosed"]
    assert_all_returned(admin, client)


def test_bud_17_a_grant_on_its_way_stays_in_the_envelope(admin, stack, client, project):
    """BUD-17: accepted before the project closes, heard of while it is closing."""
    call = sent_call(admin, project, 50_000)
    with stopped(child(stack, "sessions", "courier")):
        with stopped(child(stack, "budgeting", "courier")):
            decide(admin, call, "accept")
            assert close(admin, project)["status"] == "closing"
        alerted(admin, "funds_kept", project)
        assert budget(admin, project)["budget_cents"] == 400_000
    wait_until_closed(admin, project)
    assert envelope(admin, client)["funded_cents"] == MONEY + 50_000
    assert_all_returned(admin, client)


def test_bud_17_a_grant_before_closing_returns_with_the_rest(admin, client, project):
    """BUD-17, BUD-10: the other order."""
    decide(admin, sent_call(admin, project, 50_000), "accept")
    wait_for_budget(admin, project, budget_cents=450_000)
    close(admin, project)
    wait_until_closed(admin, project)
    assert ledger_of(admin, project, "project_closed") == [[("budget", -450_000), ("envelope", 450_000)]]
    assert_all_returned(admin, client)


# ── funding calls ───────────────────────────────────────────────────────────────────────────────


def test_bud_17_a_call_written_before_funding_hears_is_cancelled(admin, stack, project):
    """BUD-17: drafts and sent ones; afterwards a new one is 409."""
    with stopped(child(stack, "funding", "courier")):
        close(admin, project)
        wait_until_closed(admin, project)
        draft, sent = new_call(admin, project, 5), sent_call(admin, project, 5)
    for call in (draft, sent):
        wait_for_status(admin, path_of(call), "cancelled")
    problem(admin.post(path_to(project, "/funding-calls"), {"requested_cents": 5}), 409, "wrong_state")


# ── work ────────────────────────────────────────────────────────────────────────────────────────


def refused_seal(admin, stack, project, slip_in):
    """Closes a project while something slips in that sessions has not yet been told to refuse."""
    with stopped(child(stack, "sessions", "courier")):
        closing = close(admin, project)
        assert closing["status"] == "closing"
        slipped = slip_in()
    opened = wait_for_status(admin, path_to(project), "open")
    assert opened["version"] == closing["version"] + 1
    alerted(admin, "project_reopened", project)
    return slipped


def test_bud_17_a_session_that_slips_in_reopens_the_project(admin, stack, client, project):
    """BUD-17: the seal is refused, operators are told, all goes on; closing again succeeds once it is cancelled."""
    session = refused_seal(admin, stack, project, lambda: new_session(admin, project))
    training = new_training(admin, session, 10_000)
    wait_for_budget(admin, project, planned_cents=10_000)
    admin.create(path_to(project, "/allocations"), {"amount_cents": 1})
    admin.change(path_to(project), {"name": "Still open"})
    problem(admin.post(path_to(project, "/close")), 409, "sessions_planned")
    admin.act(f"/v1/sessions/{session['id']}/cancel")
    wait_for_budget(admin, project, planned_cents=0)
    close(admin, project)
    wait_until_closed(admin, project)
    assert_all_returned(admin, client)
    problem(admin.patch(f"/v1/trainings/{training['id']}", {"cost_cents": 5}), 409, "wrong_state")


def test_bud_17_a_training_that_slips_in_is_in_the_figures(admin, stack, project):
    """BUD-17, BUD-4: with the session that slipped in."""
    refused_seal(admin, stack, project, lambda: new_training(admin, new_session(admin, project), 10_000))
    wait_for_budget(admin, project, planned_cents=10_000)


def test_bud_17_a_session_reopened_meanwhile_reopens_the_project(admin, stack, project):
    """BUD-17, SES-1: what was completed is planned again when the seal is asked for."""
    session = new_session(admin, project)
    new_training(admin, session, 10_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, completed_cents=10_000)
    refused_seal(admin, stack, project, lambda: admin.act(f"/v1/sessions/{session['id']}/reopen"))
    wait_for_budget(admin, project, planned_cents=10_000)


def test_bud_14_an_overrun_met_while_closing_asks_once_the_project_is_open_again(admin, stack, project):
    """BUD-14, BUD-17: nobody could be asked meanwhile; whoever has declined as much is not asked again."""
    def overrun():
        return new_training(admin, new_session(admin, project), 500_000)
    training = refused_seal(admin, stack, project, overrun)
    call, = wait_until(lambda: calls_of(admin, project))
    assert (call["status"], call["reason"], call["requested_cents"]) == ("sent", "overrun", 100_000)
    decide(admin, call, "decline")
    admin.act(f"/v1/sessions/{training['session_id']}/complete")
    wait_for_budget(admin, project, completed_cents=500_000)
    refused_seal(admin, stack, project, lambda: new_session(admin, project))
    wait_until_settled(stack)
    assert [one["status"] for one in calls_of(admin, project)] == ["declined"]


def test_bud_17_work_that_is_done_before_the_seal_counts(admin, stack, client, project):
    """BUD-17: planned and completed in the instant of closing: sealed after it, hence told before it."""
    with stopped(child(stack, "sessions", "courier")):
        close(admin, project)
        session = new_session(admin, project)
        new_training(admin, session, 10_000)
        admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_until_closed(admin, project)
    assert budget(admin, project)["completed_cents"] == 10_000
    assert ledger_of(admin, project, "project_closed") == [[("budget", -390_000), ("envelope", 390_000)]]
    assert_all_returned(admin, client, 10_000)


def test_bud_17_after_the_seal_nothing_slips_in(admin, stack, client, project):
    """BUD-17: sealed, and budgeting has not heard: new sessions, trainings, reopenings are 409; it closes."""
    session = new_session(admin, project)
    training = new_training(admin, session, 10_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, completed_cents=10_000)
    with held(stack, "select 1 from budgeting.stream_cursor where consumer = 'main' and producer = 'sessions' for update"):
        assert close(admin, project)["status"] == "closing"
        wait_until(lambda: stack.query("select 1 from sessions.project_seal where project_id = %s "
                                       "and sealed_at is not null", project["id"]))
        plan = {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-01"}
        assert admin.post(path_to(project, "/sessions"), plan).status_code == 409
        problem(admin.post(f"/v1/sessions/{session['id']}/reopen"), 409, "project_sealed")
        problem(admin.patch(f"/v1/trainings/{training['id']}", {"cost_cents": 5}), 409, "wrong_state")
        assert close(admin, project)["status"] == "closing"
    wait_until_closed(admin, project)
    assert_all_returned(admin, client, 10_000)


def test_bud_17_an_overrun_stays_when_the_project_closes(admin, client, project):
    """BUD-10, BUD-17: nothing returns, nothing is taken; remaining stays below zero."""
    session = new_session(admin, project)
    new_training(admin, session, 500_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, completed_cents=500_000)
    close(admin, project)
    wait_until_closed(admin, project)
    assert budget(admin, project)["remaining_cents"] == -100_000
    assert ledger_of(admin, project, "project_closed") == []
    assert_all_returned(admin, client, 400_000)
