# SPDX-License-Identifier: Apache-2.0
"""The worked example of the product's rules, over HTTPS and exact to the cent."""
import hashlib
import re
import subprocess

import pytest
from client import Client, mail_text, wait_until
from factory import (budget, credit, envelope, funded_client, new_client, new_project, new_session, new_training,
                     wait_for_budget, wait_for_status)
from identifiers import new_email

REVIEW_LINK = re.compile(r"/v1/funding-reviews/([\w.~-]+)")


@pytest.fixture(scope="module")
def told():
    """Who is on the project's mailing list."""
    return new_email("list")


@pytest.fixture(scope="module")
def example(admin, stack, told):
    """Plays the steps and keeps what each showed."""
    return Example(admin, stack, told).play()


class Example:
    def __init__(self, admin, stack, told):
        self.admin, self.stack, self.told = admin, stack, told

    def play(self):
        self.open_project()
        self.plan_session()
        self.cross_threshold()
        self.adjust_call()
        self.close_project()
        return self

    def open_project(self):
        # ACME's real SIREN is taken by whichever test comes first; its own number does not matter here.
        self.client = new_client(self.admin)
        self.contact = self.client["billing_contact"]["email"]
        credit(self.admin, self.client, 10_000_000)
        self.project = new_project(self.admin, self.client, 1_000_000, name="Académie des ventes",
                                   mailing_list=[{"email": self.told, "name": "Paul Petit"}])
        self.envelope_1 = envelope(self.admin, self.client)

    def plan_session(self):
        self.session = new_session(self.admin, self.project)
        new_training(self.admin, self.session, 300_000, 2000)
        new_training(self.admin, self.session, 450_000, 550)
        self.session_2 = self.admin.read(f"/v1/sessions/{self.session['id']}")
        self.budget_2 = wait_for_budget(self.admin, self.project, consumed_cents=750_000)

    def cross_threshold(self):
        new_training(self.admin, self.session, 60_000, 0)
        self.budget_3 = wait_for_budget(self.admin, self.project, consumed_cents=810_000)
        self.call_mail = self.stack.mail(self.contact, "/v1/funding-reviews/")
        self.token = REVIEW_LINK.search(mail_text(self.call_mail)).group(1)
        self.calls_3 = self.admin.read(f"/v1/projects/{self.project['id']}/funding-calls")["funding_calls"]

    def adjust_call(self):
        anonymous = Client(self.stack)
        self.review_before = anonymous.read(f"/v1/funding-reviews/{self.token}")
        self.review_after = anonymous.act(f"/v1/funding-reviews/{self.token}",
                                          {"decision": "adjust", "granted_cents": 150_000})
        self.budget_4 = wait_for_budget(self.admin, self.project, budget_cents=1_150_000)
        self.envelope_4 = envelope(self.admin, self.client)

    def close_project(self):
        self.admin.act(f"/v1/sessions/{self.session['id']}/complete")
        self.budget_5 = wait_for_budget(self.admin, self.project, completed_cents=810_000)
        self.closing = self.admin.act(f"/v1/projects/{self.project['id']}/close")
        self.closed = wait_for_status(self.admin, f"/v1/projects/{self.project['id']}", "closed")
        self.envelope_5 = envelope(self.admin, self.client)
        self.invoice = wait_until(lambda: self.admin.read(
            "/v1/invoices", project_id=self.project["id"])["invoices"])[0]


def test_step_1_the_envelope_and_the_project(example):
    """BUD-1, BUD-2: 100 000.00 credited, 10 000.00 given to the project."""
    assert (example.envelope_1["funded_cents"], example.envelope_1["allocated_cents"],
            example.envelope_1["available_cents"]) == (10_000_000, 1_000_000, 9_000_000)


def test_step_2_the_session_and_what_it_consumes(example):
    """BUD-4, BUD-11, MON-3: VAT per rate on its sum, 600.00 + 247.50."""
    assert (example.session_2["total_cost_cents"], example.session_2["total_vat_cents"]) == (750_000, 84_750)
    figures = example.budget_2
    assert (figures["consumed_cents"], figures["remaining_cents"], figures["consumed_bp"], figures["state"]) == \
        (750_000, 250_000, 7500, "ok")


def test_step_3_the_threshold_and_its_call(example):
    """BUD-12, BUD-13, FUN-2: one alert, one funding call for 2 000.00, sent."""
    assert (example.budget_3["state"], example.budget_3["threshold_cents"]) == ("alert", 800_000)
    assert [(call["reason"], call["status"], call["requested_cents"]) for call in example.calls_3] == \
        [("threshold", "sent", 200_000)]
    assert len([mail for mail in example.stack.mails(example.contact) if REVIEW_LINK.search(mail_text(mail))]) == 1


def test_step_3_the_mails(example):
    """NOT table: the mailing list hears of the threshold and of the call, without the link."""
    threshold = example.stack.mail(example.told, "8\u202f100,00".replace("\u202f", "\u00a0"))
    assert "Académie des ventes" in threshold["Subject"] + mail_text(threshold)
    notice = example.stack.mail(example.told, "2\u00a0000,00")
    assert not REVIEW_LINK.search(mail_text(notice))


