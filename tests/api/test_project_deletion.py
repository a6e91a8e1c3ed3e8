# SPDX-License-Identifier: Apache-2.0
"""Deleting projects that were never used: BUD-18. What other services do in the same instant is in tests/runtime."""
import concurrent.futures
import uuid

import pytest
from billing import billing_plan, plan_path
from client import Client, expect, problem
from facts import refused, wait_until_settled
from factory import envelope, funded_client, new_project, new_session, wait_for_status
from funding_calls import new_call, path_of


@pytest.fixture
def client(admin):
    return funded_client(admin, 1_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client, 400_000)


def path_to(project, rest=""):
    return f"/v1/projects/{project['id']}{rest}"


def delete(caller, project):
    return expect(caller.delete(path_to(project)), 204)


def test_bud_18_the_money_returns(operator, stack, client, project):
    """BUD-18: with what was allocated since; the ledger keeps all of it, the mailing list is gone."""
    operator.change(path_to(project), {"mailing_list": [{"email": "paul.petit@acme.example", "name": "Paul Petit"}]})
    operator.create(path_to(project, "/allocations"), {"amount_cents": 50_000})
    operator.create(path_to(project, "/allocations"), {"amount_cents": -20_000})
    assert envelope(operator, client)["available_cents"] == 570_000
    delete(operator, project)
    figures = envelope(operator, client)
    assert (figures["available_cents"], figures["allocated_cents"], figures["funded_cents"]) == (1_000_000, 0, 1_000_000)
    assert stack.query("select t.kind, e.account, e.amount_cents from budgeting.ledger_transaction t "
                       "join budgeting.ledger_entry e on e.transaction_id = t.id where t.project_id = %s "
                       "order by t.id, e.position", project["id"])[-2:] == [
        ("project_deleted", "budget", -430_000), ("project_deleted", "envelope", 430_000)]
    assert stack.query("select budget_cents, mailing_list from budgeting.project where id = %s", project["id"]) == [(0, [])]


def test_bud_18_a_project_of_nothing_posts_nothing(admin, stack, client):
    """BUD-18: no money, no ledger transaction."""
    project = new_project(admin, client, 0)
    delete(admin, project)
    assert stack.query("select 1 from budgeting.ledger_transaction where project_id = %s", project["id"]) == []


def test_bud_18_afterwards_it_is_nowhere(admin, stack, client, project):
    """BUD-18: 404 everywhere, before and after the other services hear of it; no list shows it."""
    delete(admin, project)
    body = {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-01"}

    def assert_gone():
        for path in ("", "/budget", "/allocations", "/ledger"):
            problem(admin.get(path_to(project, path)), 404, "not_found")
        problem(admin.patch(path_to(project), {"name": "Q"}), 404, "not_found")
        problem(admin.post(path_to(project, "/close")), 404, "not_found")
        problem(admin.post(path_to(project, "/allocations"), {"amount_cents": 1}), 404, "not_found")
        problem(admin.delete(path_to(project)), 404, "not_found")
        assert project["id"] not in [one["id"] for one in admin.read("/v1/projects", client_id=client["id"])["projects"]]
    assert_gone()
    wait_until_settled(stack)
    assert_gone()
    problem(admin.post(path_to(project, "/sessions"), body), 404, "not_found")
    problem(admin.post(path_to(project, "/funding-calls"), {"requested_cents": 1}), 404, "not_found")
    assert stack.query("select type, reason from sessions.parked_event where project = %s union all "
                       "select type, reason from funding.parked_event where project = %s", *[project["id"]] * 2) == []


@pytest.mark.parametrize("use, said", [
    (lambda admin, project: new_session(admin, project), "session"),
    (lambda admin, project: admin.act(f"/v1/sessions/{new_session(admin, project)['id']}/cancel"), "session"),
    (lambda admin, project: new_call(admin, project, 5), "funding call"),
    (lambda admin, project: admin.act(path_of(new_call(admin, project, 5), "cancel")), "funding call"),
])
def test_bud_18_what_was_used_stays(admin, stack, project, use, said):
    """BUD-18: a session or a call, whatever became of it; the refusal names it."""
    use(admin, project)
    wait_until_settled(stack)
    refusal = refused(stack, "budgeting", lambda: admin.delete(path_to(project)), 409, "project_in_use")
    assert said in refusal["detail"]


def test_bud_18_what_was_billed_stays(admin, stack, project):
    """BUD-18: an invoice that somebody issued by hand, and its credit note."""
    fee = {"basis": "fixed_fee", "fixed_fee_cents": 25_000, "triggers": ["project_closed"]}
    billing_plan(admin, project)
    expect(admin.put(plan_path(project), fee), 200)
    invoice = admin.create(path_to(project, "/invoices"), None)
    wait_until_settled(stack)
    refusal = refused(stack, "budgeting", lambda: admin.delete(path_to(project)), 409, "project_in_use")
    assert invoice["number"] in refusal["detail"]


def test_bud_18_only_an_open_project(admin, stack, project):
    """BUD-18, BUD-17: closed is final."""
    admin.act(path_to(project, "/close"))
    wait_for_status(admin, path_to(project), "closed")
    refused(stack, "budgeting", lambda: admin.delete(path_to(project)), 409, "wrong_state")


def test_bud_18_a_stale_if_match_deletes_nothing(admin, stack, project):
    """BUD-18: 412 once the project has changed."""
    etag = admin.get(path_to(project)).headers["ETag"]
    admin.change(path_to(project), {"name": "Q"})
    refused(stack, "budgeting", lambda: admin.delete(path_to(project), if_match=etag), 412, "precondition_failed")


def test_bud_18_deleted_once_in_a_race(admin, stack, client, project):
    """BUD-18: ten at once: one 204, the others 404, the money returns once."""
    def send(_):
        return Client(stack).request("DELETE", path_to(project),
                                     headers={"Authorization": admin.session.headers["Authorization"]}).status_code
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(send, range(10))) == [204] + [404] * 9
    assert envelope(admin, client)["available_cents"] == 1_000_000


def test_bud_18_an_unknown_project(admin):
    """BUD-18: 404."""
    problem(admin.delete(f"/v1/projects/{uuid.uuid4()}"), 404, "not_found")


def test_acc_3_a_deleted_project_does_not_keep_its_client(admin, stack):
    """ACC-3: it is no open project."""
    client = funded_client(admin, 5)
    project = new_project(admin, client, 0)
    delete(admin, project)
    said = refused(stack, "budgeting", lambda: admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert "not closed" not in said["detail"]
