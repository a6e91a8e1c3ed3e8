# SPDX-License-Identifier: Apache-2.0
"""The odd orders of closing and archiving: what happens while another service has not heard yet."""
import re

from client import mail_text, problem, wait_until
from factory import envelope, funded_client, new_client, new_project, wait_for_status
from interference import child, stopped

REVIEW_LINK = re.compile(r"/v1/funding-reviews/([\w.~-]+)")


def wait_for_alert(admin, kind, project):
    """The alert of this kind about a project."""
    def raised():
        alerts = admin.read("/v1/alerts", page_size=200)["alerts"]
        return next((alert for alert in alerts
                     if alert["kind"] == kind and alert.get("project_id") == project["id"]), None)
    return wait_until(raised)


def delays(stack, project):
    """How often a project's closing was told to be late."""
    return stack.query("select count(*) from budgeting.event_log where project = %s "
                       "and type = 'budgeting.ProjectClosingDelayed'", project["id"])[0][0]


def test_bud_17_a_closing_that_waits_is_told_once_and_waits_on(admin, stack):
    """BUD-17: after 60 s operators are alerted; in between nothing moves, and /close answers the same object."""
    project = new_project(admin, funded_client(admin))
    path = f"/v1/projects/{project['id']}"
    with stopped(child(stack, "sessions", "courier")):
        first = admin.act(f"{path}/close")
        assert first["status"] == "closing"
        stack.query("update budgeting.project set closing_since = now() - interval '61 seconds' where id = %s",
                    project["id"])
        wait_for_alert(admin, "closing_delayed", project)
        again = admin.act(f"{path}/close")
        assert (again["id"], again["status"], again["version"]) == (first["id"], "closing", first["version"])
        problem(admin.post(f"{path}/allocations", {"amount_cents": 1}), 409, "wrong_state")
        problem(admin.patch(path, {"name": "Q"}), 409, "wrong_state")
    wait_for_status(admin, path, "closed")
    assert delays(stack, project) == 1


def test_bud_17_a_call_accepted_while_the_project_closes_stays_in_the_envelope(admin, stack, anonymous):
    """BUD-17: the project is closed before funding hears of it; the money goes to the envelope, operators are told."""
    client = funded_client(admin, 1_000_000)
    project = new_project(admin, client, 1_000_000)
    call = admin.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": 50_000})
    admin.act(f"/v1/funding-calls/{call['id']}/send")
    mail = stack.mail(client["billing_contact"]["email"], "/v1/funding-reviews/")
    token = REVIEW_LINK.search(mail_text(mail)).group(1)
    with stopped(child(stack, "funding", "courier")):
        admin.act(f"/v1/projects/{project['id']}/close")
        wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
        anonymous.act(f"/v1/funding-reviews/{token}", {"decision": "accept"})
    wait_for_alert(admin, "funds_kept", project)
    figures = envelope(admin, client)
    assert (figures["funded_cents"], figures["of_which_unpaid_cents"], figures["available_cents"]) == \
        (1_050_000, 50_000, 1_050_000)
    assert admin.read(f"/v1/projects/{project['id']}/budget")["budget_cents"] == 0
    assert admin.read(f"/v1/funding-calls/{call['id']}")["status"] == "accepted"


def active_client(admin, stack):
    """A client that budgeting and notifications know as active, and the body of a project for it."""
    client = new_client(admin)
    for service in ("budgeting", "notifications"):
        wait_until(lambda: stack.query(f"select 1 from {service}.client where id = %s and status = 'active'", client["id"]))
    return client, {"client_id": client["id"], "name": "Too late", "initial_budget_cents": 0,
                    "alert_threshold": {"percent_bp": 8000}}


def test_acc_3_a_project_opened_while_its_client_is_archived_is_told(admin, stack):
    """ACC-3: budgeting has not heard of the archiving yet, notifications has; operators are alerted."""
    client, body = active_client(admin, stack)
    with stopped(child(stack, "budgeting", "courier")):
        assert admin.delete(f"/v1/clients/{client['id']}").status_code == 204
        project = admin.create("/v1/projects", body)
        wait_until(lambda: stack.query("select 1 from notifications.client where id = %s and status = 'archived'",
                                       client["id"]))
    wait_for_alert(admin, "project_of_archived_client", project)


def test_acc_3_projects_opened_before_their_clients_archiving_is_told_are_told(admin, stack):
    """ACC-3: the other order; each open project is told of."""
    client, body = active_client(admin, stack)
    with stopped(child(stack, "accounts", "courier")):
        assert admin.delete(f"/v1/clients/{client['id']}").status_code == 204
        projects = [admin.create("/v1/projects", body) for _ in range(2)]
        for project in projects:
            wait_until(lambda: stack.query("select 1 from notifications.project where id = %s", project["id"]))
    for project in projects:
        wait_for_alert(admin, "project_of_archived_client", project)
