# SPDX-License-Identifier: Apache-2.0
"""Billing when a service hears late: what sessions tell overtakes the event that brings the project's billing plan."""
from billing import the_invoice
from client import wait_until
from factory import credit, funded_client, new_client, new_project, new_session, new_training
from interference import child, stopped

BY_SESSION = {"basis": "consumed_value", "rate_bp": 500, "triggers": ["session_completed"]}


def test_inv_2_a_session_is_billed_although_it_was_completed_before_the_plan_arrived(admin, stack):
    """The project is asked for, its event comes later: the trigger waits for the plan instead of yielding nothing."""
    client = new_client(admin, commission=BY_SESSION)
    credit(admin, client, 10_000_000)
    with stopped(child(stack, "budgeting", "courier")):
        project = new_project(admin, client)
        session = new_session(admin, project)
        new_training(admin, session, 100_000)
        admin.act(f"/v1/sessions/{session['id']}/complete")
        wait_until(lambda: stack.query("select 1 from invoicing.fired_trigger where project_id = %s", project["id"]))
        assert stack.query("select 1 from invoicing.billing_plan where project_id = %s", project["id"]) == []
    assert the_invoice(admin, project)["net_cents"] == 5_000


def test_inv_2_a_plan_is_as_old_as_its_project(admin, stack):
    """A milestone's day counts from when the project was opened, however late that is heard."""
    with stopped(child(stack, "invoicing", "courier")):
        project = new_project(admin, funded_client(admin))
    wait_until(lambda: stack.query("select 1 from invoicing.billing_plan where project_id = %s", project["id"]))
    assert stack.query("select p.created_at = l.occurred_at from invoicing.billing_plan p join budgeting.event_log l "
                       "on l.project = p.project_id and l.type = 'budgeting.ProjectCreated' where p.project_id = %s",
                       project["id"]) == [(True,)]
