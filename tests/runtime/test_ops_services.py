# SPDX-License-Identifier: Apache-2.0
"""GET /v1/ops/services: what runs, since when, and what waits for what."""
import re
import secrets
import time
import uuid

import pytest
from client import Client, new_operator, pointers, problem, wait_until
from event_messages import message_type
from factory import funded_client, new_client, new_project, new_session, new_training
from interference import child, kill, stopped
from streams import SERVICES, assert_chains, head

PATH = "/v1/ops/services"
VERSION = re.compile(r"\d+\.\d+\.\d+(\+[0-9a-f]+)?")
INSTANT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COUNTERS = ("handled", "failed", "applied", "parked", "restarts")


def report(admin, program):
    """What is said of one program, once it answers in time."""
    return wait_until(lambda: next((found for found in admin.read(PATH)["services"] if found["program"] == program), None))


def instance(admin, program):
    return report(admin, program)["instances"][0]


@pytest.fixture(scope="module")
def stack(start_stack):
    """A stack of these tests' own: they stop its processes."""
    running = start_stack()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(stack):
    caller = Client(stack).log_in(stack.email, stack.password)
    wait_until(lambda: all(found["healthy"] for found in caller.read(PATH)["services"]))
    return caller


def test_all_programs_are_reported(admin, stack):
    """The six services, the broker and the gateway, each with version, start, checks, counters and queues."""
    said = wait_until(lambda: (answer := admin.read(PATH))["unanswered"] == [] and answer)
    assert sorted(found["program"] for found in said["services"]) == sorted([*SERVICES, "broker", "gateway"])
    for found in said["services"]:
        assert found["healthy"] and found["checks"] and all(check["ok"] for check in found["checks"])
        running, = found["instances"]
        assert running["healthy"] and VERSION.fullmatch(running["version"]) and running["host"]
        assert INSTANT.fullmatch(running["since"]) and running["since"] < running["seen_at"]
        assert all(running[counter] >= 0 for counter in COUNTERS)
        assert found["queues"] and all(queue["depth"] >= 0 for queue in found["queues"])


def test_a_service_reports_its_streams(admin, stack):
    """Own head, and for each stream that it follows how far it has come."""
    new_project(admin, funded_client(admin))

    def caught_up():
        found = report(admin, "sessions")
        streams = {stream["producer"]: stream for stream in found["instances"][0]["streams"]}
        heads = {producer: report(admin, producer)["sequence"] for producer in streams}
        return streams if all(streams[name]["sequence"] == heads[name] for name in streams) else None
    streams = wait_until(caught_up)
    assert set(streams) == {"accounts", "budgeting"}
    assert all(stream["lag"] == 0 and "stopped" not in stream for stream in streams.values())
    assert report(admin, "sessions")["instances"][0]["active"]


def stream_of(admin, service, producer, consumer="main"):
    """What a service says of a stream that it follows."""
    return next(stream for stream in instance(admin, service)["streams"]
                if (stream["producer"], stream["consumer"]) == (producer, consumer))


def test_a_stream_that_waits_says_for_what_and_for_how_long(admin, stack):
    """An event names a place that has not come: the place is shown, and the seconds since it was found missing."""
    session = new_session(admin, new_project(admin, funded_client(admin)))
    wait_until(lambda: not stack.query("select 1 from accounts.outbox union all select 1 from sessions.outbox"))
    missing, begun = f"accounts:1:{head(stack, 'accounts') + 1}", time.monotonic()
    with stopped(child(stack, "sessions", "courier")):
        new_training(admin, session, 300_00)
        stack.query("update sessions.outbox set applied = %s", missing)

    def waiting():
        found = stream_of(admin, "budgeting", "sessions")
        return found if found.get("waits_s", 0) >= 1 else None
    found = wait_until(waiting)
    assert (found["waits_for"], found["lag"]) == (missing, 1)
    assert found["waits_s"] <= time.monotonic() - begun
    new_client(admin)
    wait_until(lambda: not {"waits_for", "waits_s"} & set(now := stream_of(admin, "budgeting", "sessions")) and now["lag"] == 0)


