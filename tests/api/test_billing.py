# SPDX-License-Identifier: Apache-2.0
"""What is billed when: the three bases, their triggers together, milestones, the manual trigger (INV-1, INV-2, INV-5)."""
import signal

import psycopg2
import pytest
from billing import (billing_plan, check_series, close, day, deliver_again, history, invoices, pdf, pdf_text, plan_path,
                     settings, settled, the_invoice)
from client import expect, problem, wait_until
from facts import refused
from factory import funded_client, new_project, new_session, new_training, wait_for_budget
from races import at_once, queued

CONSUMED = {"basis": "consumed_value", "rate_bp": 500, "triggers": ["session_completed"]}
FEE = {"basis": "fixed_fee", "fixed_fee_cents": 25_000, "triggers": ["session_completed"]}
ALL_TRIGGERS = ["session_completed", "milestones", "project_closed"]
BUDGET_CENTS = 1_000_000


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 1_000_000_000, commission=CONSUMED)


def project_with(caller, client, plan, **changes):
    """A project of 10 000.00 with this billing plan."""
    project = new_project(caller, client, BUDGET_CENTS, auto_funding_call=False, **changes)
    expect(caller.put(plan_path(project), plan), 200)
    return project


def planned_session(caller, project, *costs, **changes):
    session = new_session(caller, project, **changes)
    for cost_cents in costs:
        new_training(caller, session, cost_cents)
    return session


def complete(caller, session):
    return caller.act(f"/v1/sessions/{session['id']}/complete")


def completed_session(caller, project, *costs, **changes):
    session = planned_session(caller, project, *costs, **changes)
    complete(caller, session)
    return session


def known(stack, session, status="completed"):
    """Waits until invoicing has heard that the session is in this state."""
    wait_until(lambda: stack.query("select 1 from invoicing.session where id = %s and status = %s", session["id"],
                                   status))


def billed(caller, project, count):
    """The project's invoices, oldest first, once there are so many."""
    wait_until(lambda: len(invoices(caller, project_id=project["id"], kind="invoice")) >= count)
    found = invoices(caller, project_id=project["id"], kind="invoice")
    assert len(found) == count
    return found[::-1]


def triggers(found):
    return [(invoice["trigger"], invoice["net_cents"]) for invoice in found]


def yielded_nothing(caller, project, count=1):
    """Waits until the history says so often that a trigger had nothing to bill."""
    wait_until(lambda: history(caller, project).count("invoicing.TriggerYieldedNothing") == count)


def refused_bill(stack, caller, project, code):
    """The problem of an invoice asked for by hand, which leaves every table as it was."""
    settled(stack, {"id": project["client_id"]})
    return refused(stack, "invoicing", lambda: issue(caller, project), 409, code)


def issue(caller, project, **options):
    return caller.post(f"/v1/projects/{project['id']}/invoices", **options)


# ── consumed value ──────────────────────────────────────────────────────────────────────────────


def test_inv_1_a_completed_session_is_billed(operator, admin, client):
    """Step 6 of the worked example: 5 % of 8 100.00 is 405.00, VAT 81.00, gross 486.00; one line per session."""
    project = project_with(operator, client, CONSUMED)
    session = planned_session(operator, project, 300_000, 450_000, 60_000)
    trainings = operator.read(f"/v1/sessions/{session['id']}/trainings")["trainings"]
    complete(operator, session)
    (invoice,) = billed(admin, project, 1)
    assert invoice.items() >= {"trigger": "session_completed", "basis": "consumed_value", "basis_cents": 810_000,
                               "rate_bp": 500, "net_cents": 40_500, "vat_cents": 8_100, "gross_cents": 48_600,
                               "service_date": session["end_date"]}.items()
    (line,) = invoice["lines"]
    assert line.items() >= {"session_id": session["id"], "net_cents": 40_500, "vat_rate_bp": 2000,
                            "service_date": session["end_date"]}.items()
    assert sorted(line["training_ids"]) == sorted(training["id"] for training in trainings)
    assert line["description"].replace("\u00a0", " ") == (
        "Commission de gestion, session « Negotiation » (du 1er au 2 décembre 2026) : "
        "5 % de 8 100,00 € HT")


