# SPDX-License-Identifier: Apache-2.0
"""Events that could not be applied: administrators see them, have them tried again in their order, or give them up."""
import contextlib
import json
import uuid

import pytest
from client import pointers, problem, wait_until
from facts import facts, wait_until_settled
from factory import funded_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from interference import child, held, refusing, refusing_for_now, stopped

QUEUE = "/v1/ops/parked-events"
# What passes by itself: rollbacks, locks, time limits, shutdowns, lack of room, a standby, lost connections, the disk.
TRANSIENT = ("40001", "40P01", "40003", "55P03", "57014", "25P03", "57P01", "57P02", "57P03", "53000", "53100", "53200",
             "53300", "25006", "08006", "58030")
ATTEMPTS_MAX = 3
REASON = "The seal is asked for again later."


def parked(admin, project, service="sessions"):
    """The parked events of a project in one service, in the order of the queue."""
    listed = admin.read(QUEUE, service=service, page_size=200)["parked_events"]
    return [event for event in listed if event.get("project_id") == project["id"]]


def place(event):
    return f"{QUEUE}/{event['service']}/{event['id']}"


@contextlib.contextmanager
def no_seal(stack, project):
    """Sessions can't seal this project."""
    with refusing(stack, "sessions.project_seal", f"new.project_id = '{project['id']}'", "23514"):
        yield


@contextlib.contextmanager
def no_posting(stack, project):
    """Budgeting can't post anything for this project."""
    with refusing(stack, "budgeting.ledger_transaction", f"new.project_id = '{project['id']}'", "23514"):
        yield


def park_closing(stack, admin, project):
    """The parked ProjectClosing of a project that is being closed; sessions could seal it now."""
    with no_seal(stack, project):
        admin.act(f"/v1/projects/{project['id']}/close")
        return wait_until(lambda: parked(admin, project))[0]


@pytest.fixture
def project(admin):
    return new_project(admin, funded_client(admin), auto_funding_call=False)


@pytest.fixture
def closing(stack, admin, project):
    return park_closing(stack, admin, project)


@contextlib.contextmanager
def unchanged(stack, *services):
    """Neither the queue nor, in these services, anything else changes."""
    def state():
        rows = {service: stack.query(f"select p::text from {service}.parked_event p order by position")
                for service in ("budgeting", "sessions")}
        return rows, [facts(stack, service) for service in services]
    before = state()
    yield
    assert state() == before


def entries(admin, event):
    """What the audit log says about a parked event."""
    return admin.read("/v1/audit-entries", subject_id=event["id"])["audit_entries"]


def change(entry, field):
    return next(json.loads(change["after"]) for change in entry["changes"] if change["field"] == field)


def test_a_parked_event_is_listed(closing, project):
    """What it is, where it comes from, what went wrong."""
    assert closing["type"] == "budgeting.ProjectClosing" and closing["producer"] == "budgeting"
    assert (closing["service"], closing["status"], closing["attempts"]) == ("sessions", "failed", 3)
    assert (closing["project_id"], closing["client_id"]) == (project["id"], project["client_id"])
    assert closing["sequence"] > 0 and closing["reason"] and closing["parked_at"]


def test_bud_17_skipping_a_parked_closing_reopens_the_project(admin, closing, project):
    """BUD-17: it answers ProjectSealRefused, reason skipped; the project is open again, operators are alerted, and the
    audit log says who gave the event up and why."""
    skipped = admin.act(f"{place(closing)}/skip", {"reason": REASON})
    assert skipped["id"] == closing["id"]
    wait_for_status(admin, f"/v1/projects/{project['id']}", "open")
    assert parked(admin, project) == []

    def alerted():
        return [alert for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
                if (alert["kind"], alert.get("project_id")) == ("project_reopened", project["id"])]
    assert [alert["audience"] for alert in wait_until(alerted)] == ["operators"]
    entry = wait_until(lambda: entries(admin, closing))[0]
    assert entry["type"] == "ops.ParkedEventSkipped"
    assert (entry["actor"]["id"], entry["actor"]["role"]) == (admin.user["id"], "admin")
    assert change(entry, "reason") == REASON

    def refusals():
        return [entry for entry in admin.read("/v1/audit-entries", subject_id=project["id"])["audit_entries"]
                if entry["type"] == "sessions.ProjectSealRefused"]
    refusal, = wait_until(refusals)
    assert refusal["actor"]["kind"] == "service" and change(refusal, "reason") == "skipped"


def test_bud_17_a_closing_that_was_skipped_can_be_asked_for_again(admin, closing, project):
    """Nothing of the skipped event stays in the way."""
    admin.act(f"{place(closing)}/skip", {"reason": REASON})
    wait_for_status(admin, f"/v1/projects/{project['id']}", "open")
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")


