# SPDX-License-Identifier: Apache-2.0
"""`<service> --rebuild` while the rest runs: the same rows as before, over a history that callers make by chance, and
nothing is done again."""
import concurrent.futures
import subprocess
import uuid

import pytest
from campaign.round import Round
from client import Client, expect, wait_until
from facts import wait_until_settled
from factory import funded_client, new_project
from interference import held
from streams import SERVICES, projections

SEED = 4
SECONDS = 8
CALLERS = 4
# Accounts follows nobody but for the audit log, which is no projection.
REBUILDABLE = [service for service in SERVICES if service != "accounts"]
DONE_ONCE = ("notifications.message", "notifications.message_source", "notifications.alert", "funding.funding_call",
             "invoicing.invoice", "invoicing.invoice_line", "budgeting.ledger_transaction")


@pytest.fixture(scope="module")
def stack(start_stack):
    """A stack of these tests' own, which the referee judges as a whole."""
    running = start_stack()
    yield running
    running.stop()


def rebuild(stack, service):
    result = subprocess.run([stack.place.binary(service), "--rebuild"], env=stack.place.migrate_environment(service),
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def bend(stack, service):
    """Projections lose a row, have one too many, and wrong values."""
    for table in projections(stack, service):
        stack.query(f"update {service}.{table} set deleted = not deleted")
        stack.query(f"delete from {service}.{table} where id = (select min(id::text)::uuid from {service}.{table})")
        stack.query(f"insert into {service}.{table} select (jsonb_populate_record(t, jsonb_build_object('id', %s))).* "
                    f"from {service}.{table} t limit 1", str(uuid.uuid4()))


def done(stack):
    """What was done so far: told, mailed, asked, billed, posted."""
    heads = {service: stack.query(f"select epoch, sequence, hash::text from {service}.stream_head") for service in SERVICES}
    rows = {table: sorted(stack.query(f"select t::text from {table} t")) for table in DONE_ONCE}
    return heads, rows, len(stack.mails())


@pytest.fixture(scope="module")
def history(stack):
    """Callers' work by chance, during which every service is rebuilt; the round, at rest."""
    admin = Client(stack).log_in(stack.email, stack.password)
    expect(admin.delete(f"/v1/projects/{new_project(admin, funded_client(admin))['id']}"), 204)  # one leaves a tombstone
    played = Round(stack, SEED, callers=CALLERS)

    def rebuild_all(_):
        for service in REBUILDABLE:
            rebuild(stack, service)
    played.play(SECONDS, rebuild_all)
    return played


def test_a_rebuild_under_load_leaves_the_books_right(stack, history):
    """What was written during it is all there, and every effect is there once: mails, calls, invoices, postings."""
    assert sum(caller.count for caller in history.callers) > CALLERS
    findings = history.judge()
    assert {what: found for what, found in findings.items() if found} == {}


def test_a_rebuild_under_load_gives_the_rows_of_one_at_rest(stack, history):
    """The projections that were filled by a rebuild while events came, and by these, are what the streams say."""
    before = {service: projections(stack, service) for service in REBUILDABLE}
    for service in REBUILDABLE:
        rebuild(stack, service)
    assert {service: projections(stack, service) for service in REBUILDABLE} == before
    assert all(any(tables.values()) for tables in before.values())


def test_a_rebuild_mends_projections_and_does_nothing_else(stack, history):
    """Projections that lost rows, have too many and wrong values are as before; no event, mail, call, invoice or posting
    comes of it."""
    wait_until_settled(stack)
    before, already = {service: projections(stack, service) for service in REBUILDABLE}, done(stack)
    for service in REBUILDABLE:
        bend(stack, service)
        assert projections(stack, service) != before[service]
        rebuild(stack, service)
    assert {service: projections(stack, service) for service in REBUILDABLE} == before
    wait_until_settled(stack)
    assert done(stack) == already


def test_a_rebuild_may_take_longer_than_a_request(stack, history):
    """A statement over a large table, or behind somebody's lock, is waited for beyond every limit of a request's."""
    table = next(iter(projections(stack, "sessions")))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(stack, f"lock table sessions.{table} in share mode"):
            rebuilt = pool.submit(rebuild, stack, "sessions")
            wait_until(lambda: rebuilt.done() or stack.query(
                "select 1 from pg_stat_activity where usename = 'sessions_owner' and wait_event_type = 'Lock' "
                "and clock_timestamp() - query_start > interval '9 seconds'"))
        rebuilt.result()
