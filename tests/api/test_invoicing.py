# SPDX-License-Identifier: Apache-2.0
"""Billing plans and invoices: INV-1 and INV-3 to INV-6, on what a project's closing leaves unconsumed."""
import hashlib
import signal
import uuid

import psycopg2
import pytest
from billing import (billing_plan, check_series, close, day, deliver_again, history, invoices, pdf, pdf_text, plan_path,
                     settings, the_invoice)
from client import expect, pointers, problem, wait_until
from facts import wait_until_settled
from factory import ADDRESS, COMMISSION, funded_client, new_project, wait_for_status
from identifiers import new_email
from races import at_once

MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
          "décembre")
REMAINING_CENTS = 340_000  # step 5 of the worked example


def billed(caller, client, cents=REMAINING_CENTS, **changes):
    """A project that was closed with so much left, and its invoice."""
    project = new_project(caller, client, cents, **changes)
    close(caller, project)
    return project, the_invoice(caller, project)


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


# ── INV-1: billing plans ────────────────────────────────────────────────────────────────────────


def test_inv_1_a_project_starts_with_its_clients_commission(admin):
    """INV-1: the plan is the commission of the client as it was when the project was opened."""
    client = funded_client(admin, commission=COMMISSION | {"rate_bp": 725})
    project = new_project(admin, client)
    plan = billing_plan(admin, project)
    assert plan.items() >= {"project_id": project["id"], "client_id": client["id"], "currency": "EUR",
                            "basis": "unconsumed_funds", "rate_bp": 725, "triggers": ["project_closed"],
                            "milestones": [], "version": 1}.items()
    admin.change(f"/v1/clients/{client['id']}", {"commission": COMMISSION | {"rate_bp": 100}})
    assert billing_plan(admin, project) == plan


def test_inv_1_a_plan_changes_until_the_first_invoice(operator, admin, client):
    """INV-1: replaced whole, under If-Match; the invoice is made by the plan in force at closing."""
    project = new_project(admin, client, REMAINING_CENTS)
    first = billing_plan(admin, project)
    second = expect(operator.put(plan_path(project), COMMISSION | {"rate_bp": 1000}), 200)
    assert (second["id"], second["rate_bp"], second["version"]) == (first["id"], 1000, 2)
    assert expect(operator.get(plan_path(project)), 200) == second
    problem(operator.put(plan_path(project), COMMISSION, if_match='"1.0"'), 412, "precondition_failed")
    third = expect(operator.put(plan_path(project), COMMISSION | {"rate_bp": 250}, if_match='"2.0"'), 200)
    assert third["rate_bp"] == 250
    close(admin, project)
    invoice = the_invoice(admin, project)
    assert (invoice["rate_bp"], invoice["net_cents"]) == (250, 8_500)
    problem(operator.put(plan_path(project), COMMISSION), 409, "wrong_state")
    assert expect(operator.get(plan_path(project)), 200) == third


def test_inv_1_a_plan_can_be_set_at_once(admin, stack, client):
    """INV-1: a plan that is set right after the opening is not undone by the event that brings the first one."""
    project = new_project(admin, client)
    plan = expect(admin.put(plan_path(project), COMMISSION | {"rate_bp": 333}), 200)
    wait_until_settled(stack)
    assert "invoicing.BillingPlanSet" in history(admin, project)
    assert billing_plan(admin, project)["rate_bp"] == plan["rate_bp"] == 333


