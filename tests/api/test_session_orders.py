# SPDX-License-Identifier: Apache-2.0
"""Sessions and trainings in odd orders and at the same time: what is left is always whole (SES-1 to SES-5).

The orders in which sessions and budgeting hear of a closing are in tests/runtime/test_closing_races.py."""
import pytest
from client import expect, problem
from facts import refused
from factory import budget, funded_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from test_sessions import DAYS, TRAINING, at_once, path_of, totals

REDUCED_BP = 550


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client, auto_funding_call=False)


@pytest.fixture
def session(admin, project):
    return new_session(admin, project, **DAYS)


def trainings_of(caller, session):
    return caller.read(path_of(session, "trainings"), page_size=200)["trainings"]


def check_totals(caller, session):
    """The totals are what the trainings cost now, VAT rounded once per rate (MON-3)."""
    by_rate = {}
    for training in trainings_of(caller, session):
        by_rate.setdefault(training["vat_rate_bp"], []).append(training["cost_cents"])
    vat_cents = sum((2 * sum(costs) * rate + 10_000) // 20_000 for rate, costs in by_rate.items())
    assert totals(caller, session) == (sum(map(sum, by_rate.values())), vat_cents, sum(map(len, by_rate.values())))


def outcomes(answers):
    return sorted(answer.status_code for answer in answers)


# ── one after the other ─────────────────────────────────────────────────────────────────────────


def test_ses_2_vat_is_by_rate_after_each_move(admin, project, session):
    """SES-2, MON-3: three times 1.22 at 5.5 % and one at 20 %, moved one by one, there and back."""
    other = new_session(admin, project, **DAYS)
    trainings = [new_training(admin, session, 122, rate) for rate in (REDUCED_BP, REDUCED_BP, REDUCED_BP, 2000)]
    assert totals(admin, session) == (488, 20 + 24, 4)
    expected = [((366, 13 + 24, 3), (122, 7, 1)), ((244, 7 + 24, 2), (244, 13, 2)), ((122, 24, 1), (366, 20, 3)),
                ((0, 0, 0), (488, 20 + 24, 4))]
    for training, (left, arrived) in zip(trainings, expected):
        admin.change(f"/v1/trainings/{training['id']}", {"session_id": other["id"]})
        assert (totals(admin, session), totals(admin, other)) == (left, arrived)
    for training in trainings:
        admin.change(f"/v1/trainings/{training['id']}", {"session_id": session["id"], "vat_rate_bp": 0})
        check_totals(admin, session)
        check_totals(admin, other)
    assert (totals(admin, session), totals(admin, other)) == ((488, 0, 4), (0, 0, 0))
    wait_for_budget(admin, project, planned_cents=488)


def test_ses_2_a_move_may_change_the_training_too(admin, project, session):
    """SES-2: cost, rate and date in the same PATCH; both totals and the budget follow once."""
    later = new_session(admin, project, start_date="2026-12-10", end_date="2026-12-11")
    training = new_training(admin, session, 1_000)
    moved = admin.change(f"/v1/trainings/{training['id']}", {
        "session_id": later["id"], "date": "2026-12-11", "cost_cents": 300, "vat_rate_bp": REDUCED_BP})
    assert (moved["session_id"], moved["cost_cents"], moved["version"]) == (later["id"], 300, 2)
    assert (totals(admin, session), totals(admin, later)) == ((0, 0, 0), (300, 17, 1))
    wait_for_budget(admin, project, planned_cents=300)


def test_ses_2_a_move_to_where_it_is_changes_it_there(admin, session):
    """SES-2: naming its own session is no move."""
    training = new_training(admin, session, 1_000)
    same = admin.change(f"/v1/trainings/{training['id']}", {"session_id": session["id"], "cost_cents": 900})
    assert (same["session_id"], same["cost_cents"]) == (session["id"], 900)
    check_totals(admin, session)


def test_ses_3_dates_shrink_once_the_training_has_moved_away(admin, stack, project, session):
    """SES-3: in the way, then moved, then not in the way; growing again is free."""
    other = new_session(admin, project, **DAYS)
    training = new_training(admin, session, 100, date="2026-12-04")
    refused(stack, "sessions", lambda: admin.patch(path_of(session), {"end_date": "2026-12-03"}), 409,
            "trainings_left_out")
    admin.change(f"/v1/trainings/{training['id']}", {"session_id": other["id"]})
    assert admin.change(path_of(session), {"end_date": "2026-12-03"})["end_date"] == "2026-12-03"
    assert admin.change(path_of(session), {"start_date": "2026-11-01", "end_date": "2026-12-24"})["version"] == 3


def test_ses_3_those_in_the_way_are_named_up_to_five(admin, stack, session):
    """SES-3: the sentence stays readable."""
    for number in range(6):
        new_training(admin, session, 0, title=f"Day {number}", date="2026-12-01")
    said = refused(stack, "sessions", lambda: admin.patch(path_of(session), {"start_date": "2026-12-02"}), 409,
                   "trainings_left_out")["detail"]
    assert all(f"Day {number}" in said for number in range(5)) and "Day 5" not in said and "and more" in said


def test_ses_3_what_was_deleted_is_gone_for_everything(admin, stack, session):
    """SES-3: 404 to read, change, complete, cancel, reopen, delete, and to put trainings in; it is in no list."""
    expect(admin.delete(path_of(session)), 204)
    path = path_of(session)
    for act in (lambda: admin.get(path), lambda: admin.patch(path, {"title": "S"}), lambda: admin.delete(path),
                lambda: admin.post(f"{path}/complete"), lambda: admin.post(f"{path}/cancel"),
                lambda: admin.post(f"{path}/reopen"), lambda: admin.post(f"{path}/trainings", TRAINING),
                lambda: admin.get(f"{path}/trainings")):
        refused(stack, "sessions", act, 404, "not_found")
    listed = admin.read(f"/v1/projects/{session['project_id']}/sessions")["sessions"]
    assert session["id"] not in [one["id"] for one in listed]


def test_bud_6_completed_reopened_cancelled(admin, project, session):
    """BUD-6, BUD-5: planned → completed → planned → nothing, to the cent; cancelled is an end."""
    new_training(admin, session, 700)
    wait_for_budget(admin, project, planned_cents=700, completed_cents=0)
    admin.act(path_of(session, "complete"))
    wait_for_budget(admin, project, planned_cents=0, completed_cents=700)
    admin.act(path_of(session, "reopen"))
    wait_for_budget(admin, project, planned_cents=700, completed_cents=0)
    admin.act(path_of(session, "cancel"))
    wait_for_budget(admin, project, consumed_cents=0)
    problem(admin.post(path_of(session, "reopen")), 409, "wrong_state")
    assert budget(admin, project)["remaining_cents"] == 1_000_000


# ── at the same time ────────────────────────────────────────────────────────────────────────────


def test_ses_1_of_two_endings_at_once_one_happens(admin, session):
    """SES-1: completed or cancelled, never both."""
    answers = at_once(lambda action: admin.post(path_of(session, action)), ["complete", "cancel"] * 3)
    assert outcomes(answers) == [200] + [409] * 5


def test_ses_3_deleting_while_a_training_is_added(admin, project):
    """SES-3: either the session is gone and the training was refused, or the training is in it and it stays."""
    for _ in range(5):
        session = new_session(admin, project, **DAYS)
        deletion, addition = at_once(lambda act: act(), [lambda: admin.delete(path_of(session)),
                                                         lambda: admin.post(path_of(session, "trainings"), TRAINING)])
        assert (deletion.status_code, addition.status_code) in [(204, 404), (409, 201)]


def test_ses_4_what_is_completed_is_what_the_trainings_cost(admin, project, session):
    """SES-4: trainings added while it is completed are in its total and the budget's, or refused."""
    def act(number):
        if number == 4:
            return admin.post(path_of(session, "complete"))
        return admin.post(path_of(session, "trainings"), TRAINING | {"cost_cents": 10 ** (number % 4)})
    answers = at_once(act, list(range(9)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409} and answers[4].status_code == 200
    check_totals(admin, session)
    wait_for_budget(admin, project, planned_cents=0, completed_cents=totals(admin, session)[0])


def test_ses_3_shrinking_while_a_training_is_added(admin, project):
    """SES-3, SES-2: no training is ever left outside of its session's dates."""
    for _ in range(5):
        session = new_session(admin, project, **DAYS)
        shrinking, addition = at_once(lambda act: act(), [
            lambda: admin.patch(path_of(session), {"end_date": "2026-12-03"}),
            lambda: admin.post(path_of(session, "trainings"), TRAINING | {"date": "2026-12-04"})])
        assert (shrinking.status_code, addition.status_code) in [(200, 422), (409, 201)]


def test_ses_2_moving_into_a_session_that_is_completed(admin, project, session):
    """SES-2: it arrived before, or was refused; both totals are what their trainings cost."""
    other = new_session(admin, project, **DAYS)
    trainings = [new_training(admin, session, 100) for _ in range(4)]

    def act(training):
        if training is None:
            return admin.post(path_of(other, "complete"))
        return admin.patch(f"/v1/trainings/{training['id']}", {"session_id": other["id"]})
    answers = at_once(act, trainings[:2] + [None] + trainings[2:])
    assert {answer.status_code for answer in answers} <= {200, 409}
    check_totals(admin, session)
    check_totals(admin, other)
    assert totals(admin, session)[0] + totals(admin, other)[0] == 400
    wait_for_budget(admin, project, consumed_cents=400, completed_cents=totals(admin, other)[0])


def test_ses_1_reopening_and_closing_at_once(admin, project):
    """SES-1, BUD-17: whoever comes first, project and session agree in the end."""
    session = admin.act(path_of(new_session(admin, project, **DAYS), "complete"))
    path = f"/v1/projects/{project['id']}"
    closing, reopening = at_once(lambda act: act(), [lambda: admin.post(f"{path}/close"),
                                                     lambda: admin.post(path_of(session, "reopen"))])
    assert reopening.status_code in (200, 409) and closing.status_code in (200, 409)
    reopened = admin.read(path_of(session))["status"] == "planned"
    assert reopened == (reopening.status_code == 200)
    wait_for_status(admin, path, "open" if reopened else "closed")