def test_mon_3_each_session_is_rounded_by_itself(admin, stack, client):
    """MON-3: an invoice of several sessions is the sum of its lines, each rounded; VAT on their sum."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    sessions = [completed_session(admin, project, 110, title=f"Groupe {number}") for number in range(3)]
    for session in sessions:
        known(stack, session)
    close(admin, project)
    invoice = the_invoice(admin, project)
    assert [line["net_cents"] for line in invoice["lines"]] == [6, 6, 6]  # 5.5 each, half away from zero
    assert (invoice["basis_cents"], invoice["net_cents"], invoice["vat_cents"]) == (330, 18, 4)


def test_inv_2_a_closing_bills_what_is_left(admin, stack, client):
    """INV-2: session_completed first; the closing bills the sessions that no trigger billed before."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    first = completed_session(admin, project, 200_000, title="Groupe 1")
    known(stack, first)
    expect(admin.put(plan_path(project), CONSUMED | {"triggers": ["session_completed", "project_closed"]}), 200)
    completed_session(admin, project, 100_000, title="Groupe 2")
    close(admin, project)
    found = billed(admin, project, 2)
    assert triggers(found) == [("session_completed", 5_000), ("project_closed", 10_000)]
    assert [line["session_id"] for line in found[1]["lines"]] == [first["id"]]


def test_inv_5_a_closing_after_everything_was_billed_says_so(admin, client):
    """INV-2, INV-5: what is billed is not billed again; the history says that the closing had nothing."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["session_completed", "project_closed"]})
    completed_session(admin, project, 200_000)
    billed(admin, project, 1)
    close(admin, project)
    yielded_nothing(admin, project)
    assert triggers(billed(admin, project, 1)) == [("session_completed", 10_000)]


@pytest.mark.parametrize("plan", [CONSUMED, FEE])
def test_ses_4_an_empty_session_bills_nothing(admin, client, plan):
    """SES-4, INV-5: completing a session without trainings bills nothing and the history says so."""
    project = project_with(admin, client, plan)
    completed_session(admin, project)
    yielded_nothing(admin, project)
    assert invoices(admin, project_id=project["id"]) == []


def test_inv_2_a_plan_without_the_trigger_stays_silent(admin, stack, client):
    """INV-1: a session that completes while only the closing bills makes neither invoice nor history."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    known(stack, completed_session(admin, project, 200_000))
    close(admin, project)
    assert triggers(billed(admin, project, 1)) == [("project_closed", 10_000)]
    assert "invoicing.TriggerYieldedNothing" not in history(admin, project)


def test_inv_2_a_training_has_one_line(stack, admin, client):
    """INV-2: the schema itself refuses a second line that is not credited."""
    project = project_with(admin, client, CONSUMED)
    completed_session(admin, project, 200_000)
    (invoice,) = billed(admin, project, 1)
    (line,) = invoice["lines"]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        stack.query("insert into invoicing.billed_training (training_id, invoice_line_id) values (%s, %s)",
                    line["training_ids"][0], line["id"])


def test_inv_2_events_delivered_again_bill_nothing_more(admin, stack, client):
    """INV-2: a session's completion, and all that budgeting told since the project was opened, once more: nothing fires twice."""
    project = project_with(admin, client, CONSUMED | {"triggers": ALL_TRIGGERS, "milestones": [{"consumed_bp": 1000}]})
    session = planned_session(admin, project, 200_000)
    yielded_nothing(admin, project)  # the milestone: nothing is completed
    complete(admin, session)
    billed(admin, project, 1)
    settled(stack, client)
    before = stack.query("select count(*) from invoicing.fired_trigger")
    deliver_again(stack, "sessions.SessionCompleted", session)
    deliver_again(stack, "budgeting.ProjectCreated", project)
    later = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    known(stack, completed_session(admin, later, 100))
    settled(stack, client)
    assert stack.query("select count(*) from invoicing.fired_trigger where project_id <> %s", later["id"]) == before
    billed(admin, project, 1)


