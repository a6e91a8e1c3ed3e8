# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL is stopped, restarted, filled up or locked by a stranger: callers are told to come again, what was
acknowledged is stored, and everything goes on by itself."""
import contextlib
import errno
import os
import signal
import subprocess
import time
import uuid

import psycopg2
import pytest
from campaign.round import Round
from client import Client, RunningStack, problem, wait_until
from conftest import build_folder, sanitizer_findings
from factory import client_body, funded_client, new_client, new_project, new_session, new_training, wait_for_budget
from identifiers import new_email
from interference import held, refusing, stopped
from processes import descendants
from races import at_once

DISK_BYTES = 256 << 20
SEED, CALLERS, SECONDS, WRITES_MIN = 20261128, 3, 18, 40
RECOVERS, NO_ROOM, REFUSALS = "all server processes terminated", "No space left on device", 10  # of the server's log
LISTS = {"accounts": "/v1/clients", "budgeting": "/v1/projects", "sessions": "/v1/sessions",
         "funding": "/v1/funding-calls", "invoicing": "/v1/invoices", "notifications": "/v1/messages"}
BACKENDS = "select pid from pg_stat_activity where usename = %s"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own for a folder, of so many bytes."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    folder.mkdir(parents=True)
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={os.getuid()}", "tmpfs",
                    folder], check=True)
    try:
        yield
    finally:
        subprocess.run([*as_root, "umount", folder], check=True)


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """A stack whose database lies on a small disk."""
    stack = RunningStack(tmp_path_factory.mktemp("database"), build_folder())
    with small_disk(stack.state / "database", DISK_BYTES):
        try:
            stack.start()
            stack.query("alter system set max_wal_size = '64MB'")
            stack.query("select pg_reload_conf()")
            yield stack
        finally:
            stack.stop()
    assert list(sanitizer_findings(stack)) == []


@pytest.fixture(scope="module")
def admin(disturbed):
    return Client(disturbed).log_in(disturbed.email, disturbed.password)


# ── what is done to the database ─────────────────────────────────────────────────────────────────


def fill(disk):
    """Until not a byte more goes onto the disk."""
    with open(disk / "filler", "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError as full:
            assert full.errno == errno.ENOSPC


@contextlib.contextmanager
def full_disk(stack):
    disk = stack.state / "database"
    try:
        fill(disk)
        yield lambda: fill(disk)
    finally:
        (disk / "filler").unlink()


def is_there(stack):
    try:
        stack.connect().close()
        return True
    except psycopg2.OperationalError:
        return False


@contextlib.contextmanager
def without_database(stack):
    """Stopped at once, as a power cut would, and not started again before the end."""
    try:
        with stopped(stack.pid("supervisor")):
            stack.signal("postgres", signal.SIGQUIT)
            wait_until(lambda: not is_there(stack))
            yield
    finally:
        wait_until(lambda: is_there(stack))


@contextlib.contextmanager
def without_database_of(stack, service):
    """One service is refused by its database."""
    stack.query(f"alter role {service} nologin")
    stack.query(CUT, service)
    try:
        yield
    finally:
        stack.query(f"alter role {service} login")


# ── what callers see ─────────────────────────────────────────────────────────────────────────────


def told_to_come_again(answer):
    said = problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    return said


def session_body(title="Negotiation"):
    return {"title": title, "start_date": "2026-12-01", "end_date": "2026-12-02"}


def processes(stack):
    return {service: sorted(descendants(stack.pid(service))) for service in LISTS}


def everything_goes_on(stack, admin):
    """Every lane, courier and jobs process does its part, without anybody's help."""
    wait_until(lambda: Client(stack).post("/v1/auth/login", {
        "email": stack.email, "password": stack.password}).status_code == 200)  # slow
    for path in LISTS.values():  # fast, and leaf for the token
        wait_until(lambda path=path: admin.get(path).status_code == 200)
    address = new_email("list")
    project = new_project(admin, funded_client(admin), mailing_list=[{"email": address}])
    new_training(admin, new_session(admin, project), 900_000)
    wait_for_budget(admin, project, consumed_cents=900_000, state="alert")  # couriers
    stack.mail(address)  # notifications' jobs
    free = new_project(admin, funded_client(admin))
    admin.act(f"/v1/projects/{free['id']}/close")
    invoice = wait_until(lambda: admin.read(f"/v1/projects/{free['id']}/invoices")["invoices"])[0]
    wait_until(lambda: admin.get(f"/v1/invoices/{invoice['id']}/pdf").status_code == 200)  # invoicing's jobs
    assert admin.read("/v1/audit-entries/verification")["verified"]


