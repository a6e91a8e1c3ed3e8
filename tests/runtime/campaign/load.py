# SPDX-License-Identifier: Apache-2.0
"""Callers that do a company's daily work and never give up: each write has its key, is repeated until its outcome is
known, and carries a name of its own by which it is found again in the tables."""
import contextlib
import random
import re
import threading
import time

import requests
from identifiers import new_email, new_iban, new_siren
from session import Session

RETRY_SECONDS = 0.05
TIMEOUT_SECONDS = 20
PAUSE_SECONDS = 0.1  # other tests run beside the callers
COMMISSIONS = (
    {"basis": "unconsumed_funds", "rate_bp": 500, "triggers": ["project_closed"]},
    {"basis": "consumed_value", "rate_bp": 500, "triggers": ["session_completed", "project_closed"]},
    {"basis": "fixed_fee", "fixed_fee_cents": 12_000, "triggers": ["session_completed"]},
)
ENTITIES = {"client": "accounts.client.name", "credit": "budgeting.credit.reason", "project": "budgeting.project.name",
            "allocation": "budgeting.allocation.reason", "session": "sessions.session.title",
            "training": "sessions.training.title", "call": "funding.funding_call.comment",
            "payment": "funding.funding_payment.reference", "invoice payment": "invoicing.payment.reference",
            "credit note": "invoicing.invoice.reason"}

# Whose stream tells of the object that a path answers with.
OWNERS = (("accounts", re.compile(r"/clients$")), ("budgeting", re.compile(r"/projects(/[^/]+(/close)?)?$")),
          ("sessions", re.compile(r"/(sessions|trainings)(/[^/]+(/complete|/reopen|/cancel)?)?$")),
          ("funding", re.compile(r"/funding-calls(/[^/]+/(send|decision))?$")))
REPEATED_MAX = 30


class GaveUp(Exception):
    """The load ended before the outcome was known."""


def is_whole(answer):
    """Whether no connection was cut within it, which requests doesn't mind."""
    return int(answer.headers.get("Content-Length", 0)) == len(answer.content)


