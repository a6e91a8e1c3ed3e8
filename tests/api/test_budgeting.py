# SPDX-License-Identifier: Apache-2.0
"""Envelopes, projects, allocations, the ledger and closing: BUD-1 to BUD-7, BUD-10 to BUD-17."""
import concurrent.futures
import threading
import uuid

import pytest
from billing import day
from client import pointers, problem
from facts import refused, told, wait_until_settled
from factory import (budget, credit, envelope, funded_client, new_client, new_project, new_session, new_training,
                     wait_for_budget, wait_for_status)
from funding_calls import calls_of


CROSSINGS = ("budgeting.BudgetThresholdReached", "budgeting.BudgetOverrun")


def alerts_of(admin, project):
    """Kinds of the crossing events of a project, oldest first, from its history."""
    entries = admin.read(f"/v1/projects/{project['id']}/history", page_size=200)["history_entries"]
    return [entry["type"] for entry in reversed(entries)
            if entry["type"] in CROSSINGS]


def crossings(stack, project):
    """The crossing events of a project, in order."""
    return [kind for kind in told(stack, "budgeting", "project", project["id"]) if kind in CROSSINGS]


def test_bud_1_a_credit_and_its_reversal(admin):
    """BUD-1: a reversal names the credit, takes it back whole, once, and only while the money is there."""
    client = new_client(admin)
    first = credit(admin, client, 50_000)
    path = f"/v1/clients/{client['id']}/envelope/credits"
    assert pointers(admin.post(path, {"amount_cents": 1, "reverses": first["id"]})) == ["/amount_cents"]
    reversal = admin.create(path, {"amount_cents": 50_000, "reverses": first["id"], "reason": "typing error"})
    assert reversal["reverses"] == first["id"]
    assert envelope(admin, client)["available_cents"] == 0
    problem(admin.post(path, {"amount_cents": 50_000, "reverses": first["id"]}), 409, "already_reversed")
    listed = admin.read(path)["credits"]
    assert [entry["id"] for entry in listed] == [reversal["id"], first["id"]]
    assert listed[1]["reversed_by"] == reversal["id"]


def test_mon_4_credits_together_stay_an_amount(admin, stack):
    """MON-4: the greatest amount is taken, a cent more in the same envelope is refused; a reversal makes room again."""
    client = new_client(admin)
    greatest = credit(admin, client, 10**15)
    path = f"/v1/clients/{client['id']}/envelope/credits"
    said = refused(stack, "budgeting", lambda: admin.post(path, {"amount_cents": 1}), 422, "out_of_range")
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [("/amount_cents", "out_of_range")]
    admin.create(path, {"amount_cents": 10**15, "reverses": greatest["id"]})
    credit(admin, client, 1)


def test_bud_1_a_reversal_needs_the_money(admin):
    """BUD-1: refused when less than the credit is available."""
    client = new_client(admin)
    first = credit(admin, client, 50_000)
    new_project(admin, client, 10_000)
    answer = admin.post(f"/v1/clients/{client['id']}/envelope/credits",
                        {"amount_cents": 50_000, "reverses": first["id"]})
    problem(answer, 409, "insufficient_funds")
    assert envelope(admin, client)["available_cents"] == 40_000


def test_bud_1_what_is_no_reversal(admin, stack):
    """BUD-1: of another client's credit, of a reversal, of nothing; nothing changes."""
    client, other = new_client(admin), new_client(admin)
    first = credit(admin, client, 50_000)
    path = f"/v1/clients/{client['id']}/envelope/credits"
    theirs = f"/v1/clients/{other['id']}/envelope/credits"
    reversal = admin.create(path, {"amount_cents": 50_000, "reverses": first["id"]})
    for target, named in ((theirs, first["id"]), (path, reversal["id"]), (path, str(uuid.uuid4()))):
        said = refused(stack, "budgeting", lambda target=target, named=named: admin.post(
            target, {"amount_cents": 50_000, "reverses": named}), 422, "invalid")
        assert said["errors"][0]["pointer"] == "/reverses"