def test_everything_waits_for_a_database_that_was_stopped(disturbed, admin):
    """Meanwhile 503 with Retry-After, for readers and writers, with a token and without; no process ends for it."""
    before = processes(disturbed)
    path_of_sessions = f"/v1/projects/{new_project(admin, funded_client(admin))['id']}/sessions"
    with without_database(disturbed):
        wait_until(lambda: not disturbed.is_ready())
        for path in LISTS.values():
            told_to_come_again(admin.get(path))
        told_to_come_again(admin.post("/v1/clients", client_body()))
        told_to_come_again(admin.post(path_of_sessions, session_body()))
        told_to_come_again(admin.post("/v1/auth/login", {"email": disturbed.email, "password": disturbed.password}))
    everything_goes_on(disturbed, admin)
    assert disturbed.is_ready() and processes(disturbed) == before


@pytest.mark.parametrize("service", [service for service in LISTS if service != "accounts"])
def test_one_service_without_its_database_answers_for_itself(disturbed, admin, service):
    """The others go on."""
    with without_database_of(disturbed, service):
        told_to_come_again(admin.get(LISTS[service]))
        for other in LISTS.keys() - {service}:
            assert admin.get(LISTS[other]).status_code == 200
    wait_until(lambda: admin.get(LISTS[service]).status_code == 200)


def test_a_lock_of_a_strangers_costs_those_who_need_it(disturbed, admin):
    """They are told to come again, other requests are served, and nothing was done when it is over."""
    project = new_project(admin, funded_client(admin))
    path, key = f"/v1/projects/{project['id']}/sessions", str(uuid.uuid4())
    with held(disturbed, "lock table sessions.session in access exclusive mode"):
        refused, read = at_once(lambda: admin.post(path, session_body(), key=key),
                                lambda: admin.get("/v1/sessions"))
        told_to_come_again(refused)
        told_to_come_again(read)
        assert admin.get("/v1/trainings/" + str(uuid.uuid4())).status_code == 404
    assert admin.read(path)["sessions"] == []
    answer = admin.post(path, session_body(), key=key)
    assert answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers


def test_locks_of_a_strangers_delay_events(disturbed, admin):
    """They hold up the producer's numbering, or a consumer; beyond lock_timeout nothing is given up or parked."""
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    held_up = ("sessions", "budgeting", "accounts")
    with held(disturbed, "select from sessions.stream_head for update; "
                         "lock table budgeting.client, accounts.audit_entry in access exclusive mode") as wait_for:
        client = new_client(admin)
        new_training(admin, session, 900_000)
        for service in held_up:
            wait_for(service)
        first = {service: waiting_since(disturbed, service) for service in held_up}
        for service in held_up:  # it gave up once and came again
            wait_until(lambda service=service: waiting_since(disturbed, service) not in (None, first[service]))
    wait_for_budget(admin, project, consumed_cents=900_000, state="alert")
    wait_until(lambda: disturbed.query("select 1 from budgeting.client where id = %s", client["id"]))
    wait_until(lambda: disturbed.query("select 1 from accounts.audit_entry where project_id = %s "
                                       "and type = 'sessions.TrainingAdded'", project["id"]))
    for service in held_up:
        assert disturbed.query(f"select * from {service}.parked_event") == []


def waiting_since(stack, role):
    rows = stack.query("select min(query_start) from pg_stat_activity where usename = %s and wait_event_type = 'Lock'",
                       role)
    return rows[0][0]


def test_a_full_disk_refuses_and_recovers(disturbed, admin):
    """What finds no room is 503 and leaves nothing, however often; with room everything goes on."""
    path = f"/v1/projects/{new_project(admin, funded_client(admin))['id']}/sessions"
    acknowledged, refused, unknown = {}, set(), set()

    def post():
        title, key = f"session {len(acknowledged) + len(refused) + len(unknown)}", str(uuid.uuid4())
        answer = admin.post(path, session_body(title), key=key)
        if answer.status_code == 201:
            acknowledged[title] = key
        elif answer.status_code == 504:
            # A server that finds no room for its log within a commit ends itself: nobody knows what came of that one.
            assert "the outcome is unknown" in problem(answer, 504, "timeout")["detail"]
            assert "PANIC" in disturbed.log("postgres")
            unknown.add(title)
        else:
            told_to_come_again(answer)
            refused.add(title)
        return answer
    with full_disk(disturbed) as keep_full:
        def is_refused():
            keep_full()
            return post().status_code == 503
        wait_until(is_refused)
        for _ in range(20):
            keep_full()
            post()
    everything_goes_on(disturbed, admin)
    stored = {title for (title,) in disturbed.query("select title from sessions.session where project_id = %s",
                                                    path.split("/")[3])}
    assert acknowledged.keys() <= stored <= acknowledged.keys() | unknown
    for title, key in acknowledged.items():
        assert admin.post(path, session_body(title), key=key).headers["Idempotent-Replayed"] == "true"