class Caller(threading.Thread):
    """One client company's operator."""

    def __init__(self, url, ca_file, token, seed, until):
        super().__init__(daemon=True)
        self.url, self.until = url, until
        self.random = random.Random(seed)
        self.name = f"caller {seed}"
        self.prefix = f"{seed}-{time.time_ns()}"
        self.session = Session(ca_file)
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.writes, self.answered, self.count, self.retried = {}, [], 0, 0
        self.projects = []
        self.failure = None

    # ── a write that is repeated until its outcome is known ──────────────────────────────────────

    def send(self, verb, path, body=None, headers=None):
        """The first answer that tells the outcome: not 5xx, not 'still running'."""
        while time.monotonic() < self.until.deadline:
            try:
                answer = self.session.request(verb, self.url + path, json=body, timeout=TIMEOUT_SECONDS,
                                              headers=headers)
            except requests.RequestException:
                answer = None
            if answer is not None and is_whole(answer) and answer.status_code < 500 and answer.status_code not in (401, 429) and not (
                    answer.status_code == 409 and "Retry-After" in answer.headers):
                return answer
            self.retried += 1
            time.sleep(RETRY_SECONDS * (1 + self.random.random()))
        raise GaveUp(f"{verb} {path}")

    def write(self, verb, path, body, **record):
        """The answer to a keyed write; its record is there before the first attempt."""
        self.count += 1
        key = f"{self.prefix}-{self.count}"
        write = self.writes[key] = record | {"key": key, "acknowledged": None}
        answer = self.send(verb, path, body, {"Idempotency-Key": key})
        write["acknowledged"] = answer.ok
        if answer.ok:
            self.answered.append((verb, path, body, key, answer.status_code, answer.content))
            self.note(write, path, answer.json())
        return answer

    @staticmethod
    def note(write, path, told):
        """What an object was like then, where its stream tells the same."""
        for service, paths in OWNERS:
            if paths.search(path):
                write |= {"answer": told, "service": service}

    def create(self, entity, path, body, text):
        """The created object, or None when it was refused."""
        name = f"{entity} {self.prefix}-{self.count + 1}"
        answer = self.write("POST", path, body | {text: name}, name=name, column=ENTITIES[entity])
        return answer.json() | {"written": f"{self.prefix}-{self.count}"} if answer.status_code == 201 else None

    def act(self, path, body=None):
        """Whether an action was done."""
        return self.write("POST", path, body).ok

    def read(self, path):
        return self.send("GET", path).json()

    def remove(self, path, thing):
        """A DELETE has no key: its repetition may find nothing any more."""
        write = self.writes[thing["written"]]
        gone = self.writes[f"{thing['written']} removed"] = {"name": write.pop("name"), "column": write.pop("column"),
                                                             "acknowledged": None}
        if self.send("DELETE", path).status_code in (204, 404):
            gone["acknowledged"] = False

    def stay(self):
        """A token ends after half an hour without use."""
        with contextlib.suppress(requests.RequestException):
            self.session.get(self.url + "/v1/me", timeout=TIMEOUT_SECONDS)

    def repeat(self):
        """What is answered otherwise the second time: nothing, however long ago it was."""
        for verb, path, body, key, status, content in self.random.sample(self.answered, min(len(self.answered), REPEATED_MAX)):
            again = self.send(verb, path, body, {"Idempotency-Key": key})
            if (again.status_code, again.content) != (status, content):
                yield f"{verb} {path} {key} was answered {status} {content}, then {again.status_code} {again.content}"

    # ── the day's work ───────────────────────────────────────────────────────────────────────────

    def run(self):
        try:
            while time.monotonic() < self.until.end:
                self.work()
                time.sleep(self.until.pause * 2 * self.random.random())
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def work(self):
        if len(self.projects) < 2:
            self.open_project()
            return
        project = self.random.choice(self.projects)
        self.random.choices((self.train, self.change, self.complete, self.reopen, self.cancel, self.allocate, self.ask,
                             self.decide, self.pay, self.settle, self.bill, self.rename, self.close),
                            (16, 6, 4, 2, 1, 2, 2, 3, 2, 2, 1, 1, 2))[0](project)

    def open_project(self):
        commission = self.random.choice(COMMISSIONS)
        client = self.create("client", "/v1/clients", {
            "siren": new_siren(), "iban": new_iban(), "commission": commission,
            "address": {"line1": "1 rue", "postal_code": "75002", "city": "Paris"},
            "billing_contact": {"name": "Camille Martin", "email": new_email("camille")}}, "name")
        if client is None or not self.create("credit", f"/v1/clients/{client['id']}/envelope/credits",
                                             {"amount_cents": 5_000_000}, "reason"):
            return
        project = self.create("project", "/v1/projects", {
            "client_id": client["id"], "initial_budget_cents": 500_000, "alert_threshold": {"percent_bp": 8000},
            "mailing_list": [{"email": new_email("list")}]}, "name")
        if project:
            self.projects.append(project | {"sessions": [], "calls": []})
            self.until.projects.append(project)

    def session_of(self, project, status):
        found = [session for session in project["sessions"] if session["status"] == status]
        return self.random.choice(found) if found else None

    def train(self, project):
        session = self.session_of(project, "planned")
        if session is None or self.random.random() < 0.1:
            session = self.create("session", f"/v1/projects/{project['id']}/sessions",
                                  {"start_date": "2026-12-01", "end_date": "2026-12-05"}, "title")
            if session:
                project["sessions"].append(session | {"trainings": []})
            return
        training = self.create("training", f"/v1/sessions/{session['id']}/trainings", {
            "provider": "Formatys", "cost_cents": self.random.randrange(0, 90_000), "date": "2026-12-02",
            "vat_rate_bp": self.random.choice((0, 550, 2000))}, "title")
        if training:
            session["trainings"].append(training)

    def change(self, project):
        session = self.session_of(project, "planned")
        if session is None or not session["trainings"]:
            return
        training = self.random.choice(session["trainings"])
        if self.random.random() < 0.3:
            session["trainings"].remove(training)
            self.remove(f"/v1/trainings/{training['id']}", training)
            return
        self.patch(f"/v1/trainings/{training['id']}", {"cost_cents": self.random.randrange(0, 90_000)})

    def move(self, project, verb, before, after):
        session = self.session_of(project, before)
        if session and self.act(f"/v1/sessions/{session['id']}/{verb}"):
            session["status"] = after

    def complete(self, project):
        self.move(project, "complete", "planned", "completed")

    def cancel(self, project):
        self.move(project, "cancel", "planned", "cancelled")

    def reopen(self, project):
        self.move(project, "reopen", "completed", "planned")

    def allocate(self, project):
        self.create("allocation", f"/v1/projects/{project['id']}/allocations",
                    {"amount_cents": self.random.choice((-20_000, 50_000))}, "reason")

    def ask(self, project):
        call = self.create("call", f"/v1/projects/{project['id']}/funding-calls",
                           {"requested_cents": self.random.randrange(1, 100_000)}, "comment")
        if call and self.act(f"/v1/funding-calls/{call['id']}/send"):
            project["calls"].append(call)

    def decide(self, project):
        """Calls that opened by themselves are decided as well."""
        calls = self.read(f"/v1/projects/{project['id']}/funding-calls?status=sent")["funding_calls"]
        if calls:
            call, decision = self.random.choice(calls), self.random.choice(("accept", "adjust", "decline"))
            body = {"decision": decision, "reason": "On the phone"}
            self.act(f"/v1/funding-calls/{call['id']}/decision",
                     body | ({"granted_cents": self.random.randrange(1, 90_000)} if decision == "adjust" else {}))

    def pay(self, project):
        calls = self.read(f"/v1/projects/{project['id']}/funding-calls?status=accepted")["funding_calls"]
        if calls:
            call = self.random.choice(calls)
            self.create("payment", f"/v1/funding-calls/{call['id']}/payments",
                        {"amount_cents": self.random.randrange(1, call["granted_cents"] + 1)}, "reference")

    def settle(self, project):
        """An invoice is paid, too much at times, or credited."""
        invoices = [invoice for invoice in self.read(f"/v1/projects/{project['id']}/invoices")["invoices"]
                    if invoice["kind"] == "invoice"]
        if not invoices:
            return
        invoice = self.random.choice(invoices)
        if self.random.random() < 0.3:
            self.create("credit note", f"/v1/invoices/{invoice['id']}/credit", {}, "reason")
            return
        self.create("invoice payment", f"/v1/invoices/{invoice['id']}/payments",
                    {"amount_cents": self.random.randrange(1, invoice["gross_cents"] + 10), "advance": True}, "reference")

    def bill(self, project):
        self.act(f"/v1/projects/{project['id']}/invoices", {})

    def rename(self, _):
        """Somebody's project: several callers change it at once, each what it has seen."""
        project = self.random.choice(self.until.projects)
        self.patch(f"/v1/projects/{project['id']}", {"purchase_order": f"PO-{self.random.randrange(1000)}"})

    def patch(self, path, body):
        """A change of what was seen; nobody knows whose it was when the answer was lost."""
        seen = self.send("GET", path)
        if not seen.ok:
            return
        version = seen.json()["version"]
        self.count += 1
        answer = self.send("PATCH", path, body, {"If-Match": f'"{version}"'})
        if answer.ok and answer.json()["version"] != version:
            write = self.writes[f"{self.prefix}-{self.count}"] = {"acknowledged": True, "if_match": version}
            self.note(write, path, answer.json())

    def close(self, project):
        for session in project["sessions"]:
            if session["status"] == "planned" and self.act(f"/v1/sessions/{session['id']}/complete"):
                session["status"] = "completed"
        if self.act(f"/v1/projects/{project['id']}/close"):
            self.projects.remove(project)


class Until:
    """When callers begin nothing new (end), when they give up what they began (deadline), and how many seconds they
    pause between two pieces of work, on average."""

    def __init__(self, seconds, patience=60, pause=PAUSE_SECONDS):
        self.patience, self.pause = patience, pause
        self.projects = []  # of all callers
        self.go_on(seconds)

    def go_on(self, seconds):
        """From now on."""
        self.end = time.monotonic() + seconds
        self.deadline = self.end + self.patience
