# SPDX-License-Identifier: Apache-2.0
"""Callers that go round all services, again and again, and never repeat a request: whatever fails stays on record."""
import contextlib
import functools
import itertools
import threading

import requests
from client import TIMEOUT_SECONDS, wait_until
from factory import funded_client, new_project, new_session, new_training
from session import Session

READS = {"accounts": "/v1/clients?page_size=1", "budgeting": "/v1/projects?page_size=1",
         "sessions": "/v1/sessions?page_size=1", "funding": "/v1/funding-calls?page_size=1",
         "invoicing": "/v1/invoices?page_size=1", "notifications": "/v1/messages?page_size=1"}
# Where the name of a write is found again; an alert that is read has none.
COLUMNS = {"accounts": "accounts.client.name", "budgeting": "budgeting.credit.reason",
           "sessions": "sessions.session.title", "funding": "funding.funding_call.comment",
           "invoicing": "invoicing.payment.reference"}

numbers = itertools.count(1)


@functools.cache
def objects_of(admin):
    """What callers write to: a client, a project, an invoice, an alert."""
    client = funded_client(admin)
    project = new_project(admin, client, auto_funding_call=False)
    new_training(admin, new_session(admin, project), 2_000_000)
    billed = new_project(admin, client)
    admin.act(f"/v1/projects/{billed['id']}/close")
    alert = wait_until(lambda: [alert for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
                                if alert.get("project_id") == project["id"]])[0]
    invoice = wait_until(lambda: admin.read(f"/v1/projects/{billed['id']}/invoices")["invoices"])[0]
    return {"client": client, "project": project, "invoice": invoice, "alert": alert}


def write_of(objects, service, name):
    """(path, body) of a write to a service, by whose name it is found again."""
    client, project, invoice, alert = (objects[kind]["id"] for kind in ("client", "project", "invoice", "alert"))
    return {"accounts": ("/v1/clients", {"name": name}),
            "budgeting": (f"/v1/clients/{client}/envelope/credits", {"amount_cents": 1, "reason": name}),
            "sessions": (f"/v1/projects/{project}/sessions",
                         {"title": name, "start_date": "2026-12-01", "end_date": "2026-12-02"}),
            "funding": (f"/v1/projects/{project}/funding-calls", {"requested_cents": 1, "comment": name}),
            "invoicing": (f"/v1/invoices/{invoice}/payments", {"amount_cents": 1, "advance": True, "reference": name}),
            "notifications": (f"/v1/alerts/{alert}/read", None)}[service]


class Caller(threading.Thread):
    """One caller: reads, or writes with or without a key, over one connection or a new one each time."""

    def __init__(self, stack, authorization, objects, *, writes=False, keyed=False, reconnects=False):
        super().__init__(daemon=True)
        self.url, self.keyed, self.reconnects = stack.url, keyed, reconnects
        self.objects, self.writes = objects, writes
        self.session = Session(stack.ca_file)
        self.session.headers["Authorization"] = authorization
        self.number = next(numbers)
        self.answered, self.failures, self.created = 0, [], []
        self.ended = False

    def ask(self, service, name):
        headers = {"Connection": "close"} if self.reconnects else {}
        if not self.writes:
            return self.session.get(self.url + READS[service], headers=headers, timeout=TIMEOUT_SECONDS)
        path, body = write_of(self.objects, service, name)
        if self.keyed:
            headers["Idempotency-Key"] = name
        return self.session.post(self.url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)

    def run(self):
        # Each begins with another service, so that they don't all wait for the same one.
        for count, service in enumerate(itertools.islice(itertools.cycle(READS), self.number % len(READS), None)):
            if self.ended:
                return
            name = f"Traffic-{self.number}-{count}"
            try:
                answer = self.ask(service, name)
            except requests.RequestException as failure:
                self.failures.append(f"{service}: {failure!r}")
                continue
            if not answer.ok:
                self.failures.append(f"{answer.status_code} {service}: {answer.text}")
                continue
            self.answered += 1
            if self.writes and service in COLUMNS:
                self.created.append((COLUMNS[service], name))


@contextlib.contextmanager
def traffic(stack, client, *kinds):
    """Callers of these kinds, at work from before the first line to after the last."""
    objects = objects_of(client)
    callers = [Caller(stack, client.session.headers["Authorization"], objects, **kind) for kind in kinds]
    for caller in callers:
        caller.start()
    try:
        go_on(callers)
        yield callers
        go_on(callers)
    finally:
        for caller in callers:
            caller.ended = True
        for caller in callers:
            caller.join()


def go_on(callers, answers=len(READS)):
    """Waits until each of them was answered some times more; unless said, by every service."""
    before = [caller.answered for caller in callers]

    def answered():
        return all(caller.answered >= count + answers for caller, count in zip(callers, before))
    wait_until(answered)


def stored(stack, created):
    """How often each of these writes stands in its table: [(column, name)]."""
    counts = []
    for column in COLUMNS.values():
        table, name = column.rsplit(".", 1)
        names = [written for where, written in created if where == column]
        found = dict(stack.query(f"select {name}, count(*) from {table} where {name} = any(%s) group by 1", names))
        counts += [found.get(written, 0) for written in names]
    return counts
