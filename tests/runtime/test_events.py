# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost, nothing happens twice, and nothing overtakes what it follows from: the event path of a real
stack while its processes are killed, frozen and lied to."""
import concurrent.futures
import contextlib
import hashlib
import itertools
import os
import signal
import subprocess
import threading
import uuid

import pytest
import requests
from client import Client, expect, new_operator, wait_until
from facts import wait_until_settled
from factory import (client_body, funded_client, new_client, new_project, new_session, new_training,
                     wait_for_status)
from identifiers import new_email
from interference import child, down, held, kill, refusing, stopped, without_broker
from streams import (SERVICES, assert_chains, connected, costs_of, costs_posted, cursor, event_hash, followers, head, log,
                     projections, published, tell_budgeting_something_else, wait_until_posted, wire)

ANSWER_SECONDS_MAX = 2  # a request whose worker or broker is killed gets no answer before the gateway's deadline
REPEATABLE = (409, 500, 502, 503, 504)

DEATHS_MAX = 3  # of one event
CRASH = signal.SIGXCPU  # ends a process as a fault of its own does; nothing here sends it
BATCH_MAX = 100  # events applied in one transaction

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def stack(start_stack):
    """A stack of these tests' own: they kill its processes."""
    running = start_stack()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(stack):
    return Client(stack).log_in(stack.email, stack.password)


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 1_000_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client, auto_funding_call=False)


@pytest.fixture
def session(admin, project):
    return new_session(admin, project)


@pytest.fixture(autouse=True)
def settled(stack):
    """Every test begins and ends with all events applied by all who follow them."""
    wait_until_settled(stack)
    yield
    wait_until_settled(stack)
    assert_chains(stack)


def add_training(caller, session, cost_cents):
    """The training that one Idempotency-Key makes, however often its request is lost."""
    key = f"training-{next(numbers)}"
    body = {"title": "Negotiating", "provider": "Formatys", "cost_cents": cost_cents, "vat_rate_bp": 2000,
            "date": session["start_date"]}

    def added():
        with contextlib.suppress(requests.Timeout, requests.ConnectionError):
            answer = caller.session.post(f"{caller.stack.url}/v1/sessions/{session['id']}/trainings", json=body,
                                         headers={"Idempotency-Key": key}, timeout=ANSWER_SECONDS_MAX)
            assert answer.status_code == 201 or answer.status_code in REPEATABLE, answer.text
            return answer.json() if answer.status_code == 201 else None
    return wait_until(added)


# ── order, doubles, losses ──────────────────────────────────────────────────────────────────────


def test_an_event_waits_for_what_its_producer_had_applied(stack, admin, project, session):
    """An event that is delivered before what its `applied` names, and what follows it, wait until that has come."""
    place = head(stack, "accounts") + 2
    with stopped(child(stack, "sessions", "courier")):
        early = new_training(admin, session, 300_00)
        stack.query("update sessions.outbox set applied = %s", f"accounts:1:{place}")
    behind = new_training(admin, session, 200_00)
    wait_until(lambda: stack.query("select 1 from accounts.stream_cursor where consumer = 'audit' "
                                   "and producer = 'sessions' and sequence = %s", head(stack, "sessions")))
    tell_budgeting_something_else(stack, admin, project)
    new_client(admin)
    wait_until(lambda: cursor(stack, "budgeting", "accounts") == place - 1)
    assert costs_posted(stack, project) == []
    new_client(admin)
    wait_until_posted(stack, project, [early, behind])


def test_a_doubled_publication_has_one_effect(stack, admin, project, session):
    """What is published again, alone or with all before it, changes nothing."""
    first = new_training(admin, session, 300_00)
    wait_until_settled(stack)
    events = log(stack, "sessions")
    with wire(stack, "sessions") as sessions:
        sessions.publish(published(events[-1]))
        sessions.publish(published(*events))
    second = new_training(admin, session, 200_00)
    wait_until_posted(stack, project, [first, second])


@contextlib.contextmanager
def publications_lost(stack, admin, session, count):
    """Trainings whose events are numbered while nobody hears of them; the sessions' courier is frozen meanwhile."""
    wait_until(lambda: stack.query("select 1 from sessions.outbox") == [])
    courier, place = child(stack, "sessions", "courier"), head(stack, "sessions")
    with stopped(courier):
        trainings = [new_training(admin, session, 100_00 + number) for number in range(count)]
        with without_broker(stack):
            os.kill(courier, signal.SIGCONT)
            wait_until(lambda: head(stack, "sessions") == place + count)
            os.kill(courier, signal.SIGSTOP)
        yield trainings
    # Whoever writes next, without a key, is answered by way of the new broker.
    wait_until(lambda: admin.get("/v1/projects", page_size=1).status_code == 200)