def test_an_error_right_after_a_reconnection_is_over_with_its_cause(disturbed, admin):
    """What a new connection could not prepare behind a statement that failed is prepared when it is needed."""
    path = f"/v1/projects/{new_project(admin, funded_client(admin))['id']}/sessions"

    def post():
        return admin.post(path, session_body(), key=str(uuid.uuid4()))
    with refusing(disturbed, "sessions.outbox", "true", "53100"):
        disturbed.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sessions'")
        for answer in at_once(*[post] * 16):
            told_to_come_again(answer)
    assert {answer.status_code for answer in at_once(*[post] * 16)} == {201}


def test_connections_that_died_while_idle_cost_no_request(disturbed, admin):
    """A restart of PostgreSQL is over when it takes connections again, for what asks before its transaction too."""
    path = f"/v1/projects/{new_project(admin, funded_client(admin))['id']}/sessions"
    admin.create(path, session_body())
    disturbed.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = any(%s)", list(LISTS))
    answers = at_once(*[lambda: admin.post(path, session_body())] * 12, *[lambda: admin.get("/v1/sessions")] * 12)
    assert {answer.status_code for answer in answers} == {200, 201}


# ── all of it under load ─────────────────────────────────────────────────────────────────────────


class Disturbances:
    """In place of a campaign's faults: the database only, each of them in turn, each seen to hit, and over before the
    next. None of them touches who sends mails, or the mail server: none arrives twice."""

    def __init__(self, stack):
        self.stack, self.done, self.died = stack, [], {}

    def said(self, words):
        """How often the server has."""
        return self.stack.log("postgres").count(words)

    def end_the_server(self, number):
        before = self.stack.pid("postgres")
        os.kill(before, number)
        wait_until(lambda: self.stack.pid("postgres") != before)

    def stop_at_once(self):
        self.end_the_server(signal.SIGQUIT)

    def restart(self):
        self.end_the_server(signal.SIGINT)

    def kill_the_postmaster(self):
        self.end_the_server(signal.SIGKILL)

    def kill_a_backend(self):
        before = self.said(RECOVERS)
        wait_until(lambda: self.stack.query(BACKENDS, "sessions"))
        os.kill(self.stack.query(BACKENDS, "sessions")[0][0], signal.SIGKILL)
        wait_until(lambda: self.said(RECOVERS) > before)

    def cut_sessions(self):
        for service in ("sessions", "budgeting", "notifications"):
            wait_until(lambda service=service: self.stack.query(CUT, service))

    def fill_the_disk(self):
        before = self.said(NO_ROOM)
        with full_disk(self.stack) as keep_full:
            wait_until(lambda: keep_full() or self.said(NO_ROOM) >= before + REFUSALS)

    def lock_tables(self):
        """One after the other: before somebody waits for sessions, all callers could wait for the ledger."""
        with held(self.stack, "lock table sessions.training in access exclusive mode") as wait_for:
            wait_for("sessions")
            with held(self.stack, "lock table budgeting.ledger_entry, notifications.message in access exclusive mode"):
                first = waiting_since(self.stack, "sessions")
                wait_until(lambda: waiting_since(self.stack, "sessions") not in (None, first))

    def go_on(self, _):
        for disturb in (self.stop_at_once, self.kill_a_backend, self.cut_sessions, self.fill_the_disk, self.restart,
                        self.lock_tables, self.kill_the_postmaster):
            began = time.time()
            disturb()
            wait_until(lambda: is_there(self.stack) and self.stack.is_ready())
            self.done.append((began, time.time(), disturb.__name__, None))


def test_what_was_acknowledged_is_stored_whatever_happens_to_the_database(disturbed):
    """Callers with a record of their own go on all the while; the referee finds nothing."""
    played = Round(disturbed, SEED, Disturbances(disturbed), CALLERS)
    played.play(SECONDS)
    findings = played.judge()
    print(played.summary())
    assert {what: found for what, found in findings.items() if found} == {}
    assert played.acknowledged() >= WRITES_MIN