def test_bud_1_a_credit_reversed_in_a_race_is_reversed_once(admin):
    """BUD-1: ten reversals at once: one 201, the others 409; the money is taken back once."""
    client = new_client(admin)
    credit(admin, client, 1_000_000)
    body = {"amount_cents": 50_000, "reverses": credit(admin, client, 50_000)["id"]}
    path = f"/v1/clients/{client['id']}/envelope/credits"
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: admin.post(path, body).status_code, range(10)))
    assert sorted(statuses) == [201] + [409] * 9
    assert envelope(admin, client)["available_cents"] == 1_000_000


def test_bud_1_a_credit_may_be_dated(admin, stack):
    """BUD-1: the caller's day is the effective date; the envelope has the money at once."""
    client = new_client(admin)
    path = f"/v1/clients/{client['id']}/envelope/credits"
    first = admin.create(path, {"amount_cents": 5, "date": "2026-01-31"})
    assert first["date"] == "2026-01-31" and envelope(admin, client)["available_cents"] == 5
    assert stack.query("select effective_date::text from budgeting.ledger_transaction where reference = %s",
                       first["id"]) == [("2026-01-31",)]


def test_bud_1_no_credit_of_a_day_to_come(admin, stack):
    """BUD-1: what can be spent today is effective today, or the ledger of a day would show less than nothing."""
    client = new_client(admin)
    path = f"/v1/clients/{client['id']}/envelope/credits"
    body = {"amount_cents": 5, "date": day(plus=1)}
    said = refused(stack, "budgeting", lambda: admin.post(path, body), 422, "invalid")
    assert [error["pointer"] for error in said["errors"]] == ["/date"]
    assert admin.create(path, body | {"date": day()})["date"] == day()


def test_bud_1_crediting_is_for_administrators(admin, operator):
    """ACC-6: crediting and reversing move money, an operator is refused."""
    client = new_client(admin)
    problem(operator.post(f"/v1/clients/{client['id']}/envelope/credits", {"amount_cents": 1}), 403, "forbidden")


def test_bud_2_a_project_needs_the_money(admin):
    """BUD-2: 409 when the envelope would go below zero, and nothing is left behind."""
    client = funded_client(admin, 1_000)
    answer = admin.post("/v1/projects", {"client_id": client["id"], "name": "P", "initial_budget_cents": 1_001,
                                         "alert_threshold": {"percent_bp": 8000}})
    problem(answer, 409, "insufficient_funds")
    assert admin.read("/v1/projects", client_id=client["id"])["projects"] == []


def test_bud_2_the_envelope_never_goes_below_zero_in_a_race(admin):
    """BUD-2: twenty projects at once, money for five."""
    client = funded_client(admin, 5_000)
    body = {"client_id": client["id"], "name": "P", "initial_budget_cents": 1_000, "alert_threshold": {"percent_bp": 1}}
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(admin.post("/v1/projects", body).status_code))
               for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 5 + [409] * 15
    assert envelope(admin, client)["available_cents"] == 0


def test_bud_3_taking_back_what_remains(admin):
    """BUD-3: allocations go both ways; more than what remains is refused."""
    client = funded_client(admin, 10_000)
    project = new_project(admin, client, 6_000)
    path = f"/v1/projects/{project['id']}/allocations"
    admin.create(path, {"amount_cents": 1_000})
    problem(admin.post(path, {"amount_cents": -7_001}), 409, "insufficient_funds")
    admin.create(path, {"amount_cents": -7_000, "reason": "postponed"})
    assert pointers(admin.post(path, {"amount_cents": 0})) == ["/amount_cents"]
    figures = budget(admin, project)
    assert (figures["budget_cents"], figures["initial_cents"]) == (0, 6_000)
    assert envelope(admin, client)["available_cents"] == 10_000
    assert [entry["amount_cents"] for entry in admin.read(path)["allocations"]] == [-7_000, 1_000]


def test_bud_4_an_overrun_is_recorded_never_refused(admin, stack):
    """BUD-4, BUD-12: remaining goes negative, the state says so."""
    project = new_project(admin, funded_client(admin), 1_000, auto_funding_call=False)
    new_training(admin, new_session(admin, project), 2_500)
    figures = wait_for_budget(admin, project, consumed_cents=2_500)
    assert (figures["remaining_cents"], figures["state"], figures["consumed_bp"]) == (-1_500, "overrun", 25_000)
    assert crossings(stack, project) == ["budgeting.BudgetOverrun"]