# ── fixed fee ───────────────────────────────────────────────────────────────────────────────────


def test_inv_1_a_fixed_fee_is_billed_per_trigger(admin, client):
    """INV-1: the fee once per completed session, per milestone and at closing, each on one line."""
    project = project_with(admin, client, FEE | {"triggers": ALL_TRIGGERS, "milestones": [
        {"consumed_bp": 1000}, {"consumed_bp": 9000}]})
    session = planned_session(admin, project, 200_000)
    billed(admin, project, 1)
    complete(admin, session)
    wait_for_budget(admin, project, completed_cents=200_000)
    close(admin, project)
    found = billed(admin, project, 3)
    assert triggers(found) == [("milestones", 25_000), ("session_completed", 25_000), ("project_closed", 25_000)]
    assert [len(invoice["lines"]) for invoice in found] == [1, 1, 1]
    assert [invoice["gross_cents"] for invoice in found] == [30_000] * 3
    assert not any("rate_bp" in invoice or "basis_cents" in invoice for invoice in found)
    assert [invoice["lines"][0]["description"].split(",")[1].replace("\u00a0", " ").split(" (")[0]
            for invoice in found] == [" 10 % du budget consommé", " session « Negotiation »", " clôture du projet"]


# ── milestones ──────────────────────────────────────────────────────────────────────────────────


def fired_milestones(stack, project):
    return [occurrence for (occurrence,) in stack.query(
        "select occurrence from invoicing.fired_trigger where project_id = %s and trigger = 'milestones' order by id",
        project["id"])]


def make_due(stack, project, date):
    """The project's milestone of a day to come becomes that of another day, in a plan that is old enough."""
    stack.query("update invoicing.milestone set due_on = %s, occurrence = %s where project_id = %s", date, date,
                project["id"])


def test_inv_2_a_milestone_of_a_day_bills_what_is_completed(admin, stack, client):
    """INV-2: a day that came, or was missed, fires once, under its own date."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["milestones"], "milestones": [
        {"date": day(plus=30)}]})
    sessions = [completed_session(admin, project, cost) for cost in (100_000, 200_000)]
    planned_session(admin, project, 400_000)
    for session in sessions:
        known(stack, session)
    make_due(stack, project, day(plus=-2))
    (invoice,) = billed(admin, project, 1)
    assert (invoice["trigger"], sorted(line["net_cents"] for line in invoice["lines"])) == (
        "milestones", [5_000, 10_000])
    assert stack.query("select occurrence, service_date::text, status from invoicing.fired_trigger "
                       "where project_id = %s and trigger = 'milestones'", project["id"]) == [(day(plus=-2), day(plus=-2), "billed")]
    assert stack.query("select 1 from invoicing.milestone where project_id = %s", project["id"]) == []


def test_inv_2_today_is_a_day_that_has_come(admin, stack, client):
    """INV-2, MON-5: a milestone of today in Paris fires without waiting; tomorrow's does not."""
    project = project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [
        {"date": day()}, {"date": day(plus=1)}]})
    (invoice,) = billed(admin, project, 1)
    assert invoice["service_date"] == day()
    assert stack.query("select occurrence from invoicing.milestone where project_id = %s", project["id"]) == [
        (day(plus=1),)]


def test_inv_2_a_missed_day_fires_at_start(admin, stack, client):
    """INV-2: a day that came while the service was down fires when it is up again."""
    project = project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [{"date": day(plus=30)}]})
    before = stack.pid("invoicing")
    held = stack.connect()
    held.autocommit = False
    with held.cursor() as cursor:
        cursor.execute("update invoicing.milestone set due_on = %s where project_id = %s", (day(plus=-1),
                                                                                            project["id"]))
        stack.signal("invoicing", signal.SIGKILL)
        wait_until(lambda: stack.pid("invoicing") != before and admin.get("/v1/invoices").status_code == 200)
    held.commit()
    held.close()
    assert triggers(billed(admin, project, 1)) == [("milestones", 25_000)]


