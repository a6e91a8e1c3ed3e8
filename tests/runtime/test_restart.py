# SPDX-License-Identifier: Apache-2.0
"""Restarts in order and brokers that die, under load: what callers notice of it."""
import concurrent.futures
import os
import signal
import threading
import uuid

import pytest
from client import Client, expect, wait_until
from interference import children, held, kill, stopped
from event_messages import message_type
from processes import children_of
from races import at_once
from stand_in import in_place_of
from streams import SERVICES
from test_senders import CONFLICT
from traffic import COLUMNS, go_on, objects_of, stored, traffic, write_of
from traffic import READS as READS_OF

READS = [{}, {"reconnects": True}]
KEYED = [{"writes": True, "keyed": True}, {"writes": True, "keyed": True, "reconnects": True}]
UNKEYED = [{"writes": True}]
# Where writes of traffic.py wait.
TABLES = {"accounts": "client", "budgeting": "credit", "sessions": "session", "funding": "funding_call",
          "invoicing": "payment", "notifications": "alert_read"}
IN_HAND = 4  # of each service, at least


@pytest.fixture(scope="module")
def pair(start_stack):
    """A stack with two brokers, and its administrator."""
    stack = start_stack("--brokers", "2")
    return stack, Client(stack).log_in(stack.email, stack.password)


def wait_until_replaced(stack, program, before):
    """Returns when another process runs as a program and all is ready."""
    wait_until(lambda: stack.pid(program) != before)
    wait_until(stack.is_ready)


def another(admin):
    """The same caller over a connection of its own."""
    caller = Client(admin.stack)
    caller.session.headers.update(admin.session.headers)
    return caller


def ask(admin, service):
    """A read and a keyed write of a service, at the same moment."""
    name = f"restart-{service}-{uuid.uuid4()}"
    path, body = write_of(objects_of(admin), service, name)
    return at_once(lambda: another(admin).get(READS_OF[service]), lambda: another(admin).post(path, body, key=name))


def restart_all(stack, admin):
    """What fails while every program is restarted, one after the other: of callers that go round all services all the
    while, and of what asks a service that was told to end a moment ago."""
    programs = [file.stem for file in stack.place.pids.glob("*.pid")]
    answers = []
    with traffic(stack, admin, *READS, *KEYED, *UNKEYED) as callers:
        for program in sorted(set(programs) - {"supervisor", "postgres", "smtp-sink"}):
            before = stack.pid(program)
            os.kill(before, signal.SIGTERM)
            if program in SERVICES:
                answers += ask(admin, program)
            wait_until_replaced(stack, program, before)
            go_on(callers, 1)
    return [failure for caller in callers for failure in caller.failures] + [
        answer.text for answer in answers if not answer.ok]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_restarted_finishes_what_it_has_in_hand(stack, admin, service):
    """Of a write without a key nobody asks again: it is answered by the process that was told to end."""
    path, body = write_of(objects_of(admin), service, f"in-hand-{uuid.uuid4()}")
    before = stack.pid(service)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(stack, f"lock table {service}.{TABLES[service]} in share mode") as wait_for:
            writing = pool.submit(admin.post, path, body)
            wait_for(service)
            idle = len(children_of(before)) - 1
            os.kill(before, signal.SIGTERM)
            wait_until(lambda: len(children_of(before)) <= idle)  # those with nothing in hand end
        assert writing.result().ok, writing.result().text
    wait_until_replaced(stack, service, before)


def test_a_rolling_restart_of_every_program_fails_no_request(stack, admin):
    assert restart_all(stack, admin) == []


def test_with_two_brokers_neither(pair):
    assert restart_all(*pair) == []


def written(callers):
    """What was acknowledged to them."""
    return [write for caller in callers for write in caller.created]


def test_who_replaces_a_worker_is_found_at_the_same_broker(pair):
    """What waits there for its return is not held up."""
    stack, _ = pair

    def registered():
        return [stack.log(broker).count("a worker of accounts.leaf is registered") for broker in ("broker", "broker-2")]
    def home_of_next():
        before, pid = registered(), stack.pid("accounts")
        os.kill(pid, signal.SIGTERM)
        wait_until_replaced(stack, "accounts", pid)
        now = wait_until(lambda: registered() != before and registered())
        return tuple(count > old for count, old in zip(now, before))
    assert len({home_of_next() for _ in range(5)}) == 1


