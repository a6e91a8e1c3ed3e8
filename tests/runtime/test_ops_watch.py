# SPDX-License-Identifier: Apache-2.0
"""NOT, last row: administrators are told of parked events and of streams that are stopped or wait too long."""
import pytest
from client import Client, expect, new_operator, wait_until
from facts import wait_until_settled
from factory import funded_client, new_client, new_project, new_session, new_training, wait_for_status
from interference import child, kill, refusing, stopped
from streams import head

WAIT_ALARM_MS = 1000


@pytest.fixture(scope="module")
def stack(start_stack):
    """A stack of these tests' own, where an event that waits for a second has waited long."""
    running = start_stack(environment={"ESCARCELLE_WAIT_ALARM_MS": str(WAIT_ALARM_MS)})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(stack):
    return Client(stack).log_in(stack.email, stack.password)


@pytest.fixture(scope="module")
def operator(stack, admin):
    return new_operator(stack, admin)


@pytest.fixture
def project(admin):
    return new_project(admin, funded_client(admin), auto_funding_call=False)


def alerts(caller, kind):
    return [alert for alert in caller.read("/v1/alerts", page_size=200)["alerts"] if alert["kind"] == kind]


def new_alert(caller, kind, known):
    """The alert of this kind that was not there before."""
    return wait_until(lambda: [alert for alert in alerts(caller, kind) if alert not in known])


def wait_until_asked_again(stack, service):
    """The service was asked twice from now on: what was wrong has been seen, or is over."""
    def asked():
        return stack.query("select ask_at from notifications.watched_service where service = %s", service)
    for _ in range(2):
        last = asked()
        wait_until(lambda last=last: asked() != last)


def park_closing(stack, admin, project):
    """The id of the parked ProjectClosing of a project."""
    with refusing(stack, "sessions.project_seal", f"new.project_id = '{project['id']}'", "23514"):
        admin.act(f"/v1/projects/{project['id']}/close")
        return wait_until(lambda: stack.query("select event_id::text from sessions.parked_event where project = %s",
                                              project["id"]))[0][0]


def test_administrators_are_told_of_a_parked_event(stack, admin, operator, project):
    """NOT: a parked event alerts administrators at once, and once."""
    event = park_closing(stack, admin, project)
    alert, = new_alert(admin, "event_parked", [])
    assert (alert["audience"], alert["severity"], alert["subject_id"]) == ("administrators", "critical", event)
    assert alert["project_id"] == project["id"]
    assert "budgeting.ProjectClosing" in alert["summary"] and "sessions" in alert["summary"]
    wait_until_asked_again(stack, "sessions")
    assert alerts(admin, "event_parked") == [alert]
    assert alerts(operator, "event_parked") == []
    expect(admin.post(f"/v1/ops/parked-events/sessions/{event}/retry"), 202)
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")


def test_a_retry_that_fails_is_told_again(stack, admin, project):
    """What is over and comes back is told anew."""
    known = alerts(admin, "event_parked")
    event = park_closing(stack, admin, project)
    first = new_alert(admin, "event_parked", known)
    with refusing(stack, "sessions.project_seal", f"new.project_id = '{project['id']}'", "23514"):
        with stopped(child(stack, "sessions", "courier")):
            expect(admin.post(f"/v1/ops/parked-events/sessions/{event}/retry"), 202)
            wait_until(lambda: stack.query("select 1 from notifications.trouble where key = %s", event) == [])
        again, = new_alert(admin, "event_parked", known + first)
    assert again["subject_id"] == event
    admin.act(f"/v1/ops/parked-events/sessions/{event}/skip", {"reason": "The test is over."})


def test_administrators_are_told_of_a_stopped_stream(stack, admin, operator, project):
    """NOT: a stream whose chain is broken is told once, and goes on when it is mended."""
    cursor = "stream_cursor where consumer = 'main' and producer = 'budgeting'"
    wait_until_settled(stack)
    (good,), = stack.query(f"select encode(hash, 'hex') from sessions.{cursor}")
    with stopped(child(stack, "sessions", "courier")):
        stack.query("update sessions.stream_cursor set hash = sha256(hash) "
                    "where consumer = 'main' and producer = 'budgeting'")
        kill(stack, "sessions", "courier")
    new_project(admin, {"id": project["client_id"]}, 0)
    alert, = new_alert(admin, "stream_stopped", [])
    assert alert["audience"] == "administrators" and "budgeting" in alert["summary"] and "sessions" in alert["summary"]
    assert alerts(operator, "stream_stopped") == []
    stack.query("update sessions.stream_cursor set hash = decode(%s, 'hex') "
                "where consumer = 'main' and producer = 'budgeting'", good)
    kill(stack, "sessions", "courier")
    wait_until(lambda: stack.query(f"select 1 from sessions.{cursor} and sequence = %s", head(stack, "budgeting")))
    wait_until(lambda: stack.query("select 1 from notifications.trouble") == [])
    assert alerts(admin, "stream_stopped") == [alert]


def test_administrators_are_told_of_a_stream_that_waits(stack, admin, operator, project):
    """NOT: an event that waits too long for another stream is told once."""
    session = new_session(admin, project)
    wait_until(lambda: stack.query("select 1 from sessions.outbox union all select 1 from accounts.outbox") == [])
    place = head(stack, "accounts") + 1
    with stopped(child(stack, "sessions", "courier")):
        new_training(admin, session, 300_00)
        stack.query("update sessions.outbox set applied = %s", f"accounts:1:{place}")
    alert = wait_until(lambda: [one for one in alerts(admin, "stream_waiting") if f"accounts:1:{place}" in one["summary"]])[0]
    assert alert["audience"] == "administrators"
    assert alerts(operator, "stream_waiting") == []
    new_client(admin)
    wait_until(lambda: stack.query("select 1 from notifications.trouble") == [])
    summaries = [alert["summary"] for alert in alerts(admin, "stream_waiting")]
    assert len(summaries) == len(set(summaries))
