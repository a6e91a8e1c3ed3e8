# SPDX-License-Identifier: Apache-2.0
"""The referee finds nothing in a stack that was left alone, and finds each thing that somebody bends."""
import json
import os
import shutil

import pytest
from client import Client, expect, wait_until
from cluster import DATABASE, SUPERUSER
from factory import budget, funded_client, new_project, new_training, wait_for_budget, wait_for_status
from funding_calls import decide, path_of, sent_call
from referee import books, documents, effects, load, mails, postings, streams, told
from referee.evidence import CHECKS, Evidence
from tables import Fingerprints

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
    evidence = Evidence(f"host={socket} dbname={DATABASE} user={SUPERUSER} password={password}", played.maildir, record,
                        audit=played.place.audit)
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


@pytest.mark.parametrize("fault, found", [((-5, 0), 0), ((40, 50), 1), (None, 1)])
def test_a_mail_twice_needs_a_crash_between(evidence, tmp_path, fault, found):
    """A crash while the first was on its way explains one; a later one does not."""
    maildir, faults = tmp_path / "mail", tmp_path / "faults"
    shutil.copytree(evidence.maildir, maildir)
    mail = min((maildir / "new").iterdir())
    shutil.copy2(mail, maildir / "new" / f"{mail.name}-again")
    arrived = mail.stat().st_mtime
    os.utime(maildir / "new" / f"{mail.name}-again", (arrived + 60, arrived + 60))
    faults.write_text("" if fault is None else json.dumps([arrived + fault[0], arrived + fault[1], "kill"]) + "\n",
                      encoding="utf-8")
    evidence.maildir, evidence.faults = maildir, faults
    assert len(list(mails.doubled(evidence))) == found


def test_two_changes_of_one_version_are_found(evidence):
    changes = [{"acknowledged": True, "if_match": 1, "answer": {"id": "x", "version": version}} for version in (2, 3)]
    evidence.record.write_text("".join(json.dumps(change) + "\n" for change in changes), encoding="utf-8")
    assert len(list(load.lost_updates(evidence))) == 1


def test_every_check_has_something_bent():
    assert {check for check, _ in BENT} | {mails.doubled, load.lost_updates} == set(CHECKS)
