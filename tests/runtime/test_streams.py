# SPDX-License-Identifier: Apache-2.0
"""What becomes of a stream that is no longer what its consumers had read: adopted where it goes on from there, stopped
where it does not; what is lost in masses is asked for, by all at once and in pages."""
import contextlib
import itertools
import math
import re

import pytest
from client import Client, wait_until
from facts import wait_until_settled
from factory import funded_client, new_project, new_session, new_training
from interference import child, down, kill, refusing, stopped, without_broker
from streams import (SERVICES, assert_chains, begin_epoch, costs_posted, cursor, followers, head, log, published, set_back,
                     tell_budgeting_something_else, wait_until_posted, wire)

WAIT_ALARM_MS = 1000
PAGE_EVENTS = 1000  # EVENTS_PAGE_MAX
SUBSCRIBER_MESSAGES = 500  # DOOR_PUBLICATIONS_MAX, at the broker and again at the subscriber


@pytest.fixture(scope="module")
def stack(start_stack):
    """A stack of these tests' own: they rewrite its logs."""
    running = start_stack(environment={"ESCARCELLE_WAIT_ALARM_MS": str(WAIT_ALARM_MS), "ESCARCELLE_LOG_LEVEL": "debug"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(stack):
    return Client(stack).log_in(stack.email, stack.password)


@pytest.fixture
def project(admin):
    return new_project(admin, funded_client(admin), auto_funding_call=False)


@pytest.fixture
def session(admin, project):
    return new_session(admin, project)


@pytest.fixture(autouse=True)
def settled(stack):
    """Every test ends with all events applied by all who follow them, on whole chains."""
    yield
    wait_until_settled(stack)
    assert_chains(stack)


def streams_of(admin, service):
    """What /v1/ops/services says of the streams that a service follows for itself, by producer."""
    instances = admin.read("/v1/ops/services", service=service)["services"][0]["instances"]
    return {stream["producer"]: stream for each in instances for stream in each.get("streams", [])
            if stream["consumer"] == "main"}


def check_of_streams(admin, service):
    checks = admin.read("/v1/ops/services", service=service)["services"][0]["checks"]
    return next(check for check in checks if check["name"] == "streams")


def alert(admin, kind, *words):
    """The alert of a kind that says all these words; it is for administrators only."""
    def told():
        return [alert for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
                if alert["kind"] == kind and all(word in alert["summary"] for word in words)]
    found, = wait_until(told)
    assert found["audience"] == "administrators"
    return found


def assert_stopped(stack, admin, service, place, why):
    """Log, /v1/ops/services and an alert say that the stream of sessions is stopped, why, and what to do."""
    remedy = ("restore the schemas of both services to the same moment", f"start {service} again")
    line = f"the stream of sessions (main) is stopped behind {place}: {why}"
    wait_until(lambda: line in stack.log(service))
    said = next(text for text in stack.log(service).splitlines() if line in text)
    assert all(word in said for word in remedy)
    wait_until(lambda: streams_of(admin, service).get("sessions", {}).get("stopped") == why)
    check = check_of_streams(admin, service)
    assert not check["ok"] and all(word in check["detail"] for word in (why, *remedy))
    alert(admin, "stream_stopped", f"stopped in {service}", why, *remedy)


@contextlib.contextmanager
def started_again(stack, *services):
    """Their couriers know nothing of what is changed meanwhile."""
    yield
    for service in services:
        kill(stack, service, "courier")


def cursors_of(stack, service):
    """How far a service has read the stream of sessions, for whatever use."""
    return {sequence for (sequence,) in stack.query(
        f"select sequence from {service}.stream_cursor where producer = 'sessions'")}


# ── a new epoch ─────────────────────────────────────────────────────────────────────────────────


def test_a_new_epoch_is_adopted_where_it_goes_on(stack, admin, project, session):
    """Whoever had read up to the restored place, or less, goes on; nobody stops."""
    wait_until_settled(stack)
    trainings = []
    with stopped(child(stack, "budgeting", "courier")):
        trainings.append(new_training(admin, session, 100_00))
        wait_until(lambda: not stack.query("select 1 from sessions.outbox"))
        place = begin_epoch(stack, "sessions")
        trainings.append(new_training(admin, session, 200_00))
    wait_until_posted(stack, project, trainings)
    wait_until_settled(stack)
    newest = log(stack, "sessions")[-1]["epoch"]
    assert log(stack, "sessions")[place]["epoch"] == newest
    for service in followers(stack, "sessions"):
        assert stack.query(f"select distinct epoch from {service}.stream_cursor where producer = 'sessions'") == [(newest,)]
        assert "is stopped" not in stack.log(service)


def test_a_new_epoch_that_lost_what_was_applied_stops_the_stream(stack, admin, project, session):
    """Who had applied more than is left stops that stream, says what to do, and goes on with others; who had not goes on,
    applies what follows from the lost event, and tells of it. Set back to the same moment, all go on."""
    wait_until_settled(stack)
    behind = [service for service in followers(stack, "sessions") if service != "notifications"]
    with down(stack, "notifications"):
        new_training(admin, session, 100_00)
        wait_until(lambda: stack.query("select 1 from sessions.outbox") == [] and all(
            cursors_of(stack, service) == {head(stack, "sessions")} for service in behind))
        place = begin_epoch(stack, "sessions", lost=1)
    lost = place + 1
    assert_stopped(stack, admin, "budgeting", lost, "the producer was restored to a place before what was already applied")
    later = new_project(admin, {"id": project["client_id"]}, 0)
    wait_until(lambda: stack.query("select 1 from notifications.project where id = %s", later["id"]))
    tell_budgeting_something_else(stack, admin, project)
    alert(admin, "events_lost", "notifications applied an event of budgeting",
          f"sessions:{log(stack, 'sessions')[-1]['epoch']}:{lost}", "compare what both services hold")
    assert "was lost when sessions was restored" in stack.log("notifications")
    training = new_training(admin, session, 200_00)
    wait_until(lambda: cursor(stack, "notifications", "sessions") == head(stack, "sessions"))
    assert training["id"] not in [reference for reference, _ in costs_posted(stack, project)]
    with stopped(*(child(stack, service, "courier") for service in behind)):
        for service in behind:
            set_back(stack, service, "sessions", place)
        with started_again(stack, *behind):
            pass
    wait_until(lambda: training["id"] in [reference for reference, _ in costs_posted(stack, project)])


# ── the same epoch, another chain ───────────────────────────────────────────────────────────────


def test_a_head_behind_the_cursor_stops_the_stream(stack, admin, project, session):
    """A producer that was put back without a new epoch is found out by its heartbeat, though nothing follows."""
    wait_until_settled(stack)
    new_training(admin, session, 100_00)
    wait_until_settled(stack)
    place = head(stack, "sessions")
    with stopped(child(stack, "sessions", "courier")):
        stack.query("create table sessions.set_aside as select * from sessions.event_log order by sequence desc limit 1")
        stack.query("delete from sessions.event_log where sequence = %s", place)
        stack.query("update sessions.stream_head h set sequence = l.sequence, hash = l.hash from sessions.event_log l "
                    "where l.sequence = %s", place - 1)
    assert_stopped(stack, admin, "budgeting", place, "the producer's stream ends before what was already applied")
    tell_budgeting_something_else(stack, admin, project)
    with stopped(child(stack, "sessions", "courier")):
        stack.query("insert into sessions.event_log select * from sessions.set_aside")
        stack.query("update sessions.stream_head h set sequence = l.sequence, hash = l.hash from sessions.set_aside l")
        stack.query("drop table sessions.set_aside")
    with started_again(stack, *followers(stack, "sessions")):
        pass


def test_a_broken_hash_stops_the_stream(stack, admin, project, session):
    """An event that was changed in its producer's log is not applied, nor is anything behind it; mended, it is."""
    wait_until_settled(stack)
    with down(stack, "budgeting"):
        trainings = [new_training(admin, session, 100_00 + number) for number in range(2)]
        wait_until(lambda: not stack.query("select 1 from sessions.outbox"))
        place = head(stack, "sessions") - 1
        [(payload,)] = stack.query("select payload from sessions.event_log where sequence = %s", place)
        stack.query("update sessions.event_log set payload = payload || '\\x00' where sequence = %s", place)
    assert_stopped(stack, admin, "budgeting", place - 1, "an event does not match its hash")
    tell_budgeting_something_else(stack, admin, project)
    assert costs_posted(stack, project) == []
    stack.query("update sessions.event_log set payload = %s where sequence = %s", payload, place)
    with started_again(stack, "budgeting"):
        pass
    wait_until_posted(stack, project, trainings)


# ── in masses ───────────────────────────────────────────────────────────────────────────────────


def multiply(stack, service, copies):
    """Copies of a service's last event that nobody reacts to, in its outbox."""
    stack.query(f"""
        insert into {service}.outbox (event_id, type, subject, client, project, applied, actor, payload)
        select gen_random_uuid(), type, subject, client, project, '', actor, payload
        from (select * from {service}.event_log where type = any(%s) order by sequence desc limit 1) last,
        generate_series(1, %s)""", ["accounts.LoggedIn", "budgeting.EnvelopeCredited"], copies)


def questions(stack, service):
    """After which places of which streams a service has asked so far."""
    return [(producer, int(place)) for producer, place in re.findall(
        r"asking (\w+) for its events behind (\d+) ", stack.log(service))]


def test_all_ask_at_once_after_the_broker_was_away(stack, admin):
    """Thousands of events of two producers that nobody heard of are asked for by all six services, page by page: hardly
    more questions than there are pages, whatever heads and events come meanwhile, and no page of more than its bound."""
    copies = 1500
    funded_client(admin)
    Client(stack).log_in(stack.email, stack.password)
    wait_until_settled(stack)
    asked_before = {service: len(questions(stack, service)) for service in SERVICES}
    heads = {producer: head(stack, producer) for producer in ("accounts", "budgeting")}
    with without_broker(stack):
        for producer in heads:
            multiply(stack, producer, copies)
            wait_until(lambda producer=producer: not stack.query(f"select 1 from {producer}.outbox"))
    wait_until_settled(stack)
    pages = math.ceil(copies / PAGE_EVENTS)
    for service in SERVICES:
        asked = questions(stack, service)[asked_before[service]:]
        for producer, begin in heads.items():
            if service in followers(stack, producer) and service != producer:
                places = [place for asked_of, place in asked if asked_of == producer]
                assert begin in places and pages <= len(places) <= 3 * pages + 2
                assert all(later - place <= PAGE_EVENTS for place, later in itertools.pairwise(places))


def heard_by(listener):
    """What a listener finds in its buffers that read nothing since it was connected; it ends with a mark."""
    heard, mark = [], b"the end"

    def ended():
        listener.said.send_multipart([f"{listener.program}:E".encode(), mark])
        while listener.heard.poll(100) and mark not in heard[-1:]:
            heard.append(listener.heard.recv_multipart()[1])
        return heard[-1:] == [mark]
    wait_until(ended)
    return heard


def test_a_receive_buffer_that_overflows_is_made_good(stack, admin, project, session):
    """A consumer that sleeps while more is published than any buffer holds asks for what was dropped: all that follows
    the place where it fell asleep."""
    wait_until_settled(stack)
    old, asked_before = log(stack, "sessions")[-1], len(questions(stack, "budgeting"))
    flood = published(old)
    with wire(stack, "sessions") as sessions, wire(stack, "sessions") as idle:
        idle.publish(b"connected")
        with stopped(child(stack, "budgeting", "courier")):
            sessions.flood(flood, 10 * SUBSCRIBER_MESSAGES)
            trainings = [new_training(admin, session, 100_00 + number) for number in range(3)]
            wait_until(lambda: cursor(stack, "invoicing", "sessions") == head(stack, "sessions") >= old["sequence"] + 3)
            # It has larger buffers than the courier, whose process could not even empty the kernel's.
            heard = heard_by(idle)
    wait_until_posted(stack, project, trainings)
    assert heard.count(flood) < 10 * SUBSCRIBER_MESSAGES
    assert not any(event["event_id"].encode() in body for event in log(stack, "sessions")[old["sequence"]:] for body in heard)
    assert ("sessions", old["sequence"]) in questions(stack, "budgeting")[asked_before:]


def test_what_the_database_refuses_for_long_is_told(stack, admin, project, session):
    """A lock that a stranger holds lets a stream stand still: administrators are told, nothing is parked."""
    with refusing(stack, "budgeting.ledger_transaction", f"new.project_id = '{project['id']}'", "55P03"):
        training = new_training(admin, session, 100_00)
        alert(admin, "stream_waiting", "stands still in budgeting", "goes on by itself")
        assert any("stands still behind" in line for line in stack.log("budgeting").splitlines())
    wait_until_posted(stack, project, [training])
    assert stack.query("select 1 from budgeting.parked_event") == []