@pytest.mark.parametrize("changes, pointer, code", [
    ({"basis": "fixed_fee", "fixed_fee_cents": 1}, "/rate_bp", "not_applicable"),
    ({"basis": "fixed_fee"}, "/fixed_fee_cents", "required"),
    ({"basis": "consumed_value", "fixed_fee_cents": 1}, "/fixed_fee_cents", "not_applicable"),
    ({"basis": "consumed_value", "triggers": ["milestones"]}, "/milestones", "required"),
    ({"triggers": ["session_completed"]}, "/triggers", "not_applicable"),
    ({"triggers": ["project_closed", "milestones"]}, "/triggers", "not_applicable"),
    ({"triggers": []}, "/triggers", "required"),
    ({"milestones": [{"consumed_bp": 5000}]}, "/milestones", "not_applicable"),
    ({"fixed_fee_cents": 100}, "/fixed_fee_cents", "not_applicable"),
    ({"rate_bp": 10_001}, "/rate_bp", None),
    ({"rate_bp": -1}, "/rate_bp", None),
    ({"currency": "USD"}, "/currency", "currency_not_supported"),
])
def test_inv_1_wrong_combinations_are_refused(admin, stack, client, changes, pointer, code):
    """INV-1: 422 for what does not go together."""
    project = new_project(admin, client)
    billing_plan(admin, project)
    before = stack.query("select * from invoicing.billing_plan where project_id = %s", project["id"])
    answer = admin.put(plan_path(project), COMMISSION | changes)
    assert pointer in pointers(answer)
    if code is not None:
        assert code in {error["code"] for error in answer.json()["errors"] if error["pointer"] == pointer}
    assert stack.query("select * from invoicing.billing_plan where project_id = %s", project["id"]) == before


def test_inv_1_a_basis_needs_its_rate(admin, client):
    """INV-1: unconsumed funds are billed at a rate."""
    project = new_project(admin, client)
    body = {name: value for name, value in COMMISSION.items() if name != "rate_bp"}
    assert pointers(admin.put(plan_path(project), body)) == ["/rate_bp"]


def test_a_plan_of_no_project_is_not_found(admin):
    """An unknown id in the path is 404."""
    nowhere = {"id": str(uuid.uuid4())}
    problem(admin.get(plan_path(nowhere)), 404, "not_found")
    problem(admin.put(plan_path(nowhere), COMMISSION), 404, "not_found")
    problem(admin.get(f"/v1/projects/{nowhere['id']}/invoices"), 404, "not_found")
    problem(admin.get(f"/v1/invoices/{nowhere['id']}"), 404, "not_found")
    problem(admin.get(f"/v1/invoices/{nowhere['id']}/pdf"), 404, "not_found")


# ── the invoice of a closing ────────────────────────────────────────────────────────────────────


def test_inv_1_a_closing_bills_what_remains(operator, admin, client):
    """Step 5 of the worked example: 5 % of 3 400.00 is 170.00, VAT 34.00, gross 204.00."""
    project, invoice = billed(admin, client, name="Académie des ventes", purchase_order="PO-4711")
    assert invoice.items() >= {
        "client_id": client["id"], "project_id": project["id"], "kind": "invoice", "currency": "EUR",
        "trigger": "project_closed", "basis": "unconsumed_funds", "basis_cents": 340_000, "rate_bp": 500,
        "net_cents": 17_000, "vat_cents": 3_400, "gross_cents": 20_400, "paid_cents": 0, "locale": "fr",
        "subject": "Projet « Académie des ventes »", "purchase_order": "PO-4711",
        "vat_groups": [{"rate_bp": 2000, "net_cents": 17_000, "vat_cents": 3_400}]}.items()
    (line,) = invoice["lines"]
    assert line.items() >= {"quantity": 1, "unit_price_cents": 17_000, "net_cents": 17_000, "vat_rate_bp": 2000,
                            "training_ids": []}.items()
    assert line["description"].replace("\u00a0", " ") == \
        "Commission de gestion sur fonds non consommés : 5 % de 3 400,00 € HT"
    closed = admin.read(f"/v1/projects/{project['id']}")
    assert invoice["service_date"] == closed["closed_date"]
    read = operator.read(f"/v1/invoices/{invoice['id']}")
    assert (read["number"], read["lines"]) == (invoice["number"], invoice["lines"])


def test_inv_1_an_invoice_is_due_after_the_clients_terms(admin):
    """ACC-2, INV-6: due date = date of issue + payment terms."""
    client = funded_client(admin, payment_terms_days=45)
    _, invoice = billed(admin, client)
    assert invoice["due_date"] == day(invoice["issue_date"], plus=45)