def test_step_4_the_client_adjusts(example):
    """FUN-4, BUD-7: 1 500.00 granted; budget 11 500.00, threshold 9 200.00."""
    assert (example.review_before["status"], example.review_before["requested_cents"]) == ("sent", 200_000)
    assert (example.review_after["status"], example.review_after["granted_cents"]) == ("accepted", 150_000)
    assert (example.budget_4["threshold_cents"], example.budget_4["state"]) == (920_000, "ok")
    assert (example.envelope_4["funded_cents"], example.envelope_4["of_which_unpaid_cents"],
            example.envelope_4["available_cents"]) == (10_150_000, 150_000, 9_000_000)
    example.stack.mail(example.contact, "1\u00a0500,00")


def test_bud_10_step_5_the_project_is_closed(example):
    """BUD-6, BUD-10, BUD-17: 3 400.00 return to the envelope."""
    assert example.closing["status"] in ("closing", "closed")
    assert (example.budget_5["planned_cents"], example.budget_5["completed_cents"],
            example.budget_5["remaining_cents"]) == (0, 810_000, 340_000)
    assert example.envelope_5["available_cents"] == 9_340_000
    assert budget(example.admin, example.project)["remaining_cents"] == 0


def test_step_5_the_invoice(example):
    """INV-1, MON-3: 5 % of 3 400.00: net 170.00, VAT 34.00, gross 204.00."""
    invoice = example.invoice
    assert (invoice["basis_cents"], invoice["net_cents"], invoice["vat_cents"], invoice["gross_cents"]) == \
        (340_000, 17_000, 3_400, 20_400)
    assert re.fullmatch(r"FA-\d{4}-\d{6}", invoice["number"])


def test_step_5_the_same_pdf_by_mail_and_by_api(example, tmp_path):
    """INV-4: archived once, served bit for bit, mailed as it is; its amounts are readable."""
    mail = example.stack.mail(example.contact, example.invoice["number"])
    (attachment,) = mail.iter_attachments()
    document = wait_until(lambda: (answer := example.admin.get(f"/v1/invoices/{example.invoice['id']}/pdf"))
                          .status_code == 200 and answer)
    assert document.headers["Content-Type"] == "application/pdf"
    assert attachment.get_content() == document.content
    path = tmp_path / "invoice.pdf"
    path.write_bytes(document.content)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    for amount in ("170,00 €", "34,00 €", "204,00 €"):
        assert amount in text.replace("\u00a0", " ")
    read = wait_for_status(example.admin, f"/v1/invoices/{example.invoice['id']}", "sent")
    assert read["file"]["sha256"] == hashlib.sha256(document.content).hexdigest()


def test_step_6_had_the_basis_been_consumed_value(admin):
    """INV-1, MON-3: 5 % of the 8 100.00 of the completed session: net 405.00, VAT 81.00, gross 486.00."""
    client = funded_client(admin, commission={"basis": "consumed_value", "rate_bp": 500,
                                              "triggers": ["session_completed"]})
    project = new_project(admin, client, 1_150_000)
    session = new_session(admin, project)
    for cost_cents, vat_rate_bp in ((300_000, 2000), (450_000, 550), (60_000, 0)):
        new_training(admin, session, cost_cents, vat_rate_bp)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    (invoice,) = wait_until(lambda: admin.read("/v1/invoices", project_id=project["id"])["invoices"])
    assert (invoice["trigger"], invoice["basis_cents"], invoice["net_cents"], invoice["vat_cents"],
            invoice["gross_cents"]) == ("session_completed", 810_000, 40_500, 8_100, 48_600)


def test_the_ledger_of_the_project(example):
    """BUD-1 to BUD-10: every transaction sums to zero, and together they are the budget."""
    transactions = example.admin.read(f"/v1/projects/{example.project['id']}/ledger")["ledger_transactions"]
    assert [transaction["kind"] for transaction in reversed(transactions)] == [
        "project_opened", "training_added", "training_added", "training_added", "funding_call_accepted",
        "session_completed", "project_closed"]
    assert all(sum(entry["amount_cents"] for entry in transaction["entries"]) == 0 for transaction in transactions)
    assert sum(entry["amount_cents"] for transaction in transactions for entry in transaction["entries"]
               if entry["account"] == "budget") == 0


def test_everybody_was_told(example):
    """NOT: history and alerts name what happened."""
    def complete():
        entries = example.admin.read(f"/v1/projects/{example.project['id']}/history")["history_entries"]
        types = {entry["type"] for entry in entries}
        return types >= {"budgeting.ProjectCreated", "sessions.SessionPlanned", "sessions.SessionCompleted",
                         "budgeting.BudgetThresholdReached", "funding.FundingCallSent",
                         "funding.FundingCallAccepted", "budgeting.ProjectClosed", "invoicing.InvoiceIssued"}
    wait_until(complete)
    alerts = example.admin.read("/v1/alerts", page_size=200)["alerts"]
    assert [alert for alert in alerts if alert.get("project_id") == example.project["id"]]


def test_the_audit_log_verifies(example):
    """ACC-7: the chain holds every change of every service."""
    def verified():
        answer = example.admin.read("/v1/audit-entries/verification")
        entries = example.admin.read("/v1/audit-entries", subject_id=example.invoice["id"])["audit_entries"]
        return answer["verified"] and entries
    assert wait_until(verified)