def test_a_parked_event_is_retried(admin, closing, project):
    """Once what was wrong is mended it takes effect as if it had come only now; the audit log says who asked."""
    retried = admin.post(f"{place(closing)}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "retrying")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    assert parked(admin, project) == []
    entry = wait_until(lambda: entries(admin, closing))[0]
    assert (entry["type"], entry["actor"]["id"]) == ("ops.ParkedEventRetried", admin.user["id"])


def test_a_retry_that_fails_leaves_the_event_parked(stack, admin, closing, project):
    """It is tried once more each time, and says what went wrong."""
    with no_seal(stack, project):
        admin.post(f"{place(closing)}/retry")
        wait_until(lambda: parked(admin, project)[0]["status"] == "failed")
    again, = parked(admin, project)
    assert again["attempts"] == closing["attempts"] + 1 and again["position"] == closing["position"]


@pytest.fixture
def queue(stack, admin, project):
    """Three parked events of one project in budgeting: the first failed, the others came after it."""
    session = new_session(admin, project)
    with no_posting(stack, project):
        new_training(admin, session, 300_00)
        wait_until(lambda: parked(admin, project, "budgeting"))
        new_training(admin, session, 200_00)
        new_training(admin, session, 100_00)
        wait_until(lambda: len(parked(admin, project, "budgeting")) == 3)
    return parked(admin, project, "budgeting")


def test_the_queue_is_worked_off_in_order(stack, admin, queue, project):
    """Only the first can be retried or skipped; what waits behind it follows by itself, in order."""
    assert [event["status"] for event in queue] == ["failed", "behind", "behind"]
    assert sorted(event["position"] for event in queue) == [event["position"] for event in queue]
    for operation, body in (("retry", None), ("skip", {"reason": REASON})):
        with unchanged(stack, "budgeting"):
            said = problem(admin.post(f"{place(queue[1])}/{operation}", body), 409, "not_first_in_queue")
        assert queue[0]["id"] in said["detail"] and queue[0]["type"] in said["detail"]
    admin.post(f"{place(queue[0])}/retry")
    wait_for_budget(admin, project, planned_cents=600_00)
    assert parked(admin, project, "budgeting") == []
    posted = stack.query("select e.amount_cents from budgeting.ledger_transaction t join budgeting.ledger_entry e "
                         "on e.transaction_id = t.id and e.account = 'planned' where t.project_id = %s "
                         "order by t.recorded_at", project["id"])
    assert posted == [(300_00,), (200_00,), (100_00,)]


def test_what_stood_behind_a_skipped_event_follows(admin, queue, project):
    """The skipped training is missing from the budget, the later ones are there."""
    admin.act(f"{place(queue[0])}/skip", {"reason": "The training was entered twice."})
    wait_for_budget(admin, project, planned_cents=300_00)
    assert parked(admin, project, "budgeting") == []


def test_the_next_that_fails_holds_the_queue(stack, admin, queue, project):
    """What stood behind is tried in its turn; the first that fails stops those after it."""
    with no_posting(stack, project):
        admin.act(f"{place(queue[0])}/skip", {"reason": REASON})
        wait_until(lambda: [event["status"] for event in parked(admin, project, "budgeting")] == ["failed", "behind"])


def test_an_event_that_comes_with_the_retry_stays_behind(stack, admin, queue, project):
    """What arrives in the same moment does not overtake the queue."""
    with stopped(child(stack, "budgeting", "courier")):
        admin.post(f"{place(queue[0])}/retry")
        session = admin.read(f"/v1/projects/{project['id']}/sessions")["sessions"][0]
        new_training(admin, session, 50_00)
    wait_for_budget(admin, project, planned_cents=650_00)


def test_an_event_without_a_project_holds_up_its_client(stack, admin, project):
    """A parked event of a client holds up what comes later for the client, of whichever project and stream; others' goes
    on. Retried, it and what stood behind it follow in order."""
    client = project["client_id"]
    session, elsewhere = new_session(admin, project), new_project(admin, funded_client(admin), auto_funding_call=False)
    wait_until_settled(stack)
    with refusing(stack, "budgeting.client", f"new.id = '{client}'", "23514"):
        admin.change(f"/v1/clients/{client}", {"name": "Renamed (fictitious)"})

        def queue():
            return [event for event in admin.read(QUEUE, service="budgeting", page_size=200)["parked_events"]
                    if event.get("client_id") == client]
        wait_until(queue)
        new_training(admin, session, 300_00)
        new_training(admin, new_session(admin, elsewhere), 200_00)
        wait_for_budget(admin, elsewhere, planned_cents=200_00)
        first, second = wait_until(lambda: len(queue()) == 2 and queue())
    assert (first["type"], first["status"], second["status"]) == ("accounts.ClientUpdated", "failed", "behind")
    assert "project_id" not in first and second["project_id"] == project["id"] and second["producer"] == "sessions"
    problem(admin.post(f"{place(second)}/retry"), 409, "not_first_in_queue")
    admin.post(f"{place(first)}/retry")
    wait_for_budget(admin, project, planned_cents=300_00)
    assert queue() == []
    assert stack.query("select name from budgeting.client where id = %s", client) == [("Renamed (fictitious)",)]


# ── what is never parked ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sqlstates", [TRANSIENT[i:i + 4] for i in range(0, len(TRANSIENT), 4)])
def test_what_passes_by_itself_is_not_parked(stack, admin, sqlstates):
    """An event that the database refuses for the moment is tried again, more often than one that fails for good."""
    client = funded_client(admin)
    services = ("budgeting", "funding", "invoicing", "notifications")
    with contextlib.ExitStack() as meanwhile:
        tries = [meanwhile.enter_context(refusing_for_now(stack, f"{service}.client", f"new.id = '{client['id']}'",
                                                          sqlstate, ATTEMPTS_MAX))
                 for service, sqlstate in zip(services, sqlstates)]
        renamed = admin.change(f"/v1/clients/{client['id']}", {"name": "Renamed (fictitious)"})
        for service in services:
            wait_until(lambda service=service: stack.query(
                f"select 1 from {service}.client where id = %s and version = %s", client["id"], renamed["version"]))
        assert all(count() > ATTEMPTS_MAX for count in tries)
    assert [service for service in services if stack.query(
        f"select 1 from {service}.parked_event where client = %s", client["id"])] == []


def test_an_event_that_is_cut_off_again_and_again_is_applied_in_the_end(stack, admin, project):
    """While a stranger holds a lock, the courier's statements are cancelled, its sessions ended, its patience exhausted:
    the event takes effect once, when the lock is gone, and is never parked."""
    session = new_session(admin, project)

    def refusals():
        return stack.log("budgeting").count("were not applied")
    with held(stack, "select from budgeting.project where id = %s for update", project["id"]) as wait_for:
        training = new_training(admin, session, 300_00)
        for cut_off in ("pg_cancel_backend(pid)", "pg_terminate_backend(pid)", "pg_cancel_backend(pid)", "1"):
            before = refusals()
            wait_for("budgeting")
            stack.query(f"select {cut_off} from pg_stat_activity where usename = 'budgeting' and wait_event_type = 'Lock'")
            wait_until(lambda before=before: refusals() > before)
    wait_for_budget(admin, project, planned_cents=300_00)
    assert parked(admin, project, "budgeting") == []
    assert stack.query("select count(*) from budgeting.ledger_transaction where reference = %s and kind = 'training_added'",
                       training["id"]) == [(1,)]


# ── who may ─────────────────────────────────────────────────────────────────────────────────────


def test_parked_events_are_for_administrators(stack, operator, closing):
    """An operator neither sees nor moves them (ACC-6)."""
    with unchanged(stack):
        for answer in (operator.get(QUEUE), operator.post(f"{place(closing)}/retry"),
                       operator.post(f"{place(closing)}/skip", {"reason": REASON})):
            problem(answer, 403, "forbidden")


def test_a_parked_event_that_is_not_there(stack, admin, closing):
    """An unknown event and an unknown service are 404; nothing changes."""
    with unchanged(stack, "sessions"):
        for service, event in (("sessions", uuid.uuid4()), ("funding", closing["id"]), ("nowhere", closing["id"]),
                               ("sessions", "x")):
            for operation, body in (("retry", None), ("skip", {"reason": REASON})):
                problem(admin.post(f"{QUEUE}/{service}/{event}/{operation}", body), 404, "not_found")
    assert pointers(admin.get(QUEUE, service="nowhere")) == ["/service"]


def test_skipping_needs_a_reason(stack, admin, closing):
    """Without a reason nothing is skipped."""
    with unchanged(stack, "sessions"):
        assert pointers(admin.post(f"{place(closing)}/skip", {})) == ["/reason"]


def test_a_dry_run_of_a_skip_tells_what_would_follow(stack, admin, closing):
    """The service's own answer is among the events, and nothing happens."""
    with unchanged(stack, "sessions"):
        said = admin.act(f"{place(closing)}/skip", {"reason": REASON}, headers={"Prefer": "dry-run"})
    assert [event["type"] for event in said["events"]] == ["sessions.ProjectSealRefused", "ops.ParkedEventSkipped"]


def test_the_list_of_all_services_is_merged_and_bounded(stack, admin, queue):
    """Each service gives its oldest; one that has more is named, and read alone page by page."""
    closing = park_closing(stack, admin, new_project(admin, funded_client(admin)))
    merged = admin.read(QUEUE, page_size=1)
    assert [event["service"] for event in merged["parked_events"]].count("budgeting") == 1
    assert "budgeting" in merged["more_in"] and "next_page_token" not in merged
    assert {"budgeting", "sessions"} <= {event["service"] for event in merged["parked_events"]}
    first = admin.read(QUEUE, service="budgeting", page_size=1)
    second = admin.read(QUEUE, service="budgeting", page_size=1, page_token=first["next_page_token"])
    assert second["parked_events"][0]["position"] > first["parked_events"][0]["position"]
    assert pointers(admin.get(QUEUE, page_token=first["next_page_token"])) == ["/page_token"]
    assert {queue[0]["id"], closing["id"]} <= {event["id"] for event in admin.read(QUEUE, page_size=200)["parked_events"]}


def test_a_service_that_does_not_answer_is_said(stack, admin, closing):
    """The others' events are listed all the same."""
    with stopped(child(stack, "funding", "leaf")):
        listed = wait_until(lambda: (answer := admin.read(QUEUE, page_size=200))["unanswered"] == ["funding"] and answer)
    assert closing["id"] in [event["id"] for event in listed["parked_events"]]
