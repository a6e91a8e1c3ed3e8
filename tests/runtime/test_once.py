# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Keys across crashes, workers and brokers: what was asked for is done once, and its answer is not lost."""
import concurrent.futures
import os
import signal
import uuid

import pytest
import requests
from client import Client, wait_until
from event_messages import message_type
from factory import client_body, funded_client, new_project, new_session
from interference import child, children, held
from test_senders import CONFLICT, OK, UNAVAILABLE, as_user, asked

DUPLICATES = 100


@pytest.fixture(scope="module")
def doubled(start_stack):
    """A stack with two brokers."""
    return start_stack("--brokers", "2")


@pytest.fixture(scope="module")
def caller(doubled):
    return Client(doubled).log_in(doubled.email, doubled.password)


def until_known(send):
    """The first answer that tells the outcome, however often the caller has to come again."""
    def outcome():
        try:
            answer = send()
        except requests.ConnectionError:
            return None
        waits = answer.status_code >= 500 or (answer.status_code == 409 and "Retry-After" in answer.headers)
        return None if waits else (answer,)
    return wait_until(outcome, 60)[0]


def stored(stack, body):
    ((count,),) = stack.query("select count(*) from accounts.client where siren = %s", body["siren"])
    return count


def test_a_hundred_duplicates_make_one_object_while_workers_and_a_broker_die(doubled, caller):
    """All of them get the same answer, from whichever worker and broker; all but at most one a replayed one."""
    body, key = client_body(), str(uuid.uuid4())
    with concurrent.futures.ThreadPoolExecutor(DUPLICATES) as pool:
        answers = [pool.submit(until_known, lambda: caller.post("/v1/clients", body, key=key))
                   for _ in range(DUPLICATES)]
        for victim in (*children(doubled, "accounts", "fast")[:2], child(doubled, "broker-2", "broker")):
            os.kill(victim, signal.SIGKILL)
        answers = [answer.result() for answer in answers]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) <= 1
    assert stored(doubled, body) == 1
    wait_until(lambda: not doubled.query("select 1 from accounts.outbox limit 1"))
    assert doubled.query("select count(*) from accounts.event_log where subject = %s", answers[0].json()["id"]) == [(1,)]


def die_within(stack, caller, lock, statement):
    """A keyed POST whose worker is killed while this statement waits for a lock: (body, the key's answer at last, what
    the repetition is answered)."""
    body, key = client_body(), str(uuid.uuid4())

    def post():
        return caller.post("/v1/clients", body, key=key)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(stack, lock):
            answer = pool.submit(until_known, post)
            wait_until(lambda: stack.query("select 1 from pg_stat_activity where usename = 'accounts' "
                                           "and wait_event_type = 'Lock' and query like %s", statement + "%"))
            for worker in children(stack, "accounts", "fast"):
                os.kill(worker, signal.SIGKILL)
        answer = answer.result()
    return body, answer, until_known(post)


def test_a_key_answers_again_after_a_crash_between_commit_and_reply(doubled, caller):
    """The database has the commit, its worker is killed before it learns of it: whoever asks again gets the reply that
    was kept, and nothing is done twice."""
    def answered_again():
        body, first, again = die_within(doubled, caller, "lock table accounts.idempotency_key in exclusive mode",
                                        "insert into idempotency_key")  # its commit is sent along
        assert (first.status_code, again.status_code, stored(doubled, body)) == (201, 201, 1)
        assert first.content == again.content and again.headers["Idempotent-Replayed"] == "true"
        return "Idempotent-Replayed" in first.headers  # else the lock timed out before the kill
    wait_until(answered_again, 60)


def test_a_key_is_new_after_a_crash_before_the_commit(doubled, caller):
    """What was not committed left nothing, the key neither."""
    body, first, again = die_within(doubled, caller, "lock table accounts.client in share mode", "insert into client")
    assert (first.status_code, again.status_code, stored(doubled, body)) == (201, 201, 1)
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"


def test_a_request_that_was_held_up_is_not_done_after_its_repetition_was_refused(doubled, caller):
    """By any worker of the service; a later one under the key is judged anew, and so is the same under another."""
    session = new_session(caller, new_project(caller, funded_client(caller)))

    def reopen(asked_ms, key="held-up"):
        request = message_type("sessions.GetSessionRequest")(id=session["id"]).SerializeToString()
        (header, _), = asked(doubled, "gateway", [("sessions", "sessions.ReopenSession", request)], asked_ms=asked_ms,
                             idempotency_key=key, body_hash=b"the same", caller=as_user(caller.user),
                             path=f"/v1/sessions/{session['id']}/reopen")
        return header.status

    def status():
        return caller.read(f"/v1/sessions/{session['id']}")["status"]
    assert (reopen(1000), reopen(2000)) == (CONFLICT, CONFLICT)
    caller.act(f"/v1/sessions/{session['id']}/complete")
    assert [reopen(asked_ms) for asked_ms in (1500, 1000, 2000)] == [UNAVAILABLE] * 3
    assert status() == "completed"
    assert reopen(2001) == OK
    assert status() == "planned"
    assert reopen(1000) == OK  # the answer that is kept, again
    caller.act(f"/v1/sessions/{session['id']}/complete")
    assert reopen(1000, key="another") == OK
