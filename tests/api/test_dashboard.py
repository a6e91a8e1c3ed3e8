# SPDX-License-Identifier: Apache-2.0
"""The dashboard: sums over all clients and projects, as notifications has heard of them."""
import pytest
from billing import settled
from client import expect, wait_until
from facts import wait_until_settled
from factory import funded_client, new_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from test_credits import billed_sessions


class Figures:
    """How the dashboard's figures have moved since the start of a test."""

    def __init__(self, stack, caller):
        wait_until_settled(stack)
        self.caller, self.start = caller, caller.read("/v1/dashboard")

    def wait_for(self, **moved):
        def shown():
            now = self.caller.read("/v1/dashboard")
            return {name: now[name] - self.start[name] for name in moved} == moved
        wait_until(shown)


@pytest.fixture
def figures(stack, operator):
    return Figures(stack, operator)


def test_the_dashboard_sums_what_is_open(stack, admin, figures):
    """Budgets, states, undecided calls: each figure moves with what it counts, and a closed project counts nowhere."""
    client = funded_client(admin)
    figures.wait_for(clients=1, open_projects=0)
    project = new_project(admin, client, 1_000_000)
    session = new_session(admin, project)
    new_training(admin, session, 810_000)
    figures.wait_for(open_projects=1, in_alert=1, in_overrun=0, budget_cents=1_000_000, consumed_cents=810_000,
                     undecided_calls=1)
    other = new_project(admin, client, 100_000, auto_funding_call=False)
    new_training(admin, new_session(admin, other), 150_000)
    figures.wait_for(open_projects=2, in_alert=1, in_overrun=1, budget_cents=1_100_000, consumed_cents=960_000,
                     undecided_calls=1)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, completed_cents=810_000)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    figures.wait_for(open_projects=1, in_alert=0, in_overrun=1, budget_cents=100_000, consumed_cents=150_000,
                     undecided_calls=0)


def test_the_dashboard_sums_what_is_due(stack, admin, figures):
    """An invoice is unpaid until it is paid, and overdue from the day after its due date."""
    project = new_project(admin, funded_client(admin))
    admin.act(f"/v1/projects/{project['id']}/close")
    figures.wait_for(unpaid_invoices=1, overdue_cents=0)
    wait_until(lambda: admin.read("/v1/invoices", project_id=project["id"], status="sent")["invoices"])
    wait_until_settled(stack)
    for days, overdue_cents in ((0, 0), (1, 60_000)):
        stack.query("update notifications.invoice set due_date = (now() at time zone 'Europe/Paris')::date - %s "
                    "where project_id = %s", days, project["id"])
        figures.wait_for(unpaid_invoices=1, overdue_cents=overdue_cents)


def test_what_was_paid_or_credited_is_not_overdue(stack, admin, figures):
    """INV-7, INV-8: 120.00 of 180.00 credited and 10.00 paid leave 50.00."""
    client = funded_client(admin)
    _, invoice = billed_sessions(admin, stack, client, 200_000, 100_000)
    admin.create(f"/v1/invoices/{invoice['id']}/payments", {"amount_cents": 1_000, "reference": "VIR-1"})
    admin.create(f"/v1/invoices/{invoice['id']}/credit",
                 {"reason": "Erreur", "line_ids": [invoice["lines"][0]["id"]]})
    settled(stack, client)
    stack.query("update notifications.invoice set due_date = due_date - 90 where id = %s", invoice["id"])
    figures.wait_for(unpaid_invoices=1, overdue_cents=5_000)


def test_pending_and_archived_clients_are_not_counted(admin, figures):
    admin.create("/v1/clients", {"name": "Pending SA"})
    archived = new_client(admin)
    new_client(admin)
    figures.wait_for(clients=2)
    expect(admin.delete(f"/v1/clients/{archived['id']}"), 204)
    figures.wait_for(clients=1)


def test_the_dashboard_says_currency_and_time(operator):
    dashboard = operator.read("/v1/dashboard")
    assert dashboard["currency"] == "EUR" and dashboard["as_of"].endswith("Z")


def test_the_dashboard_reads_indexes_of_what_is_open(stack):
    """Its cost does not grow with closed projects, decided calls and paid invoices: each count has a partial index."""
    for table, condition in (("project", "status <> 'closed' and not deleted"),
                             ("funding_call", "status in ('draft', 'sent') and not deleted"),
                             ("invoice", "kind = 'invoice' and status in ('issued', 'sent', 'partially_paid') "
                                         "and not deleted"),
                             ("client", "status = 'active' and not deleted")):
        plan = stack.query(f"set enable_seqscan = off; explain select count(*) from notifications.{table} "
                           f"where {condition}")
        assert any(f"on {table}" in line and "Index" in line and index_is_partial(line) for (line,) in plan), plan


def index_is_partial(line):
    return any(name in line for name in ("project_running", "funding_call_undecided", "invoice_unpaid",
                                         "client_active"))


def test_the_dashboard_needs_a_login(anonymous):
    expect(anonymous.get("/v1/dashboard"), 401)