def test_bud_5_changes_and_removals_post_the_difference(admin):
    """BUD-5: a changed, removed training and a cancelled session give back what they bound."""
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    training = new_training(admin, session, 10_000)
    admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": 4_000})
    wait_for_budget(admin, project, planned_cents=4_000)
    new_training(admin, session, 1_000)
    wait_for_budget(admin, project, planned_cents=5_000)
    assert admin.delete(f"/v1/trainings/{training['id']}").status_code == 204
    wait_for_budget(admin, project, planned_cents=1_000)
    admin.act(f"/v1/sessions/{session['id']}/cancel")
    assert wait_for_budget(admin, project, planned_cents=0)["remaining_cents"] == 1_000_000


def test_bud_6_completing_and_reopening(admin):
    """BUD-6: what was planned is completed, and the reverse."""
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    new_training(admin, session, 10_000)
    wait_for_budget(admin, project, planned_cents=10_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    assert wait_for_budget(admin, project, completed_cents=10_000)["planned_cents"] == 0
    admin.act(f"/v1/sessions/{session['id']}/reopen")
    assert wait_for_budget(admin, project, planned_cents=10_000)["completed_cents"] == 0


@pytest.mark.parametrize("threshold, below, at", [
    ({"percent_bp": 8000}, 79_999, 80_000),
    ({"percent_bp": 3333}, 33_329, 33_330),
    ({"amount_cents": 1}, 0, 1),
    ({"percent_bp": 10000}, 99_999, 100_000),
])
def test_bud_12_the_threshold_is_exact(admin, threshold, below, at):
    """BUD-12, MON-3: one cent below is ok, the product itself is alert."""
    project = new_project(admin, funded_client(admin), 100_000, alert_threshold=threshold, auto_funding_call=False)
    session = new_session(admin, project)
    training = new_training(admin, session, below)
    assert wait_for_budget(admin, project, consumed_cents=below)["state"] == "ok"
    admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": at})
    assert wait_for_budget(admin, project, consumed_cents=at)["state"] == "alert"


def test_bud_12_a_threshold_is_one_or_the_other(admin):
    """BUD-12: both, none, out of bounds are refused."""
    client = funded_client(admin)
    for threshold in ({}, {"percent_bp": 1, "amount_cents": 1}, {"percent_bp": 0}, {"percent_bp": 10001},
                      {"amount_cents": 0}):
        answer = admin.post("/v1/projects", {"client_id": client["id"], "name": "P", "initial_budget_cents": 0,
                                             "alert_threshold": threshold})
        assert answer.status_code == 422, threshold


def test_bud_13_crossings_are_told_once_and_rearmed(admin, stack):
    """BUD-13: ok → alert → overrun → alert → ok → overrun raises alert, overrun, overrun."""
    project = new_project(admin, funded_client(admin), 100_000, auto_funding_call=False)
    training = new_training(admin, new_session(admin, project), 0)
    for cost in (80_000, 90_000, 100_001, 100_000, 1, 200_000):
        admin.change(f"/v1/trainings/{training['id']}", {"cost_cents": cost})
        wait_for_budget(admin, project, consumed_cents=cost)
    assert crossings(stack, project) == ["budgeting.BudgetThresholdReached", "budgeting.BudgetOverrun",
                                         "budgeting.BudgetOverrun"]


def test_bud_14_a_moved_threshold_alerts_but_asks_for_no_money(admin, stack):
    """BUD-14: a changed threshold and a take-back raise the alert without a funding call."""
    client = funded_client(admin)
    moved = new_project(admin, client, 100_000)
    new_training(admin, new_session(admin, moved), 50_000)
    wait_for_budget(admin, moved, consumed_cents=50_000)
    admin.change(f"/v1/projects/{moved['id']}", {"alert_threshold": {"percent_bp": 5000}})
    taken = new_project(admin, client, 100_000)
    new_training(admin, new_session(admin, taken), 50_000)
    wait_for_budget(admin, taken, consumed_cents=50_000)
    admin.create(f"/v1/projects/{taken['id']}/allocations", {"amount_cents": -50_000})
    wait_until_settled(stack)
    for project in (moved, taken):
        assert budget(admin, project)["state"] == "alert"
        assert alerts_of(admin, project) == ["budgeting.BudgetThresholdReached"]
        assert calls_of(admin, project) == []


def test_bud_12_thresholds_of_both_kinds_change_at_any_time(admin, stack):
    """BUD-12, BUD-13: share and amount replace each other; each entry into alert is told once, leaving re-arms."""
    project = new_project(admin, funded_client(admin), 100_000)
    new_training(admin, new_session(admin, project), 50_000)
    wait_for_budget(admin, project, consumed_cents=50_000)
    for threshold, cents, state in (({"amount_cents": 50_000}, 50_000, "alert"), ({"percent_bp": 5000}, 50_000, "alert"),
                                    ({"percent_bp": 5001}, 50_010, "ok"), ({"amount_cents": 50_001}, 50_001, "ok"),
                                    ({"amount_cents": 1}, 1, "alert"), ({"amount_cents": 10**15}, 10**15, "ok"),
                                    ({"percent_bp": 1}, 10, "alert")):
        changed = admin.change(f"/v1/projects/{project['id']}", {"alert_threshold": threshold})
        assert changed["alert_threshold"] == threshold
        assert (changed["budget"]["threshold_cents"], changed["budget"]["state"]) == (cents, state)
        assert [one["id"] for one in admin.read("/v1/projects", client_id=project["client_id"], state=state)["projects"]] \
            == [project["id"]]
    assert crossings(stack, project) == ["budgeting.BudgetThresholdReached"] * 3
    wait_until_settled(stack)
    assert calls_of(admin, project) == []


def test_bud_13_an_allocation_leaves_alert_and_rearms(admin, stack):
    """BUD-13, BUD-14: given more it is ok, taken back it is alert again, told again, and no call opens."""
    project = new_project(admin, funded_client(admin), 100_000, auto_funding_call=False)
    new_training(admin, new_session(admin, project), 80_000)
    wait_for_budget(admin, project, state="alert")
    for amount, state in ((1, "ok"), (-1, "alert"), (100_000, "ok"), (-100_000, "alert")):
        admin.create(f"/v1/projects/{project['id']}/allocations", {"amount_cents": amount})
        assert budget(admin, project)["state"] == state
    assert crossings(stack, project) == ["budgeting.BudgetThresholdReached"] * 3


def test_bud_13_one_alert_whatever_arrives_at_once(admin, stack):
    """BUD-13: twenty trainings, thresholds and allocations at the same time cross once each way."""
    project = new_project(admin, funded_client(admin), 100_000, auto_funding_call=False)
    session = new_session(admin, project)

    def act(number):
        if number % 4 == 0:
            return admin.change(f"/v1/projects/{project['id']}", {"alert_threshold": {"percent_bp": 8000 + number}})
        return new_training(admin, session, 6_000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(20)))
    wait_for_budget(admin, project, consumed_cents=90_000)
    assert crossings(stack, project) == ["budgeting.BudgetThresholdReached"]


