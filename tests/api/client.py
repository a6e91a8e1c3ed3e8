# SPDX-License-Identifier: Apache-2.0
"""What the tests need to talk to a running stack: HTTPS, mail, its tables, its processes."""
import email
import email.policy
import itertools
import json
import os
import pathlib
import re
import select
import subprocess
import threading
import time

import psycopg2
import requests
from cluster import DATABASE, SUPERUSER
from session import Session
from stack import REPOSITORY, Stack

TIMEOUT_SECONDS = 30
WAIT_SECONDS = 45  # far more than anything takes; a machine that is busy with other things is no fault
POLL_SECONDS_MIN, POLL_SECONDS_MAX = 0.01, 0.1  # rarer and rarer: others want the processors too
START_SECONDS_MAX = 180
PASSWORD_LINK = re.compile(r"/v1/auth/password-resets/([\w.~-]+)")
PASSWORD = "correct horse battery staple"

counter = itertools.count(1)


def wait_until(condition, timeout=WAIT_SECONDS):
    """The first true answer of condition(); fails with its last one after `timeout` seconds."""
    deadline, pause = time.monotonic() + timeout, POLL_SECONDS_MIN
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout} s: {condition.__name__} said {answer!r}"
        time.sleep(pause)
        pause = min(pause * 1.3, POLL_SECONDS_MAX)


def was_ended(connection):
    """Whether the server has ended a connection that was left open."""
    return bool(select.select([connection], [], [], 0)[0])


class RunningStack:
    """A stack in a folder of its own."""

    def __init__(self, folder, build):
        self.place = Stack(pathlib.Path(folder) / "state", build)
        self.state = self.place.state
        self.logs = self.place.logs
        self.maildir = self.place.maildir
        self.read_mails = {}
        self.own = threading.local()

    def command(self, *options):
        """scripts/run, which returns when all is ready."""
        run = [REPOSITORY / "scripts" / "run", "--state", self.state, "--build", self.place.build, "--detach",
               "--empty", *options]
        return run if self.place.ports_file.exists() or "--port" in options else [*run, "--port", "0"]

    def start(self, *options, environment=None):
        """Runs scripts/run until all is ready; `environment` adds ESCARCELLE_… keys."""
        result = subprocess.run(self.command(*options), env=os.environ | (environment or {}), capture_output=True,
                                text=True, timeout=START_SECONDS_MAX, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        self.read_access()

    def read_access(self):
        """How to get in, as access.json says."""
        access = json.loads(self.place.access_file.read_text(encoding="utf-8"))
        self.url, self.email, self.password = access["url"], access["email"], access["password"]
        self.ca_file = access["ca_file"]

    def stop(self):
        self.place.stop()

    # ── processes ───────────────────────────────────────────────────────────────────────────────

    def pid(self, program):
        return int((self.place.pids / f"{program}.pid").read_text(encoding="utf-8"))

    def signal(self, program, number):
        os.kill(self.pid(program), number)

    def log(self, program):
        return (self.logs / f"{program}.log").read_text(encoding="utf-8", errors="replace")

    def is_ready(self):
        try:
            return requests.get(self.url + "/readyz", verify=self.ca_file, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    # ── tables ──────────────────────────────────────────────────────────────────────────────────

    def connect(self, role=SUPERUSER, database=DATABASE):
        """A connection as superuser, as <service> or as <service>_owner."""
        connection = psycopg2.connect(host=str(self.place.sockets / "postgres"), dbname=database, user=role,
                                      password=self.place.secret(f"{role}.password"))
        connection.autocommit = True
        return connection

    def query(self, statement, *parameters):
        """The rows of a statement that a superuser runs; tables are named service.table."""
        connection = getattr(self.own, "connection", None)
        if connection is None or connection.closed or was_ended(connection):
            connection = self.own.connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def tables(self, *services):
        """Every row of every table of these services (all of them unless said), to compare before and after."""
        names = self.query("select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2",
                           list(services or self.place.services()))
        return {f"{schema}.{table}": sorted(row for (row,) in self.query(
            f'select t::text from "{schema}"."{table}" t')) for schema, table in names}

    # ── mail ────────────────────────────────────────────────────────────────────────────────────

    def mails(self, recipient=None):
        """The mails delivered so far (to one recipient), oldest first."""
        files = sorted((self.maildir / "new").glob("*"))
        for file in files:
            if file not in self.read_mails:
                self.read_mails[file] = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        messages = [self.read_mails[file] for file in files]
        return [message for message in messages
                if recipient is None or recipient in message.get_all("Delivered-To", [])]

    def mail(self, recipient, containing="", timeout=WAIT_SECONDS):
        """Waits for a mail whose subject or text contains a text; the first such."""
        def delivered():
            return next((mail for mail in self.mails(recipient)
                         if containing in mail["Subject"] + mail_text(mail)), None)
        return wait_until(delivered, timeout)


def mail_text(mail):
    """The text part of a mail."""
    return mail.get_body(("plain",)).get_content()


class Client:
    """A caller of the gateway. Paths are relative to its URL; answers are requests' responses."""

    def __init__(self, stack):
        self.stack = stack
        self.session = Session(stack.ca_file)
        self.user = None

    def log_in(self, address, password):
        answer = self.post("/v1/auth/login", {"email": address, "password": password})
        assert answer.status_code == 200, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.user = answer.json()["user"]
        return self

    def request(self, verb, path, body=None, *, key=None, if_match=None, headers=None, raw=None, **options):
        """`body` becomes JSON, `raw` is sent as it is; `key` is an Idempotency-Key."""
        headers = dict(headers or {})
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = if_match
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        return self.session.request(verb, self.stack.url + path, json=body, data=raw, headers=headers,
                                    timeout=TIMEOUT_SECONDS, **options)

    def get(self, path, **query):
        return self.request("GET", path, params=query)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def patch(self, path, body, **options):
        return self.request("PATCH", path, body, **options)

    def put(self, path, body, **options):
        return self.request("PUT", path, body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    # ── the good path: the answer's object, or the test fails with what was said ─────────────────

    def read(self, path, **query):
        return expect(self.get(path, **query), 200)

    def create(self, path, body, **options):
        return expect(self.post(path, body, **options), 201)

    def act(self, path, body=None, **options):
        return expect(self.post(path, body, **options), 200)

    def change(self, path, body, **options):
        return expect(self.patch(path, body, **options), 200)


def expect(answer, status):
    """The JSON of an answer that has this status."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def problem(answer, status, code):
    """The problem of a refusal that has this status and code."""
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), answer.text
    assert said["status"] == status and said["type"].endswith(f"/problems/{code}")
    return said


def pointers(answer):
    """The pointers of all violations of a 422, in order."""
    return [error["pointer"] for error in problem(answer, 422, "invalid")["errors"]]


def password_token(stack, recipient):
    """The secret of the last password link mailed to somebody."""
    def mailed():
        links = [PASSWORD_LINK.search(mail_text(mail)) for mail in stack.mails(recipient)]
        return next((link.group(1) for link in reversed(links) if link), None)
    return wait_until(mailed)


def new_operator(stack, admin):
    """A new user with role operator, invited, password set through the mailed link, logged in."""
    address = f"operator-{next(counter)}@escarcelle.example"
    admin.create("/v1/users", {"email": address, "first_name": "Odile", "last_name": "Perrin", "role": "operator"})
    token = password_token(stack, address)
    expect(Client(stack).post(f"/v1/auth/password-resets/{token}", {"new_password": PASSWORD}), 204)
    return Client(stack).log_in(address, PASSWORD)