def test_inv_2_a_day_before_the_opening_never_comes(admin, stack):
    """INV-2: a client's commission may name days that were over before its project was opened."""
    client = funded_client(admin, BUDGET_CENTS, commission=FEE | {"triggers": ["milestones"], "milestones": [
        {"date": "2020-01-31"}, {"date": day(plus=30)}]})
    project = new_project(admin, client, BUDGET_CENTS)
    assert len(billing_plan(admin, project)["milestones"]) == 2
    assert stack.query("select occurrence from invoicing.milestone where project_id = %s", project["id"]) == [
        (day(plus=30),)]


def test_inv_2_a_milestone_of_consumption_fires_when_it_is_reached(admin, stack, client):
    """INV-2, MON-3: 49.99 % do not reach 50 %; 50 % do, once, however the figures move later."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["milestones"], "milestones": [
        {"consumed_bp": 5000}, {"consumed_bp": 9000}]})
    first = completed_session(admin, project, 499_999)
    known(stack, first)
    wait_for_budget(admin, project, completed_cents=499_999)
    second = planned_session(admin, project, 1)
    (invoice,) = billed(admin, project, 1)
    assert [line["session_id"] for line in invoice["lines"]] == [first["id"]]
    assert fired_milestones(stack, project) == ["5000"]
    (training,) = admin.read(f"/v1/sessions/{second['id']}/trainings")["trainings"]
    expect(admin.delete(f"/v1/trainings/{training['id']}"), 204)
    new_training(admin, second, 500_000)
    yielded_nothing(admin, project)  # 9000 bp: nothing new was completed
    assert fired_milestones(stack, project) == ["5000", "9000"]


def test_inv_2_an_allocation_moves_the_consumed_share(admin, client):
    """INV-2: taking budget back brings a project to its milestone as spending does."""
    project = project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [{"consumed_bp": 8000}]})
    planned_session(admin, project, 400_000)
    wait_for_budget(admin, project, planned_cents=400_000)
    admin.create(f"/v1/projects/{project['id']}/allocations", {"amount_cents": -500_000, "reason": "Fewer groups"})
    assert triggers(billed(admin, project, 1)) == [("milestones", 25_000)]


def test_inv_2_after_a_change_only_new_milestones_fire(admin, stack, client):
    """INV-2: one that has fired does not fire again; one that is reached already fires at once."""
    plan = CONSUMED | {"triggers": ["milestones"], "milestones": [{"consumed_bp": 2000}, {"consumed_bp": 9500}]}
    project = project_with(admin, client, plan)
    planned_session(admin, project, 300_000)
    yielded_nothing(admin, project)
    expect(admin.put(plan_path(project), plan | {"milestones": [
        {"consumed_bp": 2000}, {"consumed_bp": 2500}, {"consumed_bp": 8000}]}), 200)
    yielded_nothing(admin, project, 2)
    assert fired_milestones(stack, project) == ["2000", "2500"]
    assert stack.query("select occurrence from invoicing.milestone where project_id = %s", project["id"]) == [
        ("8000",)]


def test_inv_2_milestones_that_are_not_reached_end_with_the_project(admin, stack, client):
    """INV-2: at closing they do not fire; what is left is billed by the closing."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["milestones", "project_closed"], "milestones": [
        {"consumed_bp": 9000}, {"date": day(plus=30)}]})
    completed_session(admin, project, 200_000)
    close(admin, project)
    assert triggers(billed(admin, project, 1)) == [("project_closed", 10_000)]
    assert stack.query("select 1 from invoicing.milestone where project_id = %s", project["id"]) == []


def test_inv_1_the_first_invoice_of_a_milestone_freezes_the_plan(admin, client):
    """INV-1: the plan changes until the first invoice, whatever made it."""
    project = project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [{"date": day()}]})
    (invoice,) = billed(admin, project, 1)
    assert invoice["number"] in problem(admin.put(plan_path(project), FEE), 409, "already_billed")["detail"]


