# SPDX-License-Identifier: Apache-2.0
"""How long callers notice a kill: from SIGKILL to the next write (or effect) that succeeds."""
import os
import signal
import statistics
import time

import requests
from client import Client
from identifiers import new_email
from interference import child, children

TRIES_MAX_SECONDS = 120  # a mail that met nobody is tried again after a minute
PAUSE_SECONDS = 0.005
BETWEEN_SECONDS = 11  # so that no program is held back for dying often


class Caller:
    """Writes on a connection of its own; a refused connection is a failure as any other."""

    def __init__(self, stand):
        self.stand = stand
        self.client = Client(stand.stack)
        self.client.session.headers.update(stand.admin.session.headers)
        self.number = 0

    def write(self):
        self.number += 1
        session = self.stand.sessions[self.number % len(self.stand.sessions)]
        body = {"title": "Recovery", "provider": "Formatys", "cost_cents": 1, "vat_rate_bp": 0,
                "date": session["start_date"]}
        try:
            answer = self.client.session.post(f"{self.stand.stack.url}/v1/sessions/{session['id']}/trainings",
                                              json=body, timeout=10)
        except requests.RequestException:
            return None
        return answer.json()["id"] if answer.status_code == 201 else None


def first_write(caller, since):
    """Seconds until the last failure was over: a series of good writes without one in between."""
    good = 0
    last = since
    while time.monotonic() < since + TRIES_MAX_SECONDS and good < 20:
        if caller.write():
            good += 1
            last = time.monotonic() if good == 1 else last
        else:
            good = 0
        time.sleep(PAUSE_SECONDS)
    assert good == 20, "no recovery"
    return last - since


def first_effect(caller, since):
    """Seconds until a write made after the kill has its effect in the ledger."""
    training = None
    while training is None:
        training = caller.write()
    while not caller.stand.stack.query("select 1 from budgeting.ledger_transaction where reference = %s", training):
        assert time.monotonic() < since + TRIES_MAX_SECONDS, "no recovery"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - since


def first_mail(caller, since):
    """Seconds until an invitation made after the kill has arrived."""
    stack, address = caller.stand.stack, new_email("recovery")
    caller.stand.admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    while not stack.mails(address):
        assert time.monotonic() < since + TRIES_MAX_SECONDS, "no recovery"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - since


def first_login(caller, since):
    """Seconds until somebody can log in."""
    stack = caller.stand.stack
    while Client(stack).post("/v1/auth/login", {"email": stack.email, "password": stack.password}).status_code != 200:
        assert time.monotonic() < since + TRIES_MAX_SECONDS, "no recovery"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - since


def backends(stand):
    """The server processes of sessions' connections."""
    return [pid for (pid,) in stand.stack.query("select pid from pg_stat_activity where usename = 'sessions'")]


UNTIL = {first_write: "to steady writes", first_effect: "to the next effect", first_mail: "to the next mail",
         first_login: "to the next login"}
KINDS = {
    "a worker": (lambda stand: children(stand.stack, "sessions", "fast")[:1], first_write),
    "the worker that answers other services": (lambda stand: [child(stand.stack, "accounts", "leaf")], first_write),
    "the worker of slow requests": (lambda stand: [child(stand.stack, "accounts", "slow")], first_login),
    "all that send mail": (lambda stand: children(stand.stack, "notifications", "jobs"), first_mail),
    "the mail server": (lambda stand: [stand.stack.pid("smtp-sink")], first_mail),
    "a service's parent": (lambda stand: [stand.stack.pid("sessions")], first_write),
    "the producer's courier": (lambda stand: [child(stand.stack, "sessions", "courier")], first_effect),
    "the consumer's courier": (lambda stand: [child(stand.stack, "budgeting", "courier")], first_effect),
    "the broker": (lambda stand: [child(stand.stack, "broker", "broker")], first_write),
    "the gateway": (lambda stand: children(stand.stack, "gateway", "http"), first_write),
    "all backends of a service": (backends, first_write),
    "PostgreSQL": (lambda stand: [stand.stack.pid("postgres")], first_write),
}


def measure(stand, table):
    stand.prepare()
    caller = Caller(stand)
    for name, (victims, recovered) in KINDS.items():
        seconds = []
        for _ in range(stand.options.rounds):
            time.sleep(1 if stand.options.quick else BETWEEN_SECONDS)
            found = victims(stand)
            assert found, name
            since = time.monotonic()
            for victim in found:
                os.kill(victim, signal.SIGKILL)
            seconds.append(recovered(caller, since))
            stand.wait_until_ready()
        table.add(f"recovery from kill -9 of {name}", statistics.median(seconds) * 1000, "ms",
                  note=f"{UNTIL[recovered]}, median of {stand.options.rounds}; longest {max(seconds) * 1000:.0f} ms")