def test_inv_2_a_closing_bills_once(admin, stack, client):
    """INV-2: the event that fires a trigger, delivered again with all since the opening, bills nothing more."""
    project, invoice = billed(admin, client)
    before = stack.query("select count(*) from invoicing.invoice")
    deliver_again(stack, "budgeting.ProjectCreated", project)
    later = new_project(admin, client)
    billing_plan(admin, later)
    assert stack.query("select count(*) from invoicing.invoice") == before
    assert [one["id"] for one in invoices(admin, project_id=project["id"])] == [invoice["id"]]


# ── INV-3: numbers ──────────────────────────────────────────────────────────────────────────────


def close_at_once(admin, projects):
    at_once(*[lambda project=project: admin.act(f"/v1/projects/{project['id']}/close") for project in projects])


def test_inv_3_numbers_have_no_gap_and_follow_the_dates(admin, stack, client):
    """INV-3: projects that close at once, while others that waited are billed, share one series."""
    city = admin.read("/v1/settings")["seller"]["rcs_city"]
    waiting, closing = ([new_project(admin, client, REMAINING_CENTS) for _ in range(5)] for _ in range(2))
    with settings(admin, stack, {"seller": {"rcs_city": None}}, {"seller": {"rcs_city": city}}):
        close_at_once(admin, waiting)
        for project in waiting:
            wait_until(lambda project=project: "invoicing.TriggerWaiting" in history(admin, project))
    close_at_once(admin, closing)
    mine = {the_invoice(admin, project)["number"] for project in waiting + closing}
    assert len(mine) == 10
    check_series(stack)


def test_inv_3_a_killed_service_leaves_no_gap(admin, stack, client):
    """INV-3: whatever is killed while it issues, each project has its invoice and the series its numbers."""
    projects = [new_project(admin, client, REMAINING_CENTS) for _ in range(6)]
    before = stack.pid("invoicing")
    close_at_once(admin, projects)
    stack.signal("invoicing", signal.SIGKILL)
    wait_until(lambda: stack.pid("invoicing") != before and admin.get("/v1/invoices").status_code == 200)
    assert len({the_invoice(admin, project)["number"] for project in projects}) == 6
    check_series(stack)


def test_inv_3_an_invoice_is_never_dated_before_the_last(admin, stack, client):
    """INV-3: a clock that went back dates by the last of the series."""
    tomorrow = day(plus=1)
    stack.query("update invoicing.invoice_series set last_date = %s where kind = 'invoice'", tomorrow)
    _, invoice = billed(admin, client)
    assert (invoice["issue_date"], invoice["number"][3:7]) == (tomorrow, tomorrow[:4])


# ── INV-4: immutable, archived, sent ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", ["invoice", "invoice_line", "invoice_document"])
@pytest.mark.parametrize("change", ["update invoicing.{} set id = id", "delete from invoicing.{}",
                                    "truncate invoicing.{}"])
def test_inv_4_the_program_itself_cannot_change_what_was_issued(stack, table, change):
    """INV-4: the application's role may only read and add."""
    connection = stack.connect("invoicing")
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(change.format(table))
    connection.close()


def test_inv_4_an_invoice_keeps_seller_and_client_as_they_were(admin, stack):
    """INV-4: what changes later is in no invoice that was issued before, nor in its PDF."""
    client = funded_client(admin)
    _, invoice = billed(admin, client)
    before = pdf(admin, invoice)
    admin.change(f"/v1/clients/{client['id']}", {"name": "Another name", "address": ADDRESS | {"city": "Lille"}})
    seller = invoice["seller"]
    with settings(admin, stack, {"seller": {"name": "Other seller"}}, {"seller": {"name": seller["name"]}}):
        now = admin.read(f"/v1/invoices/{invoice['id']}")
        assert (now["seller"], now["buyer"]) == (seller, invoice["buyer"])
        assert now["buyer"]["address"]["city"] == "Paris"
        assert pdf(admin, invoice) == before


