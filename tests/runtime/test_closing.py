# SPDX-License-Identifier: Apache-2.0
"""The odd orders of closing and archiving: what happens while another service has not heard yet."""
import concurrent.futures
import re

import pytest
from billing import close, the_invoice
from client import expect, mail_text, problem, wait_until
from facts import wait_until_settled
from factory import envelope, funded_client, new_client, new_project, wait_for_status
from interference import child, held, refusing, stopped

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


@pytest.fixture
def empty_client(admin, stack):
    """A client without money, that budgeting knows as active."""
    client = new_client(admin)
    wait_until(lambda: stack.query("select 1 from budgeting.client where id = %s and status = 'active'", client["id"]))
    return client


def archive(admin, client):
    expect(admin.delete(f"/v1/clients/{client['id']}"), 204)


def test_acc_3_projects_opened_while_their_client_is_archived_are_told(admin, operator, stack, empty_client):
    """ACC-3: budgeting has not heard of the archiving yet; operators are alerted of each."""
    with stopped(child(stack, "budgeting", "courier")):
        archive(admin, empty_client)
        projects = [new_project(admin, empty_client, 0) for _ in range(2)]
    for project in projects:
        wait_for_alert(operator, "project_of_archived_client", project)
        assert "budgeting.ProjectLeftOpen" in [
            entry["type"] for entry in operator.read(f"/v1/projects/{project['id']}/history")["history_entries"]]


def test_acc_3_whoever_opens_a_project_holds_its_client(admin, stack, empty_client):
    """ACC-3: the archiving finds the project, or comes first and it is refused."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(stack, "select 1 from budgeting.client where id = %s for update", empty_client["id"]) as wait_for:
            opening = pool.submit(new_project, admin, empty_client, 0)
            wait_for("budgeting")
        assert opening.result()["status"] == "open"


def test_acc_3_a_closing_that_is_heard_after_the_archiving_alerts_nobody(admin, stack, empty_client):
    """ACC-3: whether a project is open is not judged by who may have heard late."""
    project = new_project(admin, empty_client, 0)
    with refusing(stack, "notifications.project", f"new.id = '{project['id']}' and new.status = 'closed'", "40001"):
        close(admin, project)
        wait_until(lambda: admin.delete(f"/v1/clients/{empty_client['id']}").status_code == 204)
        wait_until(lambda: stack.query("select 1 from notifications.client where id = %s and status = 'archived'",
                                       empty_client["id"]))
    wait_until_settled(stack)
    assert stack.query("select kind from notifications.alert where client_id = %s", empty_client["id"]) == []


def test_acc_3_a_client_is_not_archived_before_its_last_billing(admin, stack):
    """ACC-3: nothing is unpaid yet, because invoicing has heard of nothing."""
    client = new_client(admin, commission={"basis": "fixed_fee", "fixed_fee_cents": 1_000, "triggers": ["project_closed"]})
    with stopped(child(stack, "invoicing", "courier")):
        project = new_project(admin, client, 0)
        close(admin, project)
        refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
        assert refusal["detail"] == "the client cannot be archived: the last billing of 1 project(s) is still to come"
    invoice = the_invoice(admin, project)
    refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert invoice["number"] in refusal["detail"] and "billing" not in refusal["detail"]