def test_bud_18_a_deleted_project_has_no_milestones(admin, stack, client):
    """BUD-18: plan and milestones go with the project; a fee of its days is never billed."""
    project = project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [{"date": day(plus=30)}]})
    expect(admin.delete(f"/v1/projects/{project['id']}"), 204)
    for table in ("billing_plan", "milestone", "consumption"):
        wait_until(lambda table=table: stack.query(f"select 1 from invoicing.{table} where project_id = %s",
                                                   project["id"]) == [])
    problem(admin.get(plan_path(project)), 404, "not_found")
    problem(issue(admin, project), 404, "not_found")


# ── the manual trigger ──────────────────────────────────────────────────────────────────────────


def test_inv_2_an_operator_bills_what_is_completed(operator, admin, stack, client):
    """The manual trigger: 201 with the invoice of all that is completed and unbilled, once."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    first = completed_session(admin, project, 100_000)
    known(stack, first)
    answer = issue(operator, project, key="manual-1")
    invoice = expect(answer, 201)
    assert answer.headers["Location"] == f"/v1/invoices/{invoice['id']}"
    assert (invoice["trigger"], invoice["net_cents"], invoice["status"]) == ("manual", 5_000, "issued")
    again = issue(operator, project, key="manual-1")
    assert (expect(again, 201)["id"], again.headers["Idempotent-Replayed"]) == (invoice["id"], "true")
    refused_bill(stack, operator, project, "nothing_to_bill")
    known(stack, completed_session(admin, project, 300_000))
    assert expect(issue(operator, project), 201)["net_cents"] == 15_000
    close(admin, project)
    yielded_nothing(admin, project)
    assert triggers(billed(admin, project, 2)) == [("manual", 5_000), ("manual", 15_000)]


def test_inv_2_operators_at_once_bill_once(admin, stack, client):
    """INV-2: of three who ask at the same time one gets the invoice, the others hear that nothing is left."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    known(stack, completed_session(admin, project, 100_000))
    plan = ("invoicing.billing_plan", billing_plan(admin, project)["id"])
    answers = queued(stack, plan, *[lambda: issue(admin, project)] * 3)
    assert sorted(answer.json().get("code", "billed") for answer in answers) == ["billed"] + ["nothing_to_bill"] * 2
    billed(admin, project, 1)


def test_inv_2_an_invoice_by_hand_leaves_out_nothing(admin, stack, client):
    """409 not_ready while invoicing has not heard of a session that sessions has completed."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    session = planned_session(admin, project, 100_000)
    held = stack.connect()
    held.autocommit = False
    with held.cursor() as cursor:
        cursor.execute("select 1 from invoicing.stream_cursor where consumer = 'main' and producer = 'sessions' "
                       "for update")
        complete(admin, session)
        answer = issue(admin, project)
    held.rollback()
    held.close()
    problem(answer, 409, "not_ready")
    assert int(answer.headers["Retry-After"]) >= 1
    known(stack, session)
    assert expect(issue(admin, project), 201)["net_cents"] == 5_000


def test_inv_1_unconsumed_funds_are_not_billed_by_hand(admin, stack, client):
    """INV-1: they are known when the project is closed; a second closing invoice can't be asked for."""
    project = project_with(admin, client, {"basis": "unconsumed_funds", "rate_bp": 500,
                                           "triggers": ["project_closed"]})
    refused_bill(stack, admin, project, "nothing_to_bill")
    close(admin, project)
    billed(admin, project, 1)
    assert "closed" in problem(issue(admin, project), 409, "nothing_to_bill")["detail"]


def test_inv_1_a_fixed_fee_is_billed_by_hand_while_the_project_is_open(admin, stack, client):
    """INV-1: each time the fee; not once the project is closed."""
    wait_until(lambda: stack.query("select 1 from invoicing.client where id = %s", client["id"]))
    project = project_with(admin, client, FEE | {"triggers": ["project_closed"]})
    assert [expect(issue(admin, project), 201)["net_cents"] for _ in range(2)] == [25_000, 25_000]
    close(admin, project)
    billed(admin, project, 3)
    problem(issue(admin, project), 409, "nothing_to_bill")


