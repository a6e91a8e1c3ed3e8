# SPDX-License-Identifier: Apache-2.0
"""Sessions, their trainings and the seal of a project: SES-1 to SES-5, the sessions' side of BUD-17."""
import concurrent.futures
import datetime
import uuid

import pytest
from client import expect, pointers, problem, wait_until
from facts import facts, refused, wait_until_settled
from factory import (credit, funded_client, new_client, new_project, new_session, new_training, wait_for_budget,
                     wait_for_status)

MONEY_MAX = 10**15
DAYS = {"start_date": "2026-12-01", "end_date": "2026-12-04"}
TRAINING = {"title": "Negotiating", "provider": "Formatys", "cost_cents": 1_000, "vat_rate_bp": 2000,
            "date": "2026-12-01"}


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


@pytest.fixture
def project(admin, stack, client):
    """A project that is known everywhere: what a refusal leaves is compared with what was there."""
    made = new_project(admin, client, auto_funding_call=False)
    wait_until_settled(stack)
    return made


@pytest.fixture
def session(admin, project):
    return new_session(admin, project, **DAYS)


def path_of(session, action=None):
    return f"/v1/sessions/{session['id']}" + (f"/{action}" if action else "")


def totals(caller, session):
    now = caller.read(path_of(session))
    return now["total_cost_cents"], now["total_vat_cents"], now["training_count"]


def at_once(work, items):
    """The answers of work(item), all begun together."""
    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))


# ── sessions ────────────────────────────────────────────────────────────────────────────────────


def test_ses_1_a_new_session_is_planned_and_costs_nothing(operator, project):
    """SES-1: project, client, title, dates; planned; totals of nothing."""
    session = new_session(operator, project, title="Group 1", **DAYS)
    assert session.items() >= {
        "project_id": project["id"], "client_id": project["client_id"], "title": "Group 1", "status": "planned",
        "currency": "EUR", "total_cost_cents": 0, "total_vat_cents": 0, "training_count": 0, "version": 1}.items()
    assert session.items() >= DAYS.items()
    assert operator.read(path_of(session)) == session