def test_a_gap_is_asked_for(stack, admin, project, session):
    """A publication that overtakes lost ones makes the consumer ask for these, and is applied after them."""
    with publications_lost(stack, admin, session, 3) as trainings, wire(stack, "sessions") as sessions:
        assert costs_posted(stack, project) == []
        later = published(log(stack, "sessions")[-1])

        def asked():  # published until the consumer has found the new broker
            sessions.publish(later)
            return costs_posted(stack, project)
        wait_until(asked)
        wait_until_posted(stack, project, trainings)


def test_a_lost_tail_is_found_by_the_heartbeat(stack, admin, project, session):
    """Events that were the last and whose publication was lost are applied though nothing follows them."""
    with publications_lost(stack, admin, session, 3) as trainings:
        assert costs_posted(stack, project) == []
    wait_until_posted(stack, project, trainings)


def test_a_frozen_consumer_catches_up(stack, admin, project, session):
    """A consumer's courier that slept applies what came meanwhile."""
    with stopped(child(stack, "budgeting", "courier")):
        trainings = [new_training(admin, session, 100_00) for _ in range(3)]
        wait_until(lambda: not stack.query("select 1 from sessions.outbox"))
        assert costs_posted(stack, project) == []
    wait_until_posted(stack, project, trainings)


def test_a_service_that_was_away_catches_up(stack, admin, project, session):
    """A whole service that was down while its producer went on applies all of it, once."""
    with down(stack, "budgeting"):
        trainings = [new_training(admin, session, 100_00) for _ in range(3)]
        wait_until(lambda: not stack.query("select 1 from sessions.outbox"))
    wait_until_posted(stack, project, trainings)


