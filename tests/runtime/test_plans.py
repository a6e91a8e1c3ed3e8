# SPDX-License-Identifier: Apache-2.0
"""How PostgreSQL finds rows: plans are made while tables are nearly empty and kept while they grow."""
from client import wait_until
from facts import wait_until_settled
from factory import funded_client, new_project, new_session, new_training

# A training adds a row to each of them, or a foreign key's check looks for one.
GROWING = ("accounts.audit_object", "budgeting.ledger_entry", "budgeting.ledger_transaction", "invoicing.training",
           "sessions.training")
TRAININGS = 8  # more than the uses of a statement that PostgreSQL makes a plan for each


def looked_at(stack):
    """For each table how often it was read whole, and how many rows were added; told some seconds later."""
    return {name: (scans, added) for name, scans, added in stack.query(
        "select schemaname || '.' || relname, seq_scan, n_tup_ins from pg_stat_user_tables "
        "where schemaname || '.' || relname = any(%s)", list(GROWING))}


def test_no_growing_table_is_read_whole_for_a_write(stack, admin):
    session = new_session(admin, new_project(admin, funded_client(admin)))
    stack.query("select pg_stat_force_next_flush()")
    before = looked_at(stack)
    for _ in range(TRAININGS):
        new_training(admin, session, 100)
    wait_until_settled(stack)

    def told():
        now = looked_at(stack)
        return all(now[name][1] >= before[name][1] + TRAININGS for name in GROWING) and now
    assert {name: scans for name, (scans, _) in wait_until(told).items()} == {
        name: scans for name, (scans, _) in before.items()}
