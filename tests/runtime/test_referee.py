# SPDX-License-Identifier: Apache-2.0
"""The referee finds nothing in a stack that was left alone, and finds each thing that somebody bends."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
from client import Client, expect, wait_until
from cluster import DATABASE, SUPERUSER
from factory import budget, funded_client, new_project, new_training, wait_for_budget, wait_for_status
from funding_calls import decide, path_of, sent_call
from referee import books, documents, effects, load, mails, postings, streams, told
from referee.evidence import CHECKS, Evidence
from tables import Fingerprints

RUNTIME = pathlib.Path(__file__).resolve().parent

# What is bent, and the check that must see it.
BENT = [
    (books.balance, "update budgeting.ledger_entry set amount_cents = amount_cents + 1 where position = 1"),
    (books.figures, "update budgeting.envelope set envelope_cents = envelope_cents + 1"),
    (books.figures, "update budgeting.project set planned_cents = planned_cents + 1"),
    (books.trainings, "update sessions.training set cost_cents = cost_cents + 1"),
    (books.totals, "update sessions.session set total_vat_cents = total_vat_cents + 1"),
    (books.totals, "delete from sessions.training"),
    (books.crossings, "delete from budgeting.event_log where type = 'budgeting.BudgetThresholdReached'"),
    (books.receivables, "update budgeting.envelope set receivable_cents = receivable_cents - 1"),
    (books.receivables, "update funding.funding_payment set amount_cents = amount_cents + 1"),
    (books.open_calls, "update funding.funding_call set status = 'sent' where reason = 'threshold'; insert into funding.funding_call "
                       "(id, project_id, client_id, reason, status, requested_cents, call_date, sent_at, expires_at) select "
                       "gen_random_uuid(), project_id, client_id, reason, status, requested_cents, call_date, sent_at, "
                       "expires_at from funding.funding_call where reason = 'threshold'"),
    (documents.numbers, "update invoicing.invoice set number = 'FA-2026-000009'"),
    (documents.amounts, "update invoicing.invoice_line set net_cents = net_cents + 1"),
    (documents.bytes_kept, "update invoicing.invoice_document set content = content || '\\x00'"),
    (documents.bytes_kept, "delete from invoicing.invoice_document"),
    (documents.billed_once, "insert into invoicing.billed_training select t.id, l.id from sessions.training t, "
                            "invoicing.invoice_line l limit 1"),
    (documents.commissions, "update invoicing.invoice set basis = 'consumed_value'"),
    (documents.triggers, "update invoicing.fired_trigger set status = 'nothing'"),
    (documents.triggers, "update invoicing.fired_trigger set status = 'waiting'"),
    (documents.settlements, "update invoicing.invoice_state set paid_cents = paid_cents + 1"),
    (documents.settlements, "insert into invoicing.client_advance (client_id, advance_cents) values (gen_random_uuid(), 5)"),
    (documents.issued_once, "delete from invoicing.event_log where type = 'invoicing.InvoiceRendered'"),
    (documents.issued_once, "update invoicing.invoice_series set last_number = last_number + 1"),
    (effects.copies, "update invoicing.project set version = version - 1"),
    (effects.copies, "update funding.project set status = 'open'"),
    (effects.copies, "update sessions.project set deleted = false"),
    (effects.closings, "delete from invoicing.fired_trigger"),
    (effects.decisions, "delete from funding.event_log where type = 'funding.FundingCallSent'"),
    (effects.decisions, "delete from funding.event_log where type = 'funding.FundingCallPaid'"),
    (postings.of_events, "update budgeting.ledger_transaction set event_id = gen_random_uuid() where event_id is not null"),
    (postings.of_events, "delete from budgeting.ledger_transaction where kind = 'training_added'"),
    (postings.of_events, "update budgeting.ledger_entry set amount_cents = 2 * amount_cents"),
    (postings.of_callers, "update budgeting.credit set amount_cents = amount_cents + 1"),
    (postings.of_callers, "delete from budgeting.ledger_transaction where kind = 'project_opened'"),
    (postings.states, "update budgeting.project set state = 'overrun' where state = 'ok'"),
    (postings.automatic_calls, "update funding.funding_call set opened_by = gen_random_uuid() where reason = 'threshold'"),
    (told.mails_owed, "delete from notifications.message where kind = 'session_planned'"),
    (told.mails_owed, "update notifications.message set kind = 'session_cancelled' where kind = 'session_planned'"),
    (told.mails_owed, "update notifications.message set event_id = gen_random_uuid() where kind = 'invoice'"),
    (told.mails_settled, "update notifications.message set status = 'failed', sent_at = null where kind = 'invoice'"),
    (told.mails_settled, "delete from notifications.message_source"),
    (told.alerts, "delete from notifications.alert"),
    (told.alerts, "update notifications.alert set event_id = gen_random_uuid()"),
    (told.alerts, "delete from notifications.event_log where type = 'notifications.AlertRaised'"),
    (told.history, "delete from notifications.history_entry where type = 'sessions.SessionCompleted'"),
    (told.history, "update notifications.history_entry set id = gen_random_uuid() where type = 'sessions.SessionCompleted'"),
    (load.keys, "delete from sessions.idempotency_key"),
    (load.answers, "delete from sessions.event_log where type = 'sessions.SessionPlanned'"),
    (load.acknowledged, "update sessions.session set title = 'another'"),
    (load.acknowledged, "update sessions.training set title = 'twice'"),
    (mails.delivered, "update notifications.message set message_id = 'another'"),
    (mails.archived, "update notifications.message_source set sha256 = repeat('0', 64)"),
    (mails.archived, "update notifications.message set recipient = 'x' || recipient where status = 'sent'"),
    (mails.enclosed, "update invoicing.invoice_document set sha256 = repeat('0', 64)"),
    (streams.chains, "update sessions.event_log set payload = payload || '\\x00' where sequence = 1"),
    (streams.chains, "delete from sessions.event_log where sequence = 2"),
    (streams.chains, "delete from funding.event_log where sequence = (select max(sequence) from funding.event_log)"),
    (streams.chains, "update accounts.event_personal set payload = payload || '\\x00'"),
    (streams.outboxes, "insert into sessions.outbox (event_id, type, applied, actor, payload) "
                       "values (gen_random_uuid(), 'x', '', '', '')"),
    (streams.cursors, "update budgeting.stream_cursor set sequence = sequence - 1"),
    (streams.kept_heads, "update accounts.audit_entry set hash = '\\x00'"),
    (streams.personal_kept, "delete from budgeting.event_personal"),
    (streams.personal_kept, "insert into budgeting.erased_client select client from budgeting.event_personal limit 1"),
    (streams.told_in_order, "update sessions.event_log set sequence = -sequence"),
    (streams.before_and_after, "update accounts.audit_entry set changes = replace(changes, 'planned', 'completed')"),
    (streams.before_and_after, "update accounts.audit_entry set changes = replace(changes, 'before', 'after')"),
    (streams.audit, "delete from accounts.audit_entry where sequence = 3"),
    (streams.audit, "update accounts.audit_entry set changes = '[]' where sequence = 3"),
]


@pytest.fixture(scope="module")
def played(start_stack):
    """A stack of its own in which a project was planned, overrun, asked for, and closed; one granted, one deleted."""
    stack = start_stack()
    admin = Client(stack).log_in(stack.email, stack.password)
    client = funded_client(admin)
    project = new_project(admin, client, mailing_list=[{"email": "list@acme.example"}])
    session = admin.create(f"/v1/projects/{project['id']}/sessions", {
        "title": "one of its own", "start_date": "2026-12-01", "end_date": "2026-12-02"}, key="a-key-of-its-own")
    stack.answered = session
    for title in ("twice", "and once"):
        new_training(admin, session, 405_000, title=title)
    wait_for_budget(admin, project, state="alert")
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, planned_cents=0)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: {invoice["status"] for invoice in
                        admin.read(f"/v1/projects/{project['id']}/invoices")["invoices"]} == {"sent"})
    wait_until(lambda: stack.query("select count(*) from notifications.message where status = 'queued'")[0][0] == 0)
    assert budget(admin, project)["remaining_cents"] == 0
    granted = new_project(admin, client)
    call = decide(admin, sent_call(admin, granted, 5_000), "accept")
    admin.create(path_of(call, "payments"), {"amount_cents": 3_000, "reference": "VIR-1"})
    wait_for_budget(admin, granted, budget_cents=1_005_000)
    expect(admin.delete(f"/v1/projects/{new_project(admin, client)['id']}"), 204)
    Fingerprints(stack).settled()
    return stack


@pytest.fixture
def evidence(played, tmp_path):
    """What the referee looks at, in a transaction that a test may bend: it is rolled back."""
    record = tmp_path / "record.jsonl"
    record.write_text("".join(json.dumps({"name": name, "column": column, "acknowledged": said}) + "\n" for name, column, said in (
        ("one of its own", "sessions.session.title", True), ("twice", "sessions.training.title", True),
        ("never", "sessions.training.title", False), ("perhaps", "sessions.training.title", None))) + json.dumps(
            {"key": "a-key-of-its-own", "acknowledged": True, "answer": played.answered, "service": "sessions"}), encoding="utf-8")
    socket, password = played.place.sockets / "postgres", played.place.secret(f"{SUPERUSER}.password")
    dsn = f"host={socket} dbname={DATABASE} user={SUPERUSER} password={password}"
    evidence = Evidence(dsn, played.maildir, record, audit=played.place.audit)
    evidence.dsn = dsn
    evidence.connection.set_session(readonly=False)
    yield evidence
    evidence.connection.rollback()
    evidence.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_found_where_nothing_is_wrong(evidence, check):
    assert list(check(evidence)) == []


@pytest.mark.parametrize("check, statement", BENT, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_bent_is_found(evidence, check, statement):
    with evidence.connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica; set check_function_bodies = off")
        for table, constraint in (("invoicing.invoice_document", "invoice_document_sha256_check"),
                                  ("invoicing.invoice_line", "invoice_line_net_cents_check")):
            cursor.execute(f"alter table {table} drop constraint {constraint}")
        cursor.execute(statement)
        assert cursor.rowcount != 0
    assert list(check(evidence)) != []


@pytest.mark.parametrize("age, found", [("1 minute", 0), ("2 minutes", 1)])
def test_a_log_keeps_a_head_once_it_is_some_time_old(evidence, tmp_path, age, found):
    evidence.audit = tmp_path
    evidence.rows("update accounts.audit_entry set recorded_at = now() - interval %s returning 1", age)
    assert len(list(streams.kept_heads(evidence))) == found


def twice(evidence, folder, seconds, mails=1):
    """A Maildir in which so many mails arrive once more, so many seconds later; when the first of them arrived. All of
    these arrive at the same moment."""
    shutil.copytree(evidence.maildir, folder)
    arrived = time.time() - 1000
    for mail in sorted((folder / "new").iterdir())[:mails]:
        os.utime(mail, (arrived, arrived))
        shutil.copy2(mail, folder / "new" / f"{mail.name}-again")
        os.utime(folder / "new" / f"{mail.name}-again", (arrived + seconds, arrived + seconds))
    return arrived


# Faults as [from, until, how many mails they cut off], in seconds from the arrival of what arrives again `later`; and
# how many of so many doubles nothing explains.
@pytest.mark.parametrize("faults, later, doubles, found", [
    pytest.param([], 60, 1, 1, id="nothing"),
    pytest.param([(0, 0.1, 1)], 60, 1, 0, id="a-sender-dies"),
    pytest.param([(-5, 0, 1)], 60, 1, 0, id="a-sender-dies-while-its-mail-is-on-its-way"),
    pytest.param([(40, 50, 1)], 60, 1, 1, id="a-sender-dies-too-late"),
    pytest.param([(-30, -20, 1)], 60, 1, 1, id="a-sender-dies-too-early"),
    pytest.param([(6, 7, 1)], 5, 1, 1, id="a-sender-dies-after-the-second"),
    pytest.param([(0, 0.1, None)], 60, 1, 1, id="another-process-dies"),
    pytest.param([(0, 4, None)], 60, 1, 1, id="a-worker-freezes"),
    pytest.param([(0, 0.05, 0)], 60, 1, 1, id="a-sender-freezes-for-a-moment"),
    pytest.param([(0, 4, 0)], 60, 1, 1, id="a-sender-freezes"),
    pytest.param([(-1, 26, 0)], 60, 1, 0, id="a-sender-freezes-beyond-its-patience"),
    pytest.param([(-10, -1, 0), (-1, 8, 0), (8, 17, 0)], 60, 1, 0, id="stalls-add-up"),
    pytest.param([(0, 9, 0), (0, 9, 0), (1, 10, 0)], 60, 1, 1, id="stalls-at-the-same-moment-do-not"),
    pytest.param([(0, 1, 1)], 60, 2, 1, id="one-dies-of-two-senders"),
    pytest.param([(0, 1, 1), (0, 1, 1)], 60, 2, 0, id="both-senders-die"),
    pytest.param([(0, 1, 3)], 60, 2, 0, id="all-senders-die-at-once"),
])
def test_a_mail_twice_needs_a_cause_of_its_own(evidence, tmp_path, faults, later, doubles, found):
    """A sender that died, or was cut off, around the first arrival explains one; what is short, elsewhere, too early or
    too late explains none."""
    maildir, evidence.faults = tmp_path / "mail", tmp_path / "faults"
    arrived = twice(evidence, maildir, later, doubles)
    evidence.faults.write_text("".join(json.dumps([arrived + began, arrived + ended, "a fault", mails]) + "\n"
                                       for began, ended, mails in faults), encoding="utf-8")
    evidence.maildir = maildir
    assert len(list(mails.doubled(evidence))) == found


def program(evidence, *options):
    """(exit code, lines) of the referee as a program of its own."""
    result = subprocess.run([sys.executable, "-B", "-m", "referee", *map(str, options)], cwd=RUNTIME, check=False,
                            capture_output=True, text=True)
    return result.returncode, result.stdout.splitlines(), result.stderr


def test_as_a_program_it_says_what_holds(evidence):
    """Of the whole evidence, a line for each check."""
    code, said, _ = program(evidence, "--dsn", evidence.dsn, "--maildir", evidence.maildir, "--record", evidence.record,
                            "--audit", evidence.audit)
    assert (code, sorted(said)) == (0, sorted(f"holds  {check.__doc__.strip()}" for check in CHECKS))


def test_as_a_program_it_says_what_does_not(evidence, tmp_path):
    """One finding in each kind of evidence that its options name; what explains a double is heeded."""
    maildir, faults, audit = tmp_path / "mail", tmp_path / "faults", tmp_path / "audit"
    arrived = twice(evidence, maildir, 60)
    shutil.copytree(evidence.audit, audit)
    with open(audit / "heads", "a", encoding="ascii") as heads:
        heads.write(f"1 {'0' * 64} unsigned\n")
    lies = [{"name": f"never {number}", "column": "sessions.training.title", "acknowledged": True} for number in range(25)]
    evidence.record.write_text("".join(json.dumps(lie) + "\n" for lie in lies), encoding="utf-8")
    options = ("--dsn", evidence.dsn, "--maildir", maildir, "--record", evidence.record, "--audit", audit)
    code, said, _ = program(evidence, *options)
    assert code == 1
    assert {line for line in said if line.startswith("FAULT")} == {
        f"FAULT  {check.__doc__.strip()}" for check in (mails.doubled, load.acknowledged, streams.kept_heads)}
    findings = said[said.index(f"FAULT  {load.acknowledged.__doc__.strip()}") + 1:]
    assert findings[0] == "       sessions.training.title never 0: acknowledged True, stored 0 times"
    assert findings[20] == "       … and 5 more"
    faults.write_text(json.dumps([arrived, arrived + 1, "kill a sender", 1]) + "\n", encoding="utf-8")
    code, said, _ = program(evidence, *options, "--faults", faults)
    assert code == 1 and f"holds  {mails.doubled.__doc__.strip()}" in said


def test_as_a_program_it_wants_a_database(evidence):
    code, said, complaint = program(evidence)
    assert (code, said) == (2, []) and "--dsn" in complaint


def test_two_changes_of_one_version_are_found(evidence):
    changes = [{"acknowledged": True, "if_match": 1, "answer": {"id": "x", "version": version}} for version in (2, 3)]
    evidence.record.write_text("".join(json.dumps(change) + "\n" for change in changes), encoding="utf-8")
    assert len(list(load.lost_updates(evidence))) == 1


def test_every_check_has_something_bent():
    assert {check for check, _ in BENT} | {mails.doubled, load.lost_updates} == set(CHECKS)