def test_bud_15_a_budget_of_zero(admin):
    """BUD-15: no share; ok while nothing is consumed, then overrun."""
    project = new_project(admin, funded_client(admin), 0, auto_funding_call=False)
    assert "consumed_bp" not in budget(admin, project) and budget(admin, project)["state"] == "ok"
    new_training(admin, new_session(admin, project), 1)
    figures = wait_for_budget(admin, project, consumed_cents=1)
    assert figures["state"] == "overrun" and "consumed_bp" not in figures


def test_bud_16_the_initial_budget_never_changes(admin):
    """BUD-16: PATCH refuses it as immutable."""
    project = new_project(admin, funded_client(admin))
    answer = admin.patch(f"/v1/projects/{project['id']}", {"initial_budget_cents": 5})
    said = answer.json()
    assert answer.status_code == 422 and said["errors"][0]["pointer"] == "/initial_budget_cents"
    assert said["errors"][0]["code"] == "immutable"


def test_bud_17_planned_sessions_stand_in_the_way(admin):
    """BUD-17: 409 naming them."""
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project, title="Last group")
    said = problem(admin.post(f"/v1/projects/{project['id']}/close"), 409, "sessions_planned")
    assert "Last group" in said["detail"] and session["id"] in said["detail"]


def test_bud_17_closed_is_final(admin):
    """BUD-17: closing twice is the same answer; a closed project takes nothing."""
    client = funded_client(admin)
    project = new_project(admin, client)
    first = admin.act(f"/v1/projects/{project['id']}/close")
    assert first["id"] == project["id"]
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    assert envelope(admin, client)["available_cents"] == 10_000_000
    assert admin.post(f"/v1/projects/{project['id']}/close").status_code == 409
    problem(admin.post(f"/v1/projects/{project['id']}/allocations", {"amount_cents": 1}), 409, "wrong_state")
    assert admin.patch(f"/v1/projects/{project['id']}", {"name": "Q"}).status_code == 409
    assert admin.post(f"/v1/projects/{project['id']}/sessions",
                      {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-01"}).status_code == 409


def test_bud_11_the_budget_at_a_day(admin):
    """BUD-11: `at` counts what is effective on or before that day."""
    project = new_project(admin, funded_client(admin))
    before = admin.read(f"/v1/projects/{project['id']}/budget", at="2020-01-01")
    assert (before["budget_cents"], before["as_of"]) == (0, "2020-01-01")
    assert budget(admin, project)["budget_cents"] == 1_000_000


def test_bud_11_the_budget_at_a_day_counts_what_was_effective(admin, stack):
    """BUD-11: as known now: a correction recorded today counts today; the initial budget is always said."""
    project = new_project(admin, funded_client(admin))
    admin.create(f"/v1/projects/{project['id']}/allocations", {"amount_cents": 500})
    new_training(admin, new_session(admin, project), 10_000)
    wait_for_budget(admin, project, planned_cents=10_000)
    for kind, day in (("project_opened", "2026-01-10"), ("project_allocated", "2026-02-10"),
                      ("training_added", "2026-03-10")):
        stack.query("update budgeting.ledger_transaction set effective_date = %s where project_id = %s and kind = %s",
                    day, project["id"], kind)

    def figures(day):
        now = admin.read(f"/v1/projects/{project['id']}/budget", at=day)
        assert now["initial_cents"] == 1_000_000 and now["as_of"] == day
        return now["budget_cents"], now["consumed_cents"], now["remaining_cents"], now["state"]
    assert figures("2026-01-09") == (0, 0, 0, "ok")
    assert figures("2026-01-10") == (1_000_000, 0, 1_000_000, "ok")
    assert figures("2026-02-10") == figures("2026-03-09") == (1_000_500, 0, 1_000_500, "ok")
    assert figures("2026-03-10") == figures("2099-12-31") == (1_000_500, 10_000, 990_500, "ok")
    assert admin.get(f"/v1/projects/{project['id']}/budget", at="2026-02-30").status_code == 422


def test_bud_ledger_is_append_only(stack, admin):
    """BUD: the application role can neither change nor delete a ledger entry, and none is unbalanced."""
    new_project(admin, funded_client(admin))
    connection = stack.connect("budgeting")
    with connection.cursor() as cursor:
        for statement in ("update budgeting.ledger_entry set amount_cents = 1", "delete from budgeting.ledger_entry",
                          "delete from budgeting.ledger_transaction"):
            with pytest.raises(Exception, match="permission denied"):
                cursor.execute(statement)
    connection.close()
    assert stack.query("select transaction_id from budgeting.ledger_entry group by 1 having sum(amount_cents) <> 0 "
                       "or count(*) < 2") == []
    with pytest.raises(Exception, match="sum to zero"):
        stack.query("insert into budgeting.ledger_entry select transaction_id, 9, client_id, null, 'envelope', 1 "
                    "from budgeting.ledger_entry limit 1")


def test_acc_3_a_client_with_an_open_project_is_not_archived(admin):
    """ACC-3: 409 naming what is open and left."""
    client = funded_client(admin)
    new_project(admin, client)
    said = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert "not closed" in said["detail"] and "envelope" in said["detail"]


def test_acc_1_only_an_active_client_takes_projects(admin):
    """ACC-1: a pending client is refused, an unknown one is an unknown reference."""
    pending = admin.create("/v1/clients", {"name": "Pending"})
    body = {"name": "P", "initial_budget_cents": 0, "alert_threshold": {"percent_bp": 1}}
    problem(admin.post("/v1/projects", body | {"client_id": pending["id"]}), 409, "wrong_state")
    answer = admin.post("/v1/projects", body | {"client_id": "01890000-0000-7000-8000-000000000000"})
    assert answer.json()["errors"][0]["code"] == "unknown_reference" and answer.status_code == 422