def test_ses_1_an_end_before_the_start_is_refused(admin, project, session):
    """SES-1: end ≥ start, in a new session and in a changed one."""
    body = {"title": "S", "start_date": "2026-12-02", "end_date": "2026-12-01"}
    assert pointers(admin.post(f"/v1/projects/{project['id']}/sessions", body)) == ["/end_date"]
    assert pointers(admin.patch(path_of(session), {"start_date": "2026-12-05"})) == ["/end_date"]
    assert pointers(admin.patch(path_of(session), {"end_date": "2026-11-30"})) == ["/end_date"]
    one_day = {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-01"}
    assert admin.create(f"/v1/projects/{project['id']}/sessions", one_day)["end_date"] == "2026-12-01"


@pytest.mark.parametrize("field", ["total_cost_cents", "total_vat_cents", "training_count", "status"])
def test_ses_1_what_is_computed_is_never_accepted(admin, project, session, field):
    """SES-1: totals and state are ours, in a new session and in a changed one."""
    value = "completed" if field == "status" else 5
    body = {"title": "S", **DAYS, field: value}
    assert admin.post(f"/v1/projects/{project['id']}/sessions", body).status_code in (400, 422)
    said = problem(admin.patch(path_of(session), {field: value}), 422, "invalid")
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [(f"/{field}", "immutable")]


@pytest.mark.parametrize("body, culprits", [
    ({}, ["/title", "/start_date", "/end_date"]),
    ({"title": "", "start_date": "2026-02-30", "end_date": "01/12/2026"}, ["/title", "/start_date", "/end_date"]),
    ({"title": "x" * 201, **DAYS}, ["/title"]),
])
def test_ses_1_every_violation_is_told(admin, stack, project, body, culprits):
    """SES-1: all missing and malformed fields at once; nothing is stored."""
    before = facts(stack, "sessions")
    assert pointers(admin.post(f"/v1/projects/{project['id']}/sessions", body)) == culprits
    assert facts(stack, "sessions") == before


@pytest.mark.parametrize("way", [
    ["complete"], ["cancel"], ["complete", "reopen"], ["complete", "reopen", "cancel"], ["complete", "reopen", "complete"],
])
def test_ses_1_states_that_follow_each_other(admin, session, way):
    """SES-1: planned → completed or cancelled; completed → planned."""
    reached = {"complete": "completed", "cancel": "cancelled", "reopen": "planned"}
    for step, action in enumerate(way):
        now = admin.act(path_of(session, action))
        assert (now["status"], now["version"]) == (reached[action], step + 2)


@pytest.mark.parametrize("way, action", [
    ([], "reopen"), (["complete"], "complete"), (["complete"], "cancel"), (["cancel"], "complete"),
    (["cancel"], "cancel"), (["cancel"], "reopen"),
])
def test_ses_1_states_that_do_not_follow(admin, stack, session, way, action):
    """SES-1: every other change of state is 409 and changes nothing."""
    for step in way:
        admin.act(path_of(session, step))
    refused(stack, "sessions", lambda: admin.post(path_of(session, action)), 409, "wrong_state")


def test_ses_1_unknown_ids(admin, session):
    """SES-1: an unknown id in the path is 404."""
    nowhere = str(uuid.uuid4())
    problem(admin.get(f"/v1/sessions/{nowhere}"), 404, "not_found")
    problem(admin.patch(f"/v1/sessions/{nowhere}", {"title": "S"}), 404, "not_found")
    problem(admin.delete(f"/v1/sessions/{nowhere}"), 404, "not_found")
    problem(admin.post(f"/v1/sessions/{nowhere}/complete"), 404, "not_found")
    problem(admin.get(f"/v1/sessions/{nowhere}/trainings"), 404, "not_found")
    problem(admin.post(f"/v1/sessions/{nowhere}/trainings", TRAINING), 404, "not_found")
    problem(admin.get(f"/v1/projects/{nowhere}/sessions"), 404, "not_found")
    problem(admin.post(f"/v1/projects/{nowhere}/sessions", {"title": "S", **DAYS}), 404, "not_found")
    problem(admin.get(f"/v1/trainings/{nowhere}"), 404, "not_found")
    problem(admin.delete(f"/v1/trainings/{nowhere}"), 404, "not_found")


def test_ses_1_a_stale_if_match_changes_nothing(admin, stack, session):
    """SES-1: 412 on PATCH, action and DELETE once the session has changed."""
    etag = admin.get(path_of(session)).headers["ETag"]
    admin.change(path_of(session), {"title": "Group 2"}, if_match=etag)
    for act in (lambda: admin.patch(path_of(session), {"title": "Group 3"}, if_match=etag),
                lambda: admin.post(path_of(session, "complete"), if_match=etag),
                lambda: admin.delete(path_of(session), if_match=etag)):
        refused(stack, "sessions", act, 412, "precondition_failed")


def test_ses_1_lists_are_filtered_and_newest_first(admin, project):
    """SES-1: by project, state and first day, both ends included."""
    first, second, third = (new_session(admin, project, start_date=day, end_date="2026-12-31")
                            for day in ("2026-12-01", "2026-12-02", "2026-12-03"))
    admin.act(path_of(second, "cancel"))

    def listed(path, **query):
        return [entry["id"] for entry in admin.read(path, **query)["sessions"]]
    own = f"/v1/projects/{project['id']}/sessions"
    assert listed(own) == [third["id"], second["id"], first["id"]]
    assert listed(own, status="planned") == [third["id"], first["id"]]
    assert listed(own, **{"from": "2026-12-02", "to": "2026-12-03"}) == [third["id"], second["id"]]
    assert listed("/v1/sessions", project_id=project["id"], status="cancelled") == [second["id"]]
    page = admin.read(own, page_size=2)
    assert [entry["id"] for entry in page["sessions"]] == [third["id"], second["id"]]
    assert listed(own, page_size=2, page_token=page["next_page_token"]) == [first["id"]]


# ── trainings ───────────────────────────────────────────────────────────────────────────────────


def test_ses_2_totals_of_the_worked_example(admin, session):
    """SES-2, step 2: 3 000.00 at 2000 bp and 4 500.00 at 550 bp are 7 500.00 and 847.50 of VAT."""
    first = new_training(admin, session, 300_000, 2000)
    second = new_training(admin, session, 450_000, 550)
    assert (first["vat_cents"], second["vat_cents"]) == (60_000, 24_750)
    assert totals(admin, session) == (750_000, 84_750, 2)


def test_mon_3_vat_is_rounded_once_per_rate(admin, session):
    """MON-3: three times 1.22 at 5.5 % is 0.20, although each alone is 0.07."""
    trainings = [new_training(admin, session, 122, 550) for _ in range(3)]
    assert [training["vat_cents"] for training in trainings] == [7, 7, 7]
    assert totals(admin, session) == (366, 20, 3)


def test_ses_2_a_training_and_its_optional_parts(admin, session):
    """SES-2: everything given is kept; null clears what is optional."""
    parts = {"location": "Lyon", "trainers": ["Inès Moreau", "A \"B\" {C}, \\D"], "description": "Two days\nof it",
             "seats": 12}
    training = admin.create(path_of(session, "trainings"), TRAINING | parts)
    assert training.items() >= (TRAINING | parts).items()
    assert training["project_id"] == session["project_id"] and training["currency"] == "EUR"
    assert admin.read(f"/v1/trainings/{training['id']}") == training
    assert admin.read(path_of(session, "trainings"))["trainings"] == [training]
    cleared = admin.change(f"/v1/trainings/{training['id']}", {name: None for name in parts})
    assert cleared["trainers"] == [] and not {"location", "description", "seats"} & set(cleared)
    assert cleared["version"] == 2


@pytest.mark.parametrize("field, value", [
    ("cost_cents", -1), ("cost_cents", MONEY_MAX + 1), ("cost_cents", 2**63), ("cost_cents", 1.5), ("cost_cents", "1"),
    ("vat_rate_bp", -1), ("vat_rate_bp", 10_001), ("date", "2026-02-30"), ("date", "2026-11-30"),
    ("date", "2026-12-05"), ("title", ""), ("title", None), ("provider", "x" * 201), ("seats", 0), ("currency", "USD"),
    ("trainers", ["x"] * 51), ("trainers", "Inès"), ("vat_cents", 5), ("colour", "red"), ("title", "a\u0000b"),
])
def test_ses_2_what_a_training_cannot_be(admin, stack, session, field, value):
    """SES-2, MON-1, MON-4: refused at the door, in a new training and in a changed one; nothing changes."""
    training = new_training(admin, session, 1_000)
    before = facts(stack, "sessions")
    assert admin.post(path_of(session, "trainings"), TRAINING | {field: value}).status_code in (400, 422)
    assert admin.patch(f"/v1/trainings/{training['id']}", {field: value}).status_code in (400, 422)
    assert facts(stack, "sessions") == before


def test_ses_2_a_date_outside_the_sessions_is_422(admin, session):
    """SES-2: the first and the last day are inside, the days around them are not."""
    for day in (session["start_date"], session["end_date"]):
        new_training(admin, session, 0, date=day)
    for day in ("2026-11-30", "2026-12-05"):
        assert pointers(admin.post(path_of(session, "trainings"), TRAINING | {"date": day})) == ["/date"]


def test_mon_4_a_total_beyond_the_greatest_amount_is_422(admin, stack, session):
    """MON-4: the greatest amount is one, a cent more in the same session is refused and changes nothing."""
    training = new_training(admin, session, MONEY_MAX, 10_000)
    assert totals(admin, session) == (MONEY_MAX, MONEY_MAX, 1)
    before = facts(stack, "sessions")
    assert pointers(admin.post(path_of(session, "trainings"), TRAINING | {"cost_cents": 1})) == ["/cost_cents"]
    assert facts(stack, "sessions") == before
    admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": 0})


@pytest.mark.parametrize("action", ["complete", "cancel"])
def test_ses_2_trainings_are_frozen_unless_the_session_is_planned(admin, stack, session, action):
    """SES-2: adding, changing, moving, removing are 409 in a completed and in a cancelled session."""
    training = new_training(admin, session, 1_000)
    other = new_session(admin, {"id": session["project_id"]}, **DAYS)
    elsewhere = new_training(admin, other, 1_000)
    admin.act(path_of(session, action))
    path = f"/v1/trainings/{training['id']}"
    for act in (lambda: admin.post(path_of(session, "trainings"), TRAINING),
                lambda: admin.patch(path, {"title": "T"}),
                lambda: admin.patch(path, {"session_id": other["id"]}),
                lambda: admin.patch(f"/v1/trainings/{elsewhere['id']}", {"session_id": session["id"]}),
                lambda: admin.delete(path),
                lambda: admin.patch(path_of(session), {"title": "S"})):
        refused(stack, "sessions", act, 409, "wrong_state")


def test_ses_2_totals_follow_every_change(admin, project, session):
    """SES-2, SES-1: change, move and removal show in the totals; the version is the session's own."""
    other = new_session(admin, project, start_date="2026-12-10", end_date="2026-12-11")
    training = new_training(admin, session, 1_000, 2000)
    etags = [admin.get(path_of(session)).headers["ETag"]]
    admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": 2_000, "vat_rate_bp": 1000})
    assert totals(admin, session) == (2_000, 200, 1)
    etags.append(admin.get(path_of(session)).headers["ETag"])
    moved = admin.change(f"/v1/trainings/{training['id']}", {"session_id": other["id"], "date": "2026-12-10"})
    assert moved["session_id"] == other["id"]
    assert totals(admin, session) == (0, 0, 0) and totals(admin, other) == (2_000, 200, 1)
    expect(admin.delete(f"/v1/trainings/{training['id']}"), 204)
    assert totals(admin, other) == (0, 0, 0)
    problem(admin.get(f"/v1/trainings/{training['id']}"), 404, "not_found")
    etags.append(admin.get(path_of(session)).headers["ETag"])
    assert len(set(etags)) == 3 and admin.read(path_of(session))["version"] == 1
    wait_for_budget(admin, project, consumed_cents=0)


def test_ses_2_a_training_moves_within_its_project_only(admin, stack, client, session):
    """SES-2: another project's session, another client's and an unknown one are 422, a date outside the new session's
    too; a session stays in its project."""
    training = new_training(admin, session, 1_000)
    other = new_project(admin, funded_client(admin))
    foreign = new_session(admin, new_project(admin, client), **DAYS)
    foreigner = new_session(admin, other, **DAYS)
    later = new_session(admin, {"id": session["project_id"]}, start_date="2026-12-10", end_date="2026-12-11")
    before = facts(stack, "sessions")
    path = f"/v1/trainings/{training['id']}"
    for named, code in ((foreign["id"], "mismatch"), (foreigner["id"], "mismatch"), (str(uuid.uuid4()), "unknown_reference")):
        [error] = problem(admin.patch(path, {"session_id": named}), 422, "invalid")["errors"]
        assert (error["pointer"], error["code"]) == ("/session_id", code)
    [error] = problem(admin.patch(path_of(session), {"project_id": other["id"]}), 422, "invalid")["errors"]
    assert (error["pointer"], error["code"]) == ("/project_id", "immutable")
    assert pointers(admin.patch(path, {"session_id": later["id"]})) == ["/date"]
    assert facts(stack, "sessions") == before


def test_ses_2_parallel_trainings_all_count(admin, session):
    """SES-2: twelve trainings added at once are all in the totals."""
    answers = at_once(lambda cost: admin.post(path_of(session, "trainings"), TRAINING | {"cost_cents": cost}),
                      list(range(1, 13)))
    assert {answer.status_code for answer in answers} == {201}
    assert totals(admin, session)[::2] == (78, 12)


def test_ses_2_moves_in_opposite_directions_both_happen(admin, project, session):
    """SES-2: locks are taken in one order, so that crossing moves don't wait for each other for ever."""
    other = new_session(admin, project, **DAYS)
    moves = [(new_training(admin, place, 10), target) for place, target in [(session, other), (other, session)] * 5]
    answers = at_once(lambda move: admin.patch(f"/v1/trainings/{move[0]['id']}", {"session_id": move[1]["id"]}), moves)
    assert {answer.status_code for answer in answers} == {200}
    assert totals(admin, session) == totals(admin, other) == (50, 10, 5)


def test_ses_2_a_stale_if_match_on_a_training(admin, stack, session):
    """SES-2: 412 on PATCH and DELETE once the training has changed."""
    training = new_training(admin, session, 1_000)
    etag = admin.get(f"/v1/trainings/{training['id']}").headers["ETag"]
    admin.change(f"/v1/trainings/{training['id']}", {"title": "T"}, if_match=etag)
    for act in (lambda: admin.patch(f"/v1/trainings/{training['id']}", {"title": "U"}, if_match=etag),
                lambda: admin.delete(f"/v1/trainings/{training['id']}", if_match=etag)):
        refused(stack, "sessions", act, 412, "precondition_failed")


# ── changing, deleting, completing ──────────────────────────────────────────────────────────────


def test_ses_3_shrinking_past_a_training_names_it(admin, stack, session):
    """SES-3: 409 naming the trainings that the new dates would leave out."""
    new_training(admin, session, 0, title="Opening day", date="2026-12-01")
    new_training(admin, session, 0, title="Middle", date="2026-12-02")
    said = refused(stack, "sessions", lambda: admin.patch(path_of(session), {"start_date": "2026-12-02"}), 409,
                   "trainings_left_out")
    assert "Opening day" in said["detail"] and "Middle" not in said["detail"]
    assert admin.change(path_of(session), {"end_date": "2026-12-02"})["end_date"] == "2026-12-02"


def test_ses_3_an_empty_planned_session_is_deleted(admin, session):
    """SES-3: 204, then it is gone."""
    expect(admin.delete(path_of(session)), 204)
    problem(admin.get(path_of(session)), 404, "not_found")


def test_ses_3_a_session_with_trainings_is_cancelled_instead(admin, stack, session):
    """SES-3: DELETE is 409; once its trainings are removed it goes."""
    training = new_training(admin, session, 1_000)
    refused(stack, "sessions", lambda: admin.delete(path_of(session)), 409, "session_has_trainings")
    expect(admin.delete(f"/v1/trainings/{training['id']}"), 204)
    expect(admin.delete(path_of(session)), 204)


@pytest.mark.parametrize("action", ["complete", "cancel"])
def test_ses_3_only_a_planned_session_is_deleted(admin, stack, session, action):
    """SES-3: a completed or cancelled one stays, even without trainings."""
    admin.act(path_of(session, action))
    refused(stack, "sessions", lambda: admin.delete(path_of(session)), 409, "wrong_state")


def test_ses_3_a_cancelled_session_keeps_what_it_would_have_cost(admin, project, session):
    """SES-3, BUD-5: its totals stay, the budget gets the money back."""
    new_training(admin, session, 1_000, 2000)
    wait_for_budget(admin, project, planned_cents=1_000)
    admin.act(path_of(session, "cancel"))
    assert totals(admin, session) == (1_000, 200, 1)
    wait_for_budget(admin, project, consumed_cents=0)


def test_ses_4_an_empty_or_future_session_can_be_completed(admin, project, session):
    """SES-4: neither trainings nor the calendar stand in the way; the history says what is odd, and only that."""
    def session_of(days):
        date = (datetime.date.today() + datetime.timedelta(days=days)).isoformat()
        made = new_session(admin, project, start_date=date, end_date=date)
        new_training(admin, made, 1_000)
        return made
    sessions = [session, session_of(400), session_of(-2)]
    for each in sessions:
        assert admin.act(path_of(each, "complete"))["status"] == "completed"

    def told():
        entries = admin.read(f"/v1/projects/{project['id']}/history", page_size=200)["history_entries"]
        summaries = {entry["subject_id"]: entry["summary"] for entry in entries if entry["type"] == "sessions.SessionCompleted"}
        return len(summaries) == len(sessions) and [summaries[each["id"]].partition("; ")[2] for each in sessions]
    assert wait_until(told) == ["it has no training and bills nothing", "before its last day", ""]


def test_ses_5_a_reopened_session_can_be_changed_again(admin, session):
    """SES-5: reopening thaws its trainings."""
    training = new_training(admin, session, 1_000)
    admin.act(path_of(session, "complete"))
    admin.act(path_of(session, "reopen"))
    assert admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": 5})["cost_cents"] == 5


# ── the seal ────────────────────────────────────────────────────────────────────────────────────


def close(admin, project):
    admin.act(f"/v1/projects/{project['id']}/close")
    return wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")


def test_bud_17_a_sealed_project_takes_no_more_work(admin, stack, project, session):
    """BUD-17: after the seal a new session and a reopening are 409."""
    admin.act(path_of(session, "complete"))
    close(admin, project)
    plan = {"title": "S", **DAYS}
    refused(stack, "sessions", lambda: admin.post(f"/v1/projects/{project['id']}/sessions", plan), 409, "wrong_state")
    refused(stack, "sessions", lambda: admin.post(path_of(session, "reopen")), 409, "project_sealed")


def test_bud_17_the_seal_comes_after_all_of_the_projects_work(admin, stack, project, session):
    """BUD-17: in the stream of sessions nothing of the project follows ProjectSealed."""
    new_training(admin, session, 1_000)
    admin.act(path_of(session, "complete"))
    close(admin, project)
    types = [kind for (kind,) in stack.query(
        "select type from sessions.event_log where project = %s order by sequence", project["id"])]
    assert types == ["sessions.SessionPlanned", "sessions.TrainingAdded", "sessions.SessionCompleted",
                     "sessions.ProjectSealed"]


def test_bud_17_sessions_planned_while_the_project_closes(admin, project):
    """BUD-17: in a race either the session was first and the project is open again, or it was refused."""
    def act(number):
        if number == 4:
            return admin.post(f"/v1/projects/{project['id']}/close")
        return admin.post(f"/v1/projects/{project['id']}/sessions", {"title": "S", **DAYS})
    answers = at_once(act, list(range(8)))
    made = [answer for number, answer in enumerate(answers) if number != 4 and answer.status_code == 201]

    def settled():
        status = admin.read(f"/v1/projects/{project['id']}")["status"]
        return status if status != "closing" else None
    planned = admin.read(f"/v1/projects/{project['id']}/sessions", status="planned")["sessions"]
    assert wait_until(settled) == ("open" if made or answers[4].status_code == 409 else "closed")
    assert len(planned) == len(made)
    assert {answer.status_code for answer in answers} <= {200, 201, 409}


# ── personal data ───────────────────────────────────────────────────────────────────────────────


def test_acc_3_archiving_a_client_erases_the_trainers(admin, stack):
    """ACC-3: their names are in no event_log row, and go with the client."""
    name = f"Trainer {uuid.uuid4()}"
    client = new_client(admin)
    given = credit(admin, client, 1_000)
    project = new_project(admin, client, 0, auto_funding_call=False)
    session = new_session(admin, project, **DAYS)
    training = new_training(admin, session, 0, trainers=[name])

    def kept(table):
        return stack.query(f"select 1 from sessions.{table} where position(convert_to(%s, 'UTF8') in payload) > 0", name)
    wait_until(lambda: stack.query("select 1 from sessions.event_log where subject = %s", training["id"]))
    assert kept("event_log") == [] and len(kept("event_personal")) == 1
    admin.act(path_of(session, "complete"))
    close(admin, project)
    admin.create(f"/v1/clients/{client['id']}/envelope/credits", {"amount_cents": 1_000, "reverses": given["id"]})
    wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code == 204)
    wait_until(lambda: admin.read(f"/v1/trainings/{training['id']}")["trainers"] == [])
    wait_until(lambda: kept("event_personal") == [])
