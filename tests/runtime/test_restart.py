# SPDX-License-Identifier: Apache-2.0
"""Restarts in order and brokers that die, under load: what callers notice of it."""
import os
import signal
import threading

import pytest
from client import Client, expect, wait_until
from interference import children, held, stopped
from traffic import go_on, traffic

READS = [{}, {"reconnects": True}]
KEYED = [{"writes": True, "keyed": True}, {"writes": True, "keyed": True, "reconnects": True}]
UNKEYED = [{"writes": True}]


@pytest.fixture(scope="module")
def pair(start_stack):
    """A stack with two brokers, and its administrator."""
    stack = start_stack("--brokers", "2")
    return stack, Client(stack).log_in(stack.email, stack.password)


def replaced(stack, program, number):
    """Signals a program's parent; returns when the next one runs and all is ready."""
    before = stack.pid(program)
    os.kill(before, number)

    def follows():
        return stack.pid(program) != before
    wait_until(follows)
    wait_until(stack.is_ready)


def restart_all(stack, admin):
    """What fails while every program is restarted, one after the other, under load."""
    programs = [file.stem for file in stack.place.pids.glob("*.pid")]
    with traffic(stack, admin, *READS, *KEYED, *UNKEYED) as callers:
        for program in sorted(set(programs) - {"supervisor", "postgres", "smtp-sink"}):
            replaced(stack, program, signal.SIGTERM)
            go_on(callers, 1)
    return [failure for caller in callers for failure in caller.failures]


def test_a_rolling_restart_of_every_program_fails_no_request(stack, admin):
    assert restart_all(stack, admin) == []


def test_with_two_brokers_neither(pair):
    assert restart_all(*pair) == []


def created(stack, callers):
    """How often each acknowledged client stands in the table."""
    names = [name for caller in callers for name in caller.created]
    found = dict(stack.query("select name, count(*) from accounts.client where name = any(%s) group by name", names))
    return [found.get(name, 0) for name in names]


@pytest.mark.parametrize("broker", ["broker", "broker-2"])
def test_a_killed_broker_of_two_costs_at_most_unkeyed_writes_in_flight(pair, broker):
    stack, admin = pair
    with traffic(stack, admin, *READS, *KEYED, *UNKEYED) as callers:
        replaced(stack, broker, signal.SIGKILL)
    *others, unkeyed = callers
    assert [failure for caller in others for failure in caller.failures] == []
    assert [failure for failure in unkeyed.failures if not failure.startswith(("503", "504"))] == []
    assert len(unkeyed.failures) <= 1
    assert set(created(stack, callers)) == {1}


@pytest.mark.parametrize("broker", ["broker", "broker-2"])
def test_while_a_broker_of_two_is_frozen_requests_go_on(pair, broker):
    """Reads and keyed writes are sent once more, to the other one; an unkeyed one in flight waits for its end."""
    stack, admin = pair
    with traffic(stack, admin, *READS, *KEYED) as callers:
        with stopped(*children(stack, broker, "broker")):
            go_on(callers, 10)
    assert [failure for caller in callers for failure in caller.failures] == []
    assert set(created(stack, callers)) == {1}


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