@pytest.mark.parametrize("plan", [FEE | {"triggers": ["project_closed"]}, {
    "basis": "unconsumed_funds", "rate_bp": 500, "triggers": ["project_closed"]}])
def test_inv_8_a_credited_closing_is_billed_by_hand(admin, client, plan):
    """INV-8: once its invoice is credited, what the closing had billed can be billed anew, once."""
    project = project_with(admin, client, plan)
    close(admin, project)
    (first,) = billed(admin, project, 1)
    admin.create(f"/v1/invoices/{first['id']}/credit", {"reason": "Erreur"})
    again = expect(issue(admin, project), 201)
    assert (again["trigger"], again["net_cents"], again["gross_cents"]) == (
        "manual", first["net_cents"], first["gross_cents"])
    problem(issue(admin, project), 409, "nothing_to_bill")
    admin.create(f"/v1/invoices/{again['id']}/credit", {"reason": "Erreur"})
    assert expect(issue(admin, project), 201)["net_cents"] == first["net_cents"]


def test_inv_8_a_credited_line_is_billed_by_hand(admin, stack, client):
    """INV-8, INV-2: crediting a session's line releases its trainings, also of a closed project."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    for cost_cents in (100_000, 200_000):
        known(stack, completed_session(admin, project, cost_cents))
    close(admin, project)
    (invoice,) = billed(admin, project, 1)
    line = next(line for line in invoice["lines"] if line["net_cents"] == 10_000)
    admin.create(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Erreur", "line_ids": [line["id"]]})
    again = expect(issue(admin, project), 201)
    assert [one["training_ids"] for one in again["lines"]] == [line["training_ids"]]
    problem(issue(admin, project), 409, "nothing_to_bill")


def test_inv_6_an_invoice_by_hand_says_what_is_missing(admin, stack, client):
    """INV-6: 409 naming it, nothing waits; the same request succeeds once it is there."""
    seller = admin.read("/v1/settings")["seller"]
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    known(stack, completed_session(admin, project, 100_000))
    with settings(admin, stack, {"seller": {"rcs_city": None}}, {"seller": {"rcs_city": seller["rcs_city"]}}):
        said = refused_bill(stack, admin, project, "identity_incomplete")
        assert "seller.rcs_city" in said["detail"]
    assert expect(issue(admin, project), 201)["net_cents"] == 5_000


# ── waiting, taxing, numbering ──────────────────────────────────────────────────────────────────


def test_inv_6_triggers_that_wait_are_billed_in_order(admin, stack, client):
    """INV-6, INV-2: sessions, then milestones, then the closing, each with what was left for it."""
    seller = admin.read("/v1/settings")["seller"]
    project = project_with(admin, client, CONSUMED | {"triggers": ALL_TRIGGERS, "milestones": [
        {"date": day(plus=30)}]})
    known(stack, reopened := completed_session(admin, project))
    yielded_nothing(admin, project)
    admin.act(f"/v1/sessions/{reopened['id']}/reopen")
    with settings(admin, stack, {"seller": {"rcs_city": None}}, {"seller": {"rcs_city": seller["rcs_city"]}}):
        completed_session(admin, project, 100_000, title="Groupe 1")
        completed_session(admin, project, 200_000, title="Groupe 2")
        admin.act(f"/v1/sessions/{reopened['id']}/cancel")
        close(admin, project)
        wait_until(lambda: history(admin, project).count("invoicing.TriggerWaiting") == 3)
        assert invoices(admin, project_id=project["id"]) == []
    assert triggers(billed(admin, project, 2)) == [("session_completed", 5_000), ("session_completed", 10_000)]
    yielded_nothing(admin, project, 2)
    assert [row for (row,) in stack.query("select status from invoicing.fired_trigger where project_id = %s "
                                          "order by id", project["id"])] == ["nothing", "billed", "billed", "nothing"]


def test_ses_5_a_session_completed_again_is_billed_again(admin, stack, client):
    """INV-2, SES-5, INV-8: reopening credits its line; completing it anew bills its trainings anew."""
    project = project_with(admin, client, CONSUMED)
    session = completed_session(admin, project, 100_000)
    billed(admin, project, 1)
    admin.act(f"/v1/sessions/{session['id']}/reopen")
    known(stack, session, "planned")
    new_training(admin, session, 20_000)
    complete(admin, session)
    assert triggers(billed(admin, project, 2)) == [("session_completed", 5_000), ("session_completed", 6_000)]


def test_inv_6_each_session_has_the_vat_rate_of_its_end(admin, stack, client):
    """INV-6, MON-3: the dated rate of each session's last day; VAT per rate; at closing the closing's."""
    back = admin.read("/v1/settings")["commission_vat_rates"]
    rates = [rate | {"valid_to": "2026-06-30"} for rate in back] + [{"valid_from": "2026-07-01", "rate_bp": 1000}]
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    with settings(admin, stack, {"commission_vat_rates": rates}, {"commission_vat_rates": back}):
        for start, end in (("2026-06-29", "2026-06-30"), ("2026-06-30", "2026-07-01")):
            known(stack, completed_session(admin, project, 100_000, start_date=start, end_date=end))
        invoice = expect(issue(admin, project), 201)
        known(stack, completed_session(admin, project, 200_000, start_date="2026-06-29", end_date="2026-06-30"))
        close(admin, project)
        closing = billed(admin, project, 2)[1]
    assert invoice["vat_groups"] == [{"rate_bp": 2000, "net_cents": 5_000, "vat_cents": 1_000},
                                     {"rate_bp": 1000, "net_cents": 5_000, "vat_cents": 500}]
    assert invoice["service_date"] == "2026-07-01"
    assert closing["vat_groups"] == [{"rate_bp": 1000, "net_cents": 10_000, "vat_cents": 1_000}]


def test_inv_3_numbers_are_gapless_whatever_bills_at_once(admin, stack, client):
    """INV-3: sessions, closings, milestones and operators billing in parallel, in several processes, share one
    series without a gap, in the order of dates."""
    unconsumed = [new_project(admin, client, 340_000) for _ in range(4)]
    for project in unconsumed:
        expect(admin.put(plan_path(project), {"basis": "unconsumed_funds", "rate_bp": 500,
                                              "triggers": ["project_closed"]}), 200)
    completing = [project_with(admin, client, CONSUMED) for _ in range(4)]
    sessions = [planned_session(admin, project, 100_000) for project in completing]
    by_hand, by_hand_numbers = [project_with(admin, client, FEE) for _ in range(4)], []
    due = [project_with(admin, client, FEE | {"triggers": ["milestones"], "milestones": [{"date": day(plus=30)}]})
           for _ in range(4)]
    acts = [lambda project=project: admin.act(f"/v1/projects/{project['id']}/close") for project in unconsumed]
    acts += [lambda session=session: complete(admin, session) for session in sessions]
    acts += [lambda project=project: by_hand_numbers.append(expect(issue(admin, project), 201)["number"])
             for project in by_hand for _ in range(5)]
    acts += [lambda project=project: make_due(stack, project, day()) for project in due]
    at_once(*acts)
    numbers = {billed(admin, project, 1)[0]["number"] for project in unconsumed + completing + due}
    assert len(numbers | set(by_hand_numbers)) == 12 + 20
    check_series(stack)


def test_inv_4_an_invoice_of_many_sessions_fills_several_pages(admin, stack, client, tmp_path):
    """INV-4, INV-6: each session has its line, each page the number, the period is that of all sessions."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["project_closed"]})
    for number in range(25):
        last = completed_session(admin, project, 10_000 + number, title=f"Atelier-{number:02}",
                                 start_date=f"2026-11-{number + 1:02}", end_date=f"2026-11-{number + 2:02}")
    known(stack, last)
    invoice = expect(issue(admin, project), 201)
    text = pdf_text(pdf(admin, invoice), tmp_path)
    assert [number for number in range(25) if f"« Atelier-{number:02} »" not in text] == []
    assert text.count(invoice["number"]) >= 4 and "du 2 novembre 2026 au 26 " in text