def test_the_audit_log_takes_whatever_an_event_holds(admin, stack):
    """ACC-7: of a type that no contract knows, of bytes that are no message, by somebody whose name is no text or a cause
    that is no id, it is in the chain like any other."""
    actor, key = message_type("wire.Actor"), str(uuid.uuid4())
    known = actor(kind="service", id="accounts").SerializeToString()
    odd = [("accounts.NeverHeardOf", known, b"whatever"), ("accounts.LoggedIn", known, b"\xff\xff\xff"),
           ("accounts.LoggedIn", b"\xff\xff\xff", b""), ("accounts.LoggedIn", known, b"\x0a\x03\xff\x00a"),
           *(("accounts.LoggedIn", bytes([field << 3 | 2, 3]) + b"me\xff", b"") for field in range(1, 7)),
           ("accounts.LoggedIn", actor(caused_by="me").SerializeToString(), b""),
           ("accounts.LoggedIn", actor(caused_by=key.upper()).SerializeToString(), b""),
           ("accounts.LoggedIn", actor(id=secrets.token_hex(5000)).SerializeToString(), b"")]
    ids = [str(uuid.uuid4()) for _ in odd]
    with stopped(child(stack, "accounts", "courier")):
        for key, event in zip(ids, odd):
            stack.query("insert into accounts.outbox (event_id, type, applied, actor, payload) values (%s, %s, '', %s, %s)",
                        key, *event)
        client = new_client(admin)
    wait_until(lambda: stack.query("select 1 from accounts.audit_entry where subject_id = %s", client["id"]))
    entries = stack.query("select a.type from unnest(%s::uuid[]) with ordinality as e (id, nth) join accounts.audit_entry a "
                          "using (id) join accounts.event_log l on l.event_id = a.id and l.hash = a.event_hash order by nth", ids)
    assert entries == [(kind,) for kind, _, _ in odd]
    assert stack.query("select id from accounts.audit_entry where actor_id = %s", "\\x6d65ff") == [(ids[5],)]
    assert admin.read("/v1/audit-entries", actor_id="\\x6d65ff")["audit_entries"][0]["id"] == ids[5]
    assert admin.read("/v1/audit-entries/verification")["verified"]
    assert_chains(stack)
    wait_until(lambda: stream_of(admin, "accounts", "accounts", "audit")["sequence"] == head(stack, "accounts"))
    assert not {"fails", "stopped"} & set(stream_of(admin, "accounts", "accounts", "audit"))


def test_counters_count(admin):
    """Requests handled and events applied, of the whole program."""
    before = instance(admin, "budgeting")
    new_project(admin, funded_client(admin))

    def counted():
        now = instance(admin, "budgeting")
        return now["handled"] > before["handled"] and now["applied"] > before["applied"]
    wait_until(counted)
    assert instance(admin, "gateway")["handled"] > 0


def test_the_broker_reports_workers_and_queues(admin):
    """For each name how many workers it has, and what waits."""
    queues = {queue["name"]: queue for queue in report(admin, "broker")["queues"]}
    assert queues["sessions.fast"]["workers"] == 4 and queues["sessions.leaf"]["workers"] == 1
    assert instance(admin, "broker")["handled"] > 0


def test_a_restart_is_counted(admin, stack):
    """A process that had to be started again shows; the program's start does not change."""
    before = instance(admin, "funding")
    kill(stack, "funding", "leaf")
    wait_until(lambda: instance(admin, "funding")["restarts"] == before["restarts"] + 1)
    assert instance(admin, "funding")["since"] == before["since"]


def test_a_program_that_does_not_answer_is_named(admin, stack):
    """The others are reported all the same."""
    with stopped(child(stack, "invoicing", "leaf")):
        said = wait_until(lambda: (answer := admin.read(PATH))["unanswered"] == ["invoicing"] and answer)
    assert "invoicing" not in [found["program"] for found in said["services"]]


def test_a_courier_that_is_silent_is_unhealthy(admin, stack):
    """A program whose courier hangs answers requests, but events stand still."""
    with stopped(child(stack, "funding", "courier")):
        stack.query("update funding.instance set seen_at = now() - interval '11 seconds'")
        found = report(admin, "funding")
        assert not found["healthy"] and not found["instances"][0]["healthy"]
        assert [check["name"] for check in found["checks"] if not check["ok"]] == ["courier"]
    wait_until(lambda: report(admin, "funding")["healthy"])


def test_one_service_is_reported_alone(admin):
    """?service= asks one; an unknown one is 422."""
    assert [found["program"] for found in admin.read(PATH, service="sessions")["services"]] == ["sessions"]
    assert pointers(admin.get(PATH, service="nobody")) == ["/service"]


def test_reports_are_for_administrators(stack, admin):
    """ACC-6: ops is an administrator's."""
    problem(Client(stack).get(PATH), 401, "unauthenticated")
    problem(new_operator(stack, admin).get(PATH), 403, "forbidden")