def bill(admin):
    """What invoicing's reactions do once: a completed session and a closing are billed, mailed, and one is paid."""
    client = funded_client(admin, commission={"basis": "consumed_value", "rate_bp": 500, "triggers": ["session_completed"]})
    project, unused = new_project(admin, client), new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    new_training(admin, session, 300_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    admin.act(f"/v1/projects/{unused['id']}/close")

    def sent(project):
        return [invoice for invoice in admin.read(f"/v1/projects/{project['id']}/invoices")["invoices"]
                if invoice["status"] == "sent"]
    invoice, _ = wait_until(lambda: sent(project)) + wait_until(lambda: sent(unused))
    admin.create(f"/v1/invoices/{invoice['id']}/payments", {"amount_cents": 1_000, "reference": "VIR-1"})


def done_by(stack, service):
    """All rows of a service but those of its courier and of its state, the messages that were made of what it told, and
    the mails that arrived."""
    moving = {f"{service}.{table}" for table in ("stream_cursor", "stream_head", "instance")}
    rows = {name: rows for name, rows in stack.tables(service, "notifications").items()
            if name.startswith((f"{service}.", "notifications.message")) and name not in moving}
    return rows | {"mails": sorted(mail["Message-ID"] for mail in stack.mails())}


def test_events_too_large_to_be_taken_together_are_taken_one_by_one(stack, admin, session):
    """A batch needs more memory than one call may use: the audit log, which parks nothing, goes on in smaller steps."""
    large = {"description": "€" * 5_000, "trainers": ["€" * 200] * 50}
    with stopped(child(stack, "accounts", "courier")):
        added = {new_training(admin, session, 1, **large)["id"] for _ in range(BATCH_MAX)}
    wait_until_settled(stack)
    recorded = stack.query("select subject_id from accounts.audit_entry where type = 'sessions.TrainingAdded'")
    assert added <= {subject for (subject,) in recorded}


def test_a_late_joiner_reads_everything_from_the_start(stack, admin):
    """A service that has applied nothing yet gets the same projections as one that was there all the time, and does
    nothing that it did before once more: no invoice, no trigger, no event, no mail."""
    bill(admin)
    wait_until(lambda: not stack.query("select 1 from notifications.message where status = 'queued'"))
    wait_until_settled(stack)
    before, done = projections(stack, "invoicing"), done_by(stack, "invoicing")
    with down(stack, "invoicing"):
        stack.query(f"truncate invoicing.stream_cursor, {', '.join(f'invoicing.{table}' for table in before)}")
    wait_until(lambda: stack.query("select 1 from invoicing.stream_cursor"))
    wait_until_settled(stack)
    assert all(before.values()) and projections(stack, "invoicing") == before
    again = done_by(stack, "invoicing")
    assert {name: rows for name, rows in again.items() if rows != done[name]} == {}


def test_copies_written_together_are_as_if_each_were_written_by_itself(stack, admin, project):
    """Whatever a text holds; several versions of one object; one that is gone again."""
    def failures():
        return stack.log("invoicing").count("were not applied")  # the runtime would try again, one by one
    before = failures()
    titles = ['NULL', 'null, "quoted" {and} \\ back', "l'été à 100 %", '{"a": [1]}', "'; --", '"', "\\"]
    with down(stack, "invoicing"):
        session = new_session(admin, project, title=titles[1])
        trainings = [new_training(admin, session, 100 + i, title=title) for i, title in enumerate(titles)]
        for cost_cents in (500, 600, 700):
            admin.change(f"/v1/trainings/{trainings[0]['id']}", {"cost_cents": cost_cents})
        expect(admin.delete(f"/v1/trainings/{trainings[1]['id']}"), 204)
        admin.change(f"/v1/trainings/{trainings[2]['id']}", {"cost_cents": 1})
    wait_until_settled(stack)
    expected = {training["id"]: (training["title"], 100 + i, i == 1) for i, training in enumerate(trainings)}
    expected[trainings[0]["id"]] = (titles[0], 700, False)
    expected[trainings[2]["id"]] = (titles[2], 1, False)
    rows = stack.query("select id::text, title, cost_cents, deleted from invoicing.training where session_id = %s",
                       session["id"])
    assert {row[0]: row[1:] for row in rows} == expected
    assert stack.query("select title from invoicing.session where id = %s", session["id"]) == [(titles[1],)]
    assert failures() == before


def test_a_foreign_chain_stops_the_stream_and_says_what_to_do(stack, admin, project, session):
    """An event that does not follow the last one is not applied, nor is anything behind it; other streams go on."""
    wait_until_settled(stack)
    last = log(stack, "sessions")[-1]
    foreign = last | {"sequence": last["sequence"] + 1, "event_id": str(uuid.uuid4()),
                      "previous_hash": hashlib.sha256(b"another chain").digest()}
    foreign["hash"] = event_hash(foreign, foreign["previous_hash"])
    consumers = followers(stack, "sessions")
    with wire(stack, "sessions") as sessions:
        def all_stopped():
            sessions.publish(published(foreign))
            return all(f"is stopped behind {last['sequence']}" in stack.log(service) for service in consumers)
        wait_until(all_stopped)
    said = next(line for line in stack.log("budgeting").splitlines() if "is stopped behind" in line)
    assert "the chain is another one" in said and "restore" in said and "start" in said
    training = new_training(admin, session, 300_00)
    tell_budgeting_something_else(stack, admin, project)
    assert costs_posted(stack, project) == []
    for service in consumers:
        kill(stack, service, "courier")
    wait_until_posted(stack, project, [training])


# ── kills ───────────────────────────────────────────────────────────────────────────────────────

SESSION_ROW = "select from sessions.session where id = '{session}' for update"
SESSIONS_HEAD = "select from sessions.stream_head for update"
SESSIONS_LOG = "lock table sessions.event_log in share mode"
PROJECT_ROW = "select from budgeting.project where id = '{project}' for update"


@pytest.mark.parametrize("program, role, step, waits", [
    pytest.param("sessions", "fast", SESSION_ROW, "sessions", id="producer-worker-in-its-transaction"),
    pytest.param("broker", "broker", SESSION_ROW, "sessions", id="broker-with-the-request-in-hand"),
    pytest.param("sessions", "courier", SESSIONS_HEAD, "sessions", id="producer-courier-before-numbering"),
    pytest.param("sessions", "courier", SESSIONS_LOG, "sessions", id="producer-courier-while-numbering"),
    pytest.param("sessions", None, SESSIONS_LOG, "sessions", id="producer-parent-while-numbering"),
    pytest.param("broker", "broker", SESSIONS_LOG, "sessions", id="broker-before-the-publication"),
    pytest.param("budgeting", "courier", PROJECT_ROW, "budgeting", id="consumer-courier-while-applying"),
    pytest.param("budgeting", None, PROJECT_ROW, "budgeting", id="consumer-parent-while-applying"),
])
def test_a_kill_at_a_step_loses_and_doubles_nothing(stack, admin, project, session, program, role, step, waits):
    """A process of the event path is killed while it is held at a step: the cost is in the ledger once."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(stack, step.format(session=session["id"], project=project["id"])) as wait_for:
            adding = pool.submit(add_training, admin, session, 300_00)
            wait_for(waits)
            kill(stack, program, role)
        training = adding.result()
    wait_until_posted(stack, project, [training])


VICTIMS = [("sessions", "fast"), ("sessions", "courier"), ("broker", "broker"), ("budgeting", "courier"),
           ("budgeting", None)]


def test_kills_in_full_flow_lose_and_double_nothing(stack, project, session):
    """Trainings are added without pause while every process of the path is killed in turn."""
    trainings, enough = [], threading.Event()

    def add():
        caller = Client(stack).log_in(stack.email, stack.password)
        while not enough.is_set():
            trainings.append(add_training(caller, session, 10_00))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        adding = [pool.submit(add), pool.submit(add)]
        try:
            for program, role in VICTIMS * 2:
                before = len(trainings)
                wait_until(lambda: len(trainings) >= before + 4)
                kill(stack, program, role)
        finally:
            enough.set()
        for each in adding:
            each.result()
    wait_until_settled(stack)
    assert costs_posted(stack, project) == costs_of(trainings)


# ── the lease ───────────────────────────────────────────────────────────────────────────────────


def lease(stack):
    return stack.query("select lease_holder, lease_fence from sessions.stream_head")[0]


@contextlib.contextmanager
def second_sessions(stack):
    """The program once more, as on a second machine."""
    environment = stack.place.service_environment("sessions", 1, stack.place.ports_used()["smtp"])
    with open(stack.logs / "sessions-2.log", "wb") as output:
        program = subprocess.Popen([stack.place.binary("sessions")], env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        program.terminate()
        program.wait(20)


def test_a_frozen_lease_holder_numbers_nothing_when_it_wakes_up(stack, admin, project, session):
    """While one courier is frozen another takes over; awake again, the first one waits."""
    holder, fence = lease(stack)
    with second_sessions(stack):
        with stopped(child(stack, "sessions", "courier")):
            wait_until(lambda: lease(stack)[0] != holder)
            trainings = [new_training(admin, session, 100_00)]
            wait_until_posted(stack, project, trainings)
            trainings.append(new_training(admin, session, 200_00))
        wait_until(lambda: "another courier is active" in stack.log("sessions"))
        trainings.append(new_training(admin, session, 300_00))
        wait_until_posted(stack, project, trainings)
        assert lease(stack)[1] > fence
    trainings.append(new_training(admin, session, 400_00))
    wait_until_posted(stack, project, trainings)
    assert lease(stack)[0] == holder and lease(stack)[1] > fence + 1


def test_the_fence_holds_in_the_numbering_itself(stack, admin, project, session):
    """A courier whose lease was taken a moment ago does not number, though it does not know yet."""
    warnings = stack.log("sessions").count("another courier is active")
    expiry = "select lease_expires_at from sessions.stream_head"
    wait_until(lambda: not stack.query("select 1 from sessions.outbox"))
    renewed = stack.query(expiry)
    wait_until(lambda: stack.query(expiry) != renewed)
    place = head(stack, "sessions")
    stack.query("update sessions.stream_head set lease_holder = 'another', lease_fence = lease_fence + 1, "
                "lease_expires_at = 'infinity'")
    try:
        training = new_training(admin, session, 300_00)
        wait_until(lambda: stack.log("sessions").count("another courier is active") > warnings)
        assert (head(stack, "sessions"), stack.query("select count(*) from sessions.outbox")) == (place, [(1,)])
    finally:
        stack.query("update sessions.stream_head set lease_expires_at = '-infinity'")
    wait_until_posted(stack, project, [training])


# ── what can't be applied ───────────────────────────────────────────────────────────────────────


def parked(stack, project):
    return stack.query("select sequence, reason, attempts from budgeting.parked_event where project = %s "
                       "order by position", project["id"])


def assert_parked_with_what_follows(stack, admin, client, project, session):
    """Later events of the project are parked behind the first; those of another project are applied."""
    elsewhere = new_project(admin, client, auto_funding_call=False)
    new_training(admin, session, 200_00)
    other = new_training(admin, new_session(admin, elsewhere), 100_00)
    wait_until_posted(stack, elsewhere, [other])
    wait_until_settled(stack)
    assert costs_posted(stack, project) == []
    first, second = parked(stack, project)
    assert first[0] < second[0] and "earlier event" in second[1]
    return first


def test_a_poisoned_event_is_parked(stack, admin, client, project, session):
    """An event that fails for good is tried three times, then parked, and what follows it in its project."""
    with refusing(stack, "budgeting.ledger_transaction", f"new.project_id = '{project['id']}'", "23514"):
        new_training(admin, session, 300_00)
        wait_until(lambda: parked(stack, project))
    _, reason, attempts = assert_parked_with_what_follows(stack, admin, client, project, session)
    assert attempts == 3 and "earlier event" not in reason
    assert f"is parked: {reason}" in stack.log("budgeting")


@pytest.mark.parametrize("roles", [["courier"], ["courier", "courier", None]], ids=["courier", "program-too"])
def test_an_event_that_kills_its_process_is_parked(stack, admin, client, project, session, roles):
    """The courier that dies again and again of the same event goes on without it, also when the whole program, and with
    it the count, dies in between."""
    deaths = itertools.chain(roles, itertools.repeat("courier", 2 * DEATHS_MAX))
    with held(stack, PROJECT_ROW.format(project=project["id"])) as wait_for:
        new_training(admin, session, 300_00)
        while not wait_for("budgeting", unless=lambda: parked(stack, project)):
            left = stack.query("select pid from pg_stat_activity where usename = 'budgeting' and wait_event_type = 'Lock'")
            role = next(deaths)
            kill(stack, "budgeting", role, CRASH if role else signal.SIGKILL)
            for (pid,) in left:  # no other: the next courier may wait already
                stack.query("select pg_terminate_backend(%s, 30000)", pid)
    _, reason, _ = assert_parked_with_what_follows(stack, admin, client, project, session)
    assert "killed the process" in reason


def test_an_event_whose_process_is_killed_from_outside_is_applied_at_last(stack, admin, project, session):
    """However often: it was not the event that ended it."""
    with held(stack, PROJECT_ROW.format(project=project["id"])) as wait_for:
        training = new_training(admin, session, 300_00)
        for _ in range(2 * DEATHS_MAX):
            wait_for("budgeting")
            left = stack.query("select pid from pg_stat_activity where usename = 'budgeting' and wait_event_type = 'Lock'")
            kill(stack, "budgeting", "courier")
            for (pid,) in left:
                stack.query("select pg_terminate_backend(%s, 30000)", pid)
    wait_until_posted(stack, project, [training])
    assert parked(stack, project) == []


# ── personal data ───────────────────────────────────────────────────────────────────────────────


MAIL_ARCHIVE = {"notifications.message", "notifications.message_source"}  # what was sent is kept (NOT-4)


class Person:
    """Words that nothing but this test's personal fields contain."""

    def __init__(self):
        self.email = new_email("personne")
        self.name = f"Bérénice Quévreux {uuid.uuid4().hex[:8]}"
        self.trainer = f"Zéphyrin Ménard {uuid.uuid4().hex[:8]}"
        self.listed = new_email("liste")
        self.phone = f"+336{uuid.uuid4().int % 10**8:08d}"
        self.words = (self.email, self.name, self.trainer, self.listed, self.phone)


@pytest.fixture
def person():
    return Person()


def create_with(admin, person):
    """A client whose personal data is in every kind of field, its project closed again."""
    body = client_body(billing_contact={"name": person.name, "email": person.email, "phone": person.phone})
    client = admin.create("/v1/clients", body, key=f"client-{body['siren']}")
    project = admin.create("/v1/projects", {
        "client_id": client["id"], "name": "Academy", "initial_budget_cents": 0, "auto_funding_call": False,
        "alert_threshold": {"percent_bp": 8000}, "mailing_list": [{"email": person.listed}]}, key=client["id"])
    session = new_session(admin, project)
    expect(admin.post(f"/v1/sessions/{session['id']}/trainings", {
        "title": "Negotiating", "provider": "Formatys", "cost_cents": 0, "vat_rate_bp": 2000,
        "date": session["start_date"], "trainers": [person.trainer]}, key=session["id"]), 201)
    return client, project, session


def archive(stack, admin, client, project, session):
    admin.act(f"/v1/sessions/{session['id']}/cancel")
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until_settled(stack)
    expect(admin.delete(f"/v1/clients/{client['id']}"), 204)
    wait_until_settled(stack)


def tables_holding(stack, words):
    """The tables in which one of these words is written, in text or in bytes."""
    spelled = [spelling for word in words for spelling in (word, word.encode().hex())]
    with connected(stack) as query:
        return {table for table, in query("select schemaname || '.' || tablename from pg_tables "
                                          "where schemaname = any(%s)", list(SERVICES))
                if any(word in row for row, in query(f"select t::text from {table} t") for word in spelled)}


def test_personal_data_is_in_no_event_log(stack, admin, person):
    """Names, addresses and numbers of people, and where they call from, lie beside the log, never in it."""
    create_with(admin, person)
    operator = new_operator(stack, admin)
    new_client(operator)
    wait_until_settled(stack)
    words = (*person.words, admin.user["email"], operator.user["email"], operator.user["last_name"])
    events = [event for service in SERVICES for event in log(stack, service)]

    def written(*columns):
        return b"\0".join(event[column] or b"" for event in events for column in columns)
    assert [word for word in words if word.encode() in written("payload", "actor")] == []
    assert [word for word in words if word.encode() not in written("personal", "actor_personal")] == []
    assert b"127.0.0.1" in written("actor_personal") and b"127.0.0.1" not in written("actor")


def test_archiving_erases_a_client_everywhere_and_the_chains_still_verify(stack, admin, person):
    """Side tables, projections, kept replies and the audit log's side forget; no chain is broken."""
    client, project, session = create_with(admin, person)
    wait_until_settled(stack)
    held_before = tables_holding(stack, person.words)
    for table in ("accounts.event_personal", "budgeting.event_personal", "sessions.event_personal",
                  "accounts.idempotency_key", "budgeting.idempotency_key", "sessions.idempotency_key",
                  "accounts.audit_personal", "accounts.audit_object", "notifications.client", "notifications.project"):
        assert table in held_before
    archive(stack, admin, client, project, session)
    assert tables_holding(stack, person.words) <= MAIL_ARCHIVE
    assert stack.query("select kind, status, last_error from notifications.message where client_id = %s "
                       "and status <> 'sent' and recipient is not null", client["id"]) == []
    assert_chains(stack)
    assert admin.read("/v1/audit-entries/verification")["verified"]


def test_what_arrives_after_an_erasure_is_forgotten(stack, admin, person):
    """An event that was told before its producer erased the client, and comes after the consumer did, names nobody."""
    client, project, session = create_with(admin, person)
    wait_until_settled(stack)
    for consumer in ("accounts", "notifications"):
        stack.query(f"insert into {consumer}.erased_client (client) values (%s)", client["id"])
    late = Person()
    admin.change(f"/v1/projects/{project['id']}", {"mailing_list": [{"email": late.listed}]})
    wait_until_settled(stack)
    assert tables_holding(stack, [late.listed]) == {"budgeting.project", "budgeting.event_personal"}
    archive(stack, admin, client, project, session)
    assert tables_holding(stack, [late.listed]) == set()


# ── much at once ────────────────────────────────────────────────────────────────────────────────


def test_more_events_than_a_connection_queues_are_told_in_one_transaction(stack, admin):
    """A batch that queues mails to a hundred people, and an archiving that cancels them all."""
    client = new_client(admin)
    project = new_project(admin, client, 0, mailing_list=[{"email": new_email("many")} for _ in range(100)])
    admin.act("/v1/ops/mail-queue/pause", {"reason": "Nobody is to be told."})
    try:
        with stopped(child(stack, "notifications", "courier")):
            sessions = [new_session(admin, project) for _ in range(12)]
        mails = "select count(*) from notifications.message where project_id = %s and status = any(%s)"
        wait_until(lambda: stack.query(mails, project["id"], ["queued", "held"]) == [(1200,)])
        for session in sessions:
            admin.act(f"/v1/sessions/{session['id']}/cancel")
        admin.act(f"/v1/projects/{project['id']}/close")
        wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
        wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code == 204)
        wait_until(lambda: stack.query(mails, project["id"], ["queued", "held"]) == [(0,)])
    finally:
        admin.act("/v1/ops/mail-queue/release")
    assert f"was ended by signal {signal.SIGABRT:d}" not in stack.log("notifications")