def test_inv_4_the_pdf_is_served_bit_for_bit(operator, admin, client):
    """INV-4: the archived bytes, named, with their SHA-256 in the invoice."""
    _, invoice = billed(admin, client)
    content = pdf(admin, invoice)
    assert content.startswith(b"%PDF-")
    assert pdf(operator, invoice) == content
    file = admin.read(f"/v1/invoices/{invoice['id']}")["file"]
    assert file == {"file_name": f"{invoice['number']}.pdf", "size": len(content),
                    "sha256": hashlib.sha256(content).hexdigest()}


def test_inv_4_a_pdf_that_is_not_rendered_yet_says_when_to_come_back(admin, stack, client):
    """api.md: 409 not_ready with Retry-After until it is rendered."""
    archive = stack.connect()
    archive.autocommit = False
    with archive.cursor() as cursor:
        cursor.execute("lock table invoicing.invoice_document in share mode")
        _, invoice = billed(admin, client)
        answer = admin.get(f"/v1/invoices/{invoice['id']}/pdf")
        problem(answer, 409, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "file" not in admin.read(f"/v1/invoices/{invoice['id']}")
    archive.rollback()
    archive.close()
    assert pdf(admin, invoice).startswith(b"%PDF-")


def test_inv_4_an_invoice_is_sent_when_its_mail_was_accepted(admin, stack):
    """INV-4: issued → sent, with the archived PDF attached."""
    contact = new_email("camille")
    client = funded_client(admin, billing_contact={"name": "Camille Martin", "email": contact})
    _, invoice = billed(admin, client)
    assert invoice["status"] in ("issued", "sent")
    mail = stack.mail(contact, invoice["number"])
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content() == pdf(admin, invoice)
    sent = wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    assert sent["version"] == 3  # issued, rendered, sent


# ── INV-5: nothing to bill ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cents, rate_bp", [(0, 500), (9, 500), (REMAINING_CENTS, 0)])
def test_inv_5_a_trigger_that_yields_nothing_says_so(admin, client, cents, rate_bp):
    """INV-5: no invoice, an entry in the history."""
    project = new_project(admin, client, cents)
    expect(admin.put(plan_path(project), COMMISSION | {"rate_bp": rate_bp}), 200)
    close(admin, project)
    wait_until(lambda: "invoicing.TriggerYieldedNothing" in history(admin, project))
    assert invoices(admin, project_id=project["id"]) == []


# ── INV-6: mentions ─────────────────────────────────────────────────────────────────────────────


def french(date):
    """As people write it: 1er décembre 2026."""
    year, month, number = date.split("-")
    return f"{'1er' if number == '01' else int(number)} {MONTHS[int(month) - 1]} {year}"


def by_fours(text):
    return " ".join(text[i:i + 4] for i in range(0, len(text), 4))


def test_inv_6_the_pdf_has_every_mention(admin, tmp_path):
    """INV-6, french-rules.md: what the law wants on an invoice can be read on it."""
    client = funded_client(admin, name="Société Générale des Œufs", billing_address={
        "line1": "BP 40312", "postal_code": "59000", "city": "Lille", "country": "FR"})
    _, invoice = billed(admin, client, name="Parcours managers", purchase_order="BC-0815")
    text = pdf_text(pdf(admin, invoice), tmp_path)
    seller = invoice["seller"]
    siren = f"{client['siren'][:3]} {client['siren'][3:6]} {client['siren'][6:]}"
    for expected in (seller["name"], seller["legal_form"], seller["rcs_city"], seller["vat_number"],
                     seller["address"]["line1"], seller["activity_declaration_number"], "999 999 998", "10 000 €",
                     client["name"], siren, client["vat_number"], ADDRESS["line1"], "BP 40312", "BC-0815",
                     invoice["number"], "Parcours managers", "Prestations de services", "170,00 €", "34,00 €",
                     "204,00 €", "20 %", "Escompte pour paiement anticipé : néant", "40 €", "12,15 %",
                     "Commission de gestion sur fonds non consommés", "Quantité",
                     french(invoice["issue_date"]), f"au plus tard le {french(invoice['due_date'])}",
                     by_fours(seller["iban"]), seller["bic"]):
        assert expected in text, expected
    assert "débits" not in text


def test_inv_6_an_english_client_reads_english(admin, tmp_path):
    """INV-6: the client's language decides about words and legal sentences."""
    client = funded_client(admin, locale="en")
    _, invoice = billed(admin, client, name="Sales academy")
    assert (invoice["locale"], invoice["subject"]) == ("en", "Project “Sales academy”")
    assert invoice["lines"][0]["description"] == "Management commission on unconsumed funds: 5% of €3,400.00 excl. VAT"
    text = pdf_text(pdf(admin, invoice), tmp_path)
    for expected in ("INVOICE", "€204.00", "Discount for early payment: none.", "12.15%", "EUR 40"):
        assert expected in text, expected


def test_inv_6_the_vat_rate_is_that_of_the_tax_point(admin, stack, client):
    """INV-6: dated in settings; the closing date decides."""
    back = admin.read("/v1/settings")["commission_vat_rates"]
    ended = [rate | {"valid_to": day(plus=-1)} for rate in back]
    rates = ended + [{"valid_from": day(plus=-1), "rate_bp": 1000}, {"valid_from": day(plus=3), "rate_bp": 1500}]
    with settings(admin, stack, {"commission_vat_rates": rates}, {"commission_vat_rates": back}):
        _, invoice = billed(admin, client)
    assert (invoice["vat_groups"], invoice["gross_cents"]) == (
        [{"rate_bp": 1000, "net_cents": 17_000, "vat_cents": 1_700}], 18_700)


def test_inv_6_an_invoice_without_vat_says_why(admin, stack, client, tmp_path):
    """INV-6: the exemption's text beside the line at 0 %; without one the invoice waits."""
    back = {name: admin.read("/v1/settings")[name] for name in ("commission_vat_rates", "legal_sentences")}
    why = [{"key": "vat_exemption", "locale": "fr", "valid_from": "2014-01-01", "text": "Exonération : article 261-4-4° a du CGI"}]
    with settings(admin, stack, {"commission_vat_rates": [{"valid_from": "2014-01-01", "rate_bp": 0}]}, back):
        project = new_project(admin, client, REMAINING_CENTS)
        close(admin, project)
        wait_until(lambda: stack.query("select 1 from invoicing.fired_trigger where project_id = %s and status = 'waiting'",
                                       project["id"]))
        told = wait_until(lambda: [alert for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
                                   if (alert["kind"], alert.get("project_id")) == ("invoice_waiting", project["id"])])
        assert "legal_sentences.vat_exemption" in told[0]["summary"]
        admin.change("/v1/settings", {"legal_sentences": back["legal_sentences"] + why})
        invoice = the_invoice(admin, project)
    assert (invoice["vat_cents"], invoice["vat_groups"][0]["rate_bp"]) == (0, 0)
    text = pdf_text(pdf(admin, invoice), tmp_path)
    assert text.count("Exonération : article 261-4-4° a du CGI") == 1 and "Escompte" in text


def test_inv_6_option_for_vat_on_debits_is_printed(admin, stack, client):
    """INV-6: the sentence appears when the seller has opted."""
    with settings(admin, stack, {"seller": {"vat_on_debits": True}}, {"seller": {"vat_on_debits": False}}):
        _, invoice = billed(admin, client)
    assert invoice["mentions"][-1] == {"key": "vat_on_debits",
                                       "text": "Option pour le paiement de la taxe d'après les débits."}


def test_inv_6_sentences_and_late_rates_hold_from_their_day_on(admin, stack, client):
    """INV-6: dated in settings; the day of issue decides, and what was issued keeps its own."""
    before = admin.read("/v1/settings")
    back = {name: before[name] for name in ("legal_sentences", "late_penalty_rates")}

    def mentions(invoice):
        shown = admin.read(f"/v1/invoices/{invoice['id']}")["mentions"]
        return {mention["key"]: mention["text"] for mention in shown}
    _, first = billed(admin, client)
    kept = mentions(first)
    issued = first["issue_date"]  # the series may be a day ahead
    sentences = [{"key": "discount", "locale": "fr", "valid_from": day(issued, plus=days), "text": text}
                 for days, text in ((-9, "Escompte de la semaine passée."), (0, "Escompte : 1 %."), (1, "Demain."))]
    rates = [{"valid_from": day(issued, plus=days), "rate_bp": rate_bp} for days, rate_bp in ((-9, 800), (0, 905), (1, 1000))]
    changes = {"legal_sentences": before["legal_sentences"] + sentences, "late_penalty_rates": rates}
    with settings(admin, stack, changes, back):
        _, second = billed(admin, client)
    assert mentions(second)["discount"] == "Escompte : 1 %."
    assert "9,05 %" in mentions(second)["penalty"].replace("\u00a0", " ")
    assert mentions(first) == kept and "12,15" in kept["penalty"] and "Escompte : 1" not in kept["discount"]


def test_inv_6_a_trigger_waits_for_the_sellers_identity(admin, stack, client):
    """INV-6: no invoice without its mentions; it is made as soon as they are there."""
    city = admin.read("/v1/settings")["seller"]["rcs_city"]
    project = new_project(admin, client, REMAINING_CENTS)
    with settings(admin, stack, {"seller": {"rcs_city": None}}, {"seller": {"rcs_city": city}}):
        close(admin, project)
        wait_until(lambda: "invoicing.TriggerWaiting" in history(admin, project))
        alerts = admin.read("/v1/alerts", page_size=200)["alerts"]
        assert [alert for alert in alerts if alert["kind"] == "invoice_waiting"
                and alert["project_id"] == project["id"] and "seller.rcs_city" in alert["summary"]]
        assert invoices(admin, project_id=project["id"]) == []
        refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
        assert project["id"] in refusal["detail"]
    invoice = the_invoice(admin, project)
    assert (invoice["gross_cents"], invoice["seller"]["rcs_city"]) == (20_400, city)
    assert history(admin, project).count("invoicing.TriggerWaiting") == 1


# ── lists, obligations, rights ──────────────────────────────────────────────────────────────────


def test_lists_are_filtered_and_paged(admin):
    """api.md: newest first, every filter, keyset pages."""
    client = funded_client(admin)
    (first, _), (second, older) = billed(admin, client), billed(admin, client)
    everything = invoices(admin, client_id=client["id"])
    assert [one["project_id"] for one in everything] == [second["id"], first["id"]]
    page = admin.read("/v1/invoices", client_id=client["id"], page_size=1)
    rest = admin.read("/v1/invoices", client_id=client["id"], page_size=1, page_token=page["next_page_token"])
    assert [page["invoices"][0]["id"], rest["invoices"][0]["id"]] == [one["id"] for one in everything]
    assert "next_page_token" not in rest
    path = f"/v1/projects/{second['id']}/invoices"
    assert [one["id"] for one in admin.read(path)["invoices"]] == [older["id"]]
    issued = older["issue_date"]
    assert len(invoices(admin, client_id=client["id"], kind="invoice", **{"from": issued, "to": issued})) == 2
    assert invoices(admin, client_id=client["id"], kind="credit_note") == []
    assert invoices(admin, client_id=client["id"], status="paid") == []
    assert invoices(admin, client_id=client["id"], **{"from": day(issued, plus=1)}) == []
    assert admin.read(path, to=day(issued, plus=-1))["invoices"] == []


def test_acc_3_a_client_with_an_unpaid_invoice_is_not_archived(admin):
    """ACC-3: the refusal names the invoice."""
    client = funded_client(admin, REMAINING_CENTS)
    _, invoice = billed(admin, client)
    refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert invoice["number"] in refusal["detail"]


def test_invoices_need_a_caller(anonymous):
    """401 without a token, whatever the path holds."""
    problem(anonymous.get("/v1/invoices"), 401, "unauthenticated")
    problem(anonymous.get(f"/v1/invoices/{uuid.uuid4()}/pdf"), 401, "unauthenticated")
