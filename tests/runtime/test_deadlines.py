# SPDX-License-Identifier: Apache-2.0
"""Deadlines of funding calls when several machines, or a decision, are after them at once: FUN-5."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess

import pytest
from client import Client, wait_until
from factory import funded_client, new_project, wait_for_status
from funding_calls import age, events_of, path_of, review_of, sent_call
from interference import child, stopped
from processes import in_role

CALLS = 12


@pytest.fixture
def calls(admin):
    project = new_project(admin, funded_client(admin), 0, auto_funding_call=False)
    return [sent_call(admin, project, 5) for _ in range(CALLS)]


@contextlib.contextmanager
def second_machine(stack, service):
    """The same service once more."""
    with (stack.logs / f"{service}-2.log").open("wb") as log:
        program = subprocess.Popen([stack.place.binary(service)], env=stack.place.service_environment(service, 1, 0),
                                   stdout=log, stderr=log)
        try:
            yield program
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(timeout=30)


def role_of(parent, role):
    """The child of a program with this role, once it is there."""
    return wait_until(lambda: in_role(parent, role))[0]


def test_fun_5_two_machines_do_each_thing_once(admin, stack, calls):
    """FUN-5: both find all calls due at the same instant; each is reminded once, told once, expires once."""
    with second_machine(stack, "funding") as program:
        jobs = [child(stack, "funding", "jobs"), role_of(program.pid, "jobs")]
        for days, due in ((14, "FundingCallReminded"), (7, "FundingCallUnanswered"), (31, "FundingCallExpired")):
            with stopped(*jobs):
                for call in calls:
                    age(stack, call, sent_at=days, expires_at=days if days == 31 else 0)
            for call in calls:
                wait_until(lambda call=call, due=due: events_of(stack, call)[-1] == due)
    for call in calls:
        assert events_of(stack, call)[2:] == ["FundingCallReminded", "FundingCallUnanswered", "FundingCallExpired"]
        assert admin.read(path_of(call))["version"] == 4


def test_fun_5_a_killed_job_leaves_nothing_undone_or_done_twice(admin, stack, calls):
    """FUN-5: killed while the calls expire; the next one goes on."""
    with stopped(child(stack, "funding", "jobs")):
        for call in calls:
            age(stack, call, sent_at=31, expires_at=31)
        victim = child(stack, "funding", "jobs")
    wait_until(lambda: stack.query("select 1 from funding.funding_call where id = %s and status = 'expired'",
                                   calls[0]["id"]))
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    for call in calls:
        wait_for_status(admin, path_of(call), "expired")
        wait_until(lambda call=call: events_of(stack, call)[2:] == ["FundingCallExpired"])


def test_fun_5_a_decision_against_the_expiry(admin, stack, calls):
    """FUN-5, FUN-4: each call either expires or is decided, never both, whoever comes first."""
    headers = {"Authorization": admin.session.headers["Authorization"]}

    def answer(call):
        age(stack, call, expires_at=30)
        return Client(stack).request("POST", path_of(call, "decision"), {"decision": "decline", "reason": "R"},
                                     headers=headers).status_code
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(answer, calls))
    for call, status in zip(calls, statuses):
        outcome = "declined" if status == 200 else "expired"
        assert wait_for_status(admin, path_of(call), outcome)["version"] == 3
        wait_until(lambda call=call: len(events_of(stack, call)) == 3)
        assert events_of(stack, call)[2] == f"FundingCall{outcome.capitalize()}"


def test_fun_4_a_decision_against_the_clients(admin, stack, calls):
    """FUN-4: an operator and the client answer differently at once: one decision, the other is 409."""
    headers = {"Authorization": admin.session.headers["Authorization"]}
    for call in calls[:4]:
        requests = ((path_of(call, "decision"), {"decision": "accept", "reason": "R"}),
                    (review_of(stack, call), {"decision": "decline"}))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(lambda request: Client(stack).request(
                "POST", *request, headers=headers).status_code, requests))
        assert sorted(statuses) == [200, 409]
        assert admin.read(path_of(call))["status"] == ("accepted" if statuses[0] == 200 else "declined")