def test_brokers_of_two_that_are_killed_again_and_again_cost_at_most_unkeyed_writes_in_flight(pair):
    """Either one, whole or its child only, at whatever moment of what callers ask of all services; nothing is done
    twice."""
    stack, admin = pair
    kills = [("broker", None, 0), ("broker-2", "broker", 1), ("broker", "broker", 4), ("broker-2", None, 9)]
    with traffic(stack, admin, *READS, *KEYED, *UNKEYED) as callers:
        for broker, role, answers in kills:
            go_on(callers, answers)
            kill(stack, broker, role)
            wait_until(stack.is_ready)
    *others, unkeyed = callers
    assert [failure for caller in others for failure in caller.failures] == []
    assert [failure for failure in unkeyed.failures if not failure.startswith(("503", "504"))] == []
    assert len(unkeyed.failures) <= len(kills)
    assert set(stored(stack, written(callers))) == {1}


@pytest.mark.parametrize("broker", ["broker", "broker-2"])
def test_a_killed_broker_of_two_takes_no_keyed_write_along(pair, broker):
    """What the workers of all services have in hand at that moment is answered, though its repetition meets it; it is
    done once."""
    stack, admin = pair
    objects = objects_of(admin)
    begun = [(service, f"in-hand-{broker}-{service}-{number}") for service in SERVICES for number in range(IN_HAND)]
    callers = {each: another(admin) for each in begun}
    for caller in callers.values():
        expect(caller.get("/livez"), 200)  # connected: nobody waits for a lock longer than three seconds

    def write(service, name):
        path, body = write_of(objects, service, name)
        answer = callers[service, name].post(path, body, key=name)
        assert answer.ok, answer.text

    def all_wait():
        return stack.query("select count(distinct usename) from pg_stat_activity where wait_event_type = 'Lock' "
                           "and usename = any(%s)", list(SERVICES)) == [(len(SERVICES),)]
    with concurrent.futures.ThreadPoolExecutor(len(begun)) as pool:
        with held(stack, f"lock table {', '.join(map('.'.join, TABLES.items()))} in share mode"):
            writing = [pool.submit(write, *each) for each in begun]
            wait_until(all_wait)
            os.kill(stack.pid(broker), signal.SIGKILL)
        for each in writing:
            each.result()
    wait_until(stack.is_ready)
    assert set(stored(stack, [(COLUMNS[service], name) for service, name in begun if service in COLUMNS])) == {1}


def test_a_keyed_write_that_meets_its_own_first_run_waits_for_its_answer(stack, admin):
    """Its worker is gone, the gateway sends it once more, and the key is still held: nobody asked twice."""
    in_use = message_type("wire.Problem")(code="idempotency_key_in_use")
    path, body = write_of(objects_of(admin), "sessions", "meets-itself")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with in_place_of(stack, "sessions", "fast") as stand_in:
            first = stand_in()
            answer = pool.submit(admin.post, path, body, key="meets-itself")
            first.take()
            first.close()
            second = stand_in()
            second.take()
            second.answer(status=CONFLICT, problem=in_use)
            second.take()
            second.answer(status=CONFLICT, problem=in_use)
            second.leave()
        expect(answer.result(), 201)
    assert stored(stack, [(COLUMNS["sessions"], "meets-itself")]) == [1]


@pytest.mark.parametrize("broker", ["broker", "broker-2"])
def test_while_a_broker_of_two_is_frozen_requests_go_on(pair, broker):
    """Reads and keyed writes are sent once more, to the other one; an unkeyed one in flight waits for its end."""
    stack, admin = pair
    with traffic(stack, admin, *READS, *KEYED) as callers:
        with stopped(*children(stack, broker, "broker")):
            go_on(callers, 10)
    assert [failure for caller in callers for failure in caller.failures] == []
    assert set(stored(stack, written(callers))) == {1}


def test_the_gateway_is_unready_first_and_then_finishes_what_it_has_in_hand(stack, admin):
    client = admin.create("/v1/clients", {"name": "Drained"})
    answers, watcher, before = [], Client(stack), stack.pid("gateway")

    def rename():
        answers.append(admin.patch(f"/v1/clients/{client['id']}", {"name": "Drained slowly"}))

    def says_that_it_drains():
        answer = watcher.get("/readyz", scope="gateway")
        return answer.status_code == 503 and answer.json()["draining"] and answer.headers["Connection"] == "close"
    expect(watcher.get("/readyz", scope="gateway"), 200)
    with held(stack, "select 1 from accounts.client where id = %s for update", client["id"]) as wait_for:
        writer = threading.Thread(target=rename)
        writer.start()
        wait_for("accounts")
        os.kill(before, signal.SIGTERM)
        wait_until(says_that_it_drains)
        assert stack.pid("gateway") == before and answers == []
    writer.join()
    assert expect(answers[0], 200)["name"] == "Drained slowly" and answers[0].headers["Connection"] == "close"
    wait_until(stack.is_ready)
