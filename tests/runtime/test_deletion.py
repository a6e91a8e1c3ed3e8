# SPDX-License-Identifier: Apache-2.0
"""Deletion against what other services do before they hear of it, in both orders: BUD-18."""
import concurrent.futures

import pytest
from billing import billing_plan, plan_path
from client import Client, expect, problem, wait_until
from facts import refused, wait_until_settled
from factory import envelope, funded_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from funding_calls import alerted, decide, path_of, sent_call
from interference import child, held, stopped

MONEY = 1_000_000


@pytest.fixture
def client(admin):
    return funded_client(admin, MONEY)


@pytest.fixture
def project(admin, stack, client):
    """A project that everybody knows."""
    made = new_project(admin, client, 400_000)
    wait_until_settled(stack)
    return made


def path_to(project):
    return f"/v1/projects/{project['id']}"


def assert_nothing_lost(admin, stack, client, project):
    """Every account of the deleted project is empty, all is in the envelope, no event waits."""
    wait_until_settled(stack)
    assert stack.query("select status, budget_cents, planned_cents, completed_cents from budgeting.project "
                       "where id = %s", project["id"]) == [("deleted", 0, 0, 0)]
    figures = envelope(admin, client)
    assert figures["available_cents"] == figures["funded_cents"]
    for service in stack.place.services():
        assert stack.query(f"select type from {service}.parked_event where project = %s", project["id"]) == []
    problem(admin.get(path_to(project)), 404, "not_found")


def work(admin, project):
    """A session with a training of 10 000.00: more than the project has left."""
    session = new_session(admin, project)
    new_training(admin, session, 1_000_000)
    return session


def deleted_while(stack, admin, project, slip_in):
    """Deletes a project while something slips in after the others were asked whether it is used, and is heard of
    after the deletion."""
    def delete():
        caller = Client(stack)
        caller.session.headers["Authorization"] = admin.session.headers["Authorization"]
        return caller.delete(path_to(project))
    with concurrent.futures.ThreadPoolExecutor(1) as pool, stopped(child(stack, "budgeting", "courier")):
        with held(stack, "select 1 from budgeting.project where id = %s for update", project["id"]) as wait_for:
            answer = pool.submit(delete)
            wait_for("budgeting")
            slipped = slip_in()
        expect(answer.result(), 204)
    return slipped


def test_bud_18_a_session_planned_before_sessions_heard(admin, stack, client, project):
    """BUD-18: it is cancelled, its trainings are posted and taken out again; nothing new comes in."""
    with stopped(child(stack, "sessions", "courier")):
        expect(admin.delete(path_to(project)), 204)
        session = work(admin, project)
    assert wait_for_status(admin, f"/v1/sessions/{session['id']}", "cancelled")["version"] == 2
    assert_nothing_lost(admin, stack, client, project)
    problem(admin.post(f"/v1/sessions/{session['id']}/reopen"), 409, "wrong_state")
    problem(admin.post(f"{path_to(project)}/sessions",
                       {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-01"}), 404, "not_found")
    assert stack.query("select 1 from funding.funding_call where project_id = %s", project["id"]) == []


def test_bud_18_a_session_planned_after_sessions_was_asked(admin, stack, client, project):
    """BUD-18: the other order: it was there before the deletion, but after the question."""
    session = deleted_while(stack, admin, project, lambda: work(admin, project))
    wait_for_status(admin, f"/v1/sessions/{session['id']}", "cancelled")
    assert_nothing_lost(admin, stack, client, project)


def test_bud_18_a_call_sent_before_funding_heard(admin, stack, client, project):
    """BUD-18: it is cancelled; one that was granted by then credits the envelope, and operators are told."""
    with stopped(child(stack, "funding", "courier")):
        expect(admin.delete(path_to(project)), 204)
        waiting, granted = sent_call(admin, project, 5), sent_call(admin, project, 7)
        decide(admin, granted, "accept")
    wait_for_status(admin, path_of(waiting), "cancelled")
    alerted(admin, "funds_kept", project)
    assert_nothing_lost(admin, stack, client, project)
    assert envelope(admin, client)["funded_cents"] == MONEY + 7


def test_bud_18_a_call_sent_after_funding_was_asked(admin, stack, client, project):
    """BUD-18: the other order."""
    call = deleted_while(stack, admin, project, lambda: sent_call(admin, project, 5))
    wait_for_status(admin, path_of(call), "cancelled")
    assert_nothing_lost(admin, stack, client, project)


def bill(admin, project):
    """An invoice that needs no session."""
    billing_plan(admin, project)
    fee = {"basis": "fixed_fee", "fixed_fee_cents": 25_000, "triggers": ["project_closed"]}
    expect(admin.put(plan_path(project), fee), 200)
    return admin.create(f"{path_to(project)}/invoices", None)


def test_bud_18_an_invoice_issued_before_invoicing_heard(admin, stack, client, project):
    """BUD-18: it was issued, so it stays, is mailed and can be credited; no copy of the project is missed."""
    billing_plan(admin, project)
    with stopped(child(stack, "invoicing", "courier")):
        expect(admin.delete(path_to(project)), 204)
        invoice = bill(admin, project)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    assert_nothing_lost(admin, stack, client, project)
    admin.create(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Too late"})


def test_bud_18_an_invoice_issued_after_invoicing_was_asked(admin, stack, client, project):
    """BUD-18: the other order."""
    invoice = deleted_while(stack, admin, project, lambda: bill(admin, project))
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    assert_nothing_lost(admin, stack, client, project)


def test_bud_18_money_on_its_way_out_of_a_session_is_waited_for(admin, stack, client, project):
    """BUD-18: the session is gone, but its training is still in the figures; once it is out, so is the project."""
    session = new_session(admin, project)
    training = new_training(admin, session, 10_000)
    wait_for_budget(admin, project, planned_cents=10_000)
    wait_until_settled(stack)
    with stopped(child(stack, "sessions", "courier")):
        expect(admin.delete(f"/v1/trainings/{training['id']}"), 204)
        expect(admin.delete(f"/v1/sessions/{session['id']}"), 204)
        refused(stack, "budgeting", lambda: admin.delete(path_to(project)), 409, "project_in_use", settled=False)
    wait_for_budget(admin, project, planned_cents=0)
    expect(admin.delete(path_to(project)), 204)
    assert_nothing_lost(admin, stack, client, project)


def test_bud_18_without_an_answer_nothing_is_deleted(admin, stack, project):
    """BUD-18: a service that does not answer may have a session: 503 or 504, and the project is there."""
    with stopped(child(stack, "sessions", "leaf")):
        assert admin.delete(path_to(project)).status_code in (503, 504)
    assert admin.read(path_to(project))["status"] == "open"
    wait_until(lambda: admin.delete(path_to(project)).status_code == 204)
