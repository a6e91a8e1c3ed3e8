# SPDX-License-Identifier: Apache-2.0
"""Who is told what, in which language: the rows of the NOT table beside those of the worked example."""
import contextlib
import hashlib
import os
import signal
import subprocess

import pytest
from billing import close, the_invoice
from client import Client, expect, mail_text, problem, wait_until
from factory import funded_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from funding_calls import age, decide, path_of, review_of, sent_call
from identifiers import new_email

NO_BREAK_SPACE = "\u00a0"
KINDS = {"budget": {"budget_threshold"}, "session": {"session_planned", "session_completed"},
         "funding_call": {"funding_call"}, "decision": {"funding_call_decision"}, "invoice": {"invoice"},
         "invoice_pdf": {"invoice"}, "report": set()}


def plain(text):
    return text.replace(NO_BREAK_SPACE, " ").replace("\r\n", "\n")


def subject_and_text(mail):
    return plain(mail["Subject"]) + "\n" + plain(mail_text(mail))


class Told:
    """A client's project whose billing contact and mailing list are listened to."""

    def __init__(self, stack, admin, locale="fr", budget_cents=1_000_000, **entry):
        self.stack, self.admin = stack, admin
        self.list, self.contact = new_email("list"), new_email("camille")
        self.client = funded_client(admin, locale=locale, billing_contact={
            "name": "Camille Martin", "email": self.contact})
        self.project = new_project(admin, self.client, budget_cents, name="Académie",
                                   mailing_list=[{"email": self.list} | entry])

    def messages(self, recipient, kind):
        return self.admin.read("/v1/messages", recipient=recipient, kind=kind, page_size=200)["messages"]

    def told(self, recipient, kind):
        """The one mail of a kind to somebody, with its message."""
        (message,) = wait_until(lambda: [m for m in self.messages(recipient, kind) if m["status"] == "sent"])
        (mail,) = [mail for mail in self.stack.mails(recipient) if mail["Message-ID"] == message["message_id"]]
        return message, mail

    def history(self, type_):
        """Entries of a type, once there is one, oldest first."""
        def entries():
            return [entry for entry in self.admin.read(f"/v1/projects/{self.project['id']}/history",
                                                       page_size=200)["history_entries"] if entry["type"] == type_]
        return wait_until(entries)[::-1]

    def alert(self, caller, kind):
        def raised():
            return [alert for alert in caller.read("/v1/alerts", page_size=200)["alerts"]
                    if alert["kind"] == kind and alert.get("client_id") == self.client["id"]]
        (alert,) = wait_until(raised)
        return alert


@pytest.fixture(params=["fr", "en"])
def told(request, stack, admin):
    return Told(stack, admin, request.param)


@pytest.fixture
def french(stack, admin):
    return Told(stack, admin)


@contextlib.contextmanager
def courier_stopped(stack, service):
    """Nothing that happened elsewhere reaches the service meanwhile."""
    (pid,) = subprocess.run(["pgrep", "-P", str(stack.pid(service)), "-f", "role=courier"], capture_output=True,
                            text=True, check=True).stdout.split()
    os.kill(int(pid), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(pid), signal.SIGCONT)


def words(told, french, english):
    return french if told.client["locale"] == "fr" else english


# ── funding calls ────────────────────────────────────────────────────────────────────────────────

def test_not_a_reminder_is_told_with_the_link(told, admin, anonymous):
    """NOT, FUN-5: to the billing contact with the review link, to the mailing list without."""
    call = sent_call(admin, told.project, 200_000)
    admin.act(path_of(call, "remind"))
    _, mail = told.told(told.contact, "funding_call_reminder")
    said = subject_and_text(mail)
    assert words(told, "Rappel : appel de fonds de 2 000,00 € pour le projet Académie",
                 "Reminder: funding call of €2,000.00 for project Académie") in said
    assert words(told, "Budget actuel : 10 000,00 €", "Current budget: €10,000.00") in said
    link = next(line for line in said.splitlines() if "/v1/funding-reviews/" in line)
    assert anonymous.read("/v1/" + link.split("/v1/")[1])["requested_cents"] == 200_000
    _, notice = told.told(told.list, "funding_call_reminder")
    assert "/v1/funding-reviews/" not in mail_text(notice)
    assert words(told, "rappel de l’appel de fonds de 2 000,00 €", "reminder of the funding call of €2,000.00"
                 ) in subject_and_text(notice)
    assert [entry["amount_cents"] for entry in told.history("funding.FundingCallReminded")] == [200_000]


def test_not_an_unanswered_call_is_told_to_operators(french, admin, operator):
    """FUN-5: after the last reminder, once; the client gets no mail for it."""
    call = sent_call(admin, french.project, 200_000)
    age(french.stack, call, sent_at=29)
    wait_until(lambda: admin.read(path_of(call))["reminders"] == 1)
    alert = french.alert(operator, "funding_call_unanswered")
    assert (alert["severity"], alert["audience"], alert["subject_id"]) == ("warning", "operators", call["id"])
    assert "€2,000.00 of project Académie" in alert["summary"] and french.contact not in alert["summary"]
    assert french.history("funding.FundingCallUnanswered")


def test_not_expiry_is_told_to_all(told, admin, operator):
    """NOT, FUN-5: receipt, notice, operators."""
    call = sent_call(admin, told.project, 200_000)
    told.stack.query("update funding.funding_call set expires_at = now() where id = %s", call["id"])
    _, receipt = told.told(told.contact, "funding_call_expired")
    assert words(told, "l’appel de fonds de 2 000,00 € a expiré", "the funding call of €2,000.00 has expired"
                 ) in subject_and_text(receipt)
    _, notice = told.told(told.list, "funding_call_expired")
    assert words(told, "resté sans réponse", "not answered in time"
                 ) in subject_and_text(notice)
    alert = told.alert(operator, "funding_call_expired")
    assert (alert["severity"], alert["subject_id"]) == ("warning", call["id"])
    assert told.history("funding.FundingCallExpired")[0]["amount_cents"] == 200_000


def test_not_a_receipt_says_that_an_operator_recorded_the_decision(told, admin):
    """NOT, FUN-4, BUD-8: on whose behalf, why, and that the envelope gave the money."""
    decide(admin, sent_call(admin, told.project, 200_000), "accept", source="envelope", reason="Vu par téléphone")
    said = subject_and_text(told.told(told.contact, "funding_call_decision")[1])
    for part in words(told, ("Vous avez accordé 2 000,00 €", "Prélevé sur votre enveloppe : 2 000,00 €",
                             "enregistrée en votre nom par nos soins. Motif indiqué : Vu par téléphone",
                             "Nouveau budget du projet : 12 000,00 €"),
                      ("You granted €2,000.00", "Taken from your envelope: €2,000.00",
                       "We recorded this answer for you. Reason given: Vu par téléphone",
                       "New budget of the project: €12,000.00")):
        assert part in said
    assert "Vu par téléphone" not in subject_and_text(told.told(told.list, "funding_call_decision")[1])


def test_not_a_receipt_of_the_clients_own_decision_names_nobody_else(french, admin, anonymous):
    call = sent_call(admin, french.project, 200_000)
    anonymous.act(review_of(french.stack, call), {"decision": "accept"})
    said = subject_and_text(french.told(french.contact, "funding_call_decision")[1])
    assert "en votre nom" not in said and "enveloppe" not in said


def test_bud_8_a_decision_that_the_envelope_could_not_pay_is_taken_back(told, admin, operator, anonymous):
    """BUD-8: no receipt, a mail that asks again with the link, operators alerted; both are in the history."""
    other = new_project(admin, told.client, 7_000_000)
    calls = [sent_call(admin, project, 1_500_000) for project in (other, told.project)]
    with courier_stopped(told.stack, "budgeting"):
        for call in calls:
            decide(admin, call, "accept", source="envelope")
    wait_for_status(admin, path_of(calls[1]), "sent")
    said = subject_and_text(told.told(told.contact, "funding_call_reopened")[1])
    assert words(told, "le budget du projet Académie n’a pas changé", "the budget of project Académie has not changed"
                 ) in said.replace("\n", " ")
    link = next(line for line in said.splitlines() if "/v1/funding-reviews/" in line)
    assert anonymous.read("/v1/" + link.split("/v1/")[1])["status"] == "sent"
    assert told.told(told.list, "funding_call_reopened")
    receipts = [m["status"] for m in told.messages(told.contact, "funding_call_decision") if m["object_id"] == calls[1]["id"]]
    assert receipts == ["cancelled"]
    alert = told.alert(operator, "funding_call_unfunded")
    assert (alert["severity"], alert["subject_id"]) == ("critical", calls[1]["id"])
    assert told.history("budgeting.FundingCallUnfunded")[0]["amount_cents"] == 1_500_000
    assert told.history("funding.FundingCallReopened")


def test_payments_of_a_call_are_in_the_history(french, admin):
    """BUD-9: what came in, and what went back."""
    call = sent_call(admin, french.project, 200_000)
    decide(admin, call, "accept")
    wait_for_budget(admin, french.project, budget_cents=1_200_000)
    for cents, reference in ((50_000, "VIR-1"), (-20_000, "VIR-2")):
        admin.create(path_of(call, "payments"), {"amount_cents": cents, "reference": reference, "date": "2026-11-01"})
    entries = wait_until(lambda: len(french.history("funding.FundingCallPaid")) == 2 and
                         french.history("funding.FundingCallPaid"))
    assert [(entry["amount_cents"], entry["summary"]) for entry in entries] == [
        (50_000, "Payment of €500.00 on a funding call received; €500.00 of €2,000.00 paid"),
        (-20_000, "Payment of €200.00 on a funding call reversed; €300.00 of €2,000.00 paid")]


# ── invoices and credit notes ────────────────────────────────────────────────────────────────────

def test_not_a_credit_note_is_told(told, admin):
    """NOT, INV-8: to the billing contact with its PDF, to the mailing list by name and number."""
    close(admin, told.project)
    invoice = the_invoice(admin, told.project)
    note = admin.create(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Erreur de taux"})
    message, mail = told.told(told.contact, "credit_note")
    said = subject_and_text(mail)
    for part in words(told, (f"Avoir {note['number']} – Académie", f"relatif à notre facture {invoice['number']}",
                             "Motif : Erreur de taux", "Total TTC : 600,00 €"),
                      (f"Credit note {note['number']} – Académie", f"for our invoice {invoice['number']}",
                       "Reason: Erreur de taux", "Total including VAT: €600.00")):
        assert part in said
    (document,) = mail.iter_attachments()
    assert hashlib.sha256(document.get_content()).hexdigest() == message["attachments"][0]["sha256"]
    _, notice = told.told(told.list, "credit_note")
    assert note["number"] in notice["Subject"] and list(notice.iter_attachments()) == []
    issued = told.history("invoicing.InvoiceIssued")[-1]
    assert issued["summary"] == (f"Credit note {note['number']} issued for invoice {invoice['number']}: €500.00, "
                                 "€600.00 incl. VAT") and issued["amount_cents"] == -60_000
    assert told.history("invoicing.InvoiceCredited")[0]["summary"] == \
        f"Invoice {invoice['number']} credited as a whole: Erreur de taux"


def test_not_an_entry_that_asks_gets_the_pdf_of_a_credit_note(stack, admin):
    told = Told(stack, admin, kinds=["invoice_pdf"])
    close(admin, told.project)
    admin.create(f"/v1/invoices/{the_invoice(admin, told.project)['id']}/credit", {"reason": "Erreur"})
    (document,) = told.told(told.list, "credit_note")[1].iter_attachments()
    assert document.get_content_type() == "application/pdf"


def test_an_invoice_is_mailed_again_to_the_billing_contact_alone(french, admin, operator):
    """A new message with the same PDF; the mailing list was told before."""
    close(admin, french.project)
    invoice = the_invoice(admin, french.project)
    first, _ = french.told(french.contact, "invoice")
    french.told(french.list, "invoice")
    operator.act(f"/v1/invoices/{invoice['id']}/send")
    second, _ = wait_until(lambda: len([m for m in french.messages(french.contact, "invoice")
                                        if m["status"] == "sent"]) == 2 and french.messages(french.contact, "invoice"))
    assert second["message_id"] != first["message_id"] and second["attachments"] == first["attachments"]
    assert french.history("invoicing.InvoiceResent")
    assert len(french.messages(french.list, "invoice")) == 1


def test_what_is_paid_is_told(french, admin, operator):
    """INV-7: payments and reversals in the history; an advance also to operators."""
    close(admin, french.project)
    invoice = the_invoice(admin, french.project)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    path = f"/v1/invoices/{invoice['id']}/payments"
    for cents, reference, advance in ((20_000, "VIR-1", False), (-20_000, "VIR-2", False), (70_000, "VIR-3", True)):
        admin.create(path, {"amount_cents": cents, "reference": reference, "date": "2026-11-01", "advance": advance})
    entries = wait_until(lambda: len(french.history("invoicing.InvoicePaid")) == 3 and
                         french.history("invoicing.InvoicePaid"))
    assert [entry["amount_cents"] for entry in entries] == [20_000, -20_000, 70_000]
    assert entries[1]["summary"] == f"Payment of €200.00 on invoice {invoice['number']} reversed; €0.00 of €600.00 paid"
    alert = french.alert(operator, "client_advance")
    assert "€100.00" in alert["summary"] and alert["severity"] == "warning"
    assert french.history("invoicing.ClientAdvanceChanged")[0]["amount_cents"] == 10_000


# ── projects ─────────────────────────────────────────────────────────────────────────────────────

def test_a_deleted_project_leaves_its_history(french, admin):
    """BUD-18."""
    expect(admin.delete(f"/v1/projects/{french.project['id']}"), 204)
    wait_until(lambda: french.stack.query("select 1 from notifications.history_entry where project_id = %s "
                                          "and type = 'budgeting.ProjectDeleted'", french.project["id"]))


# ── who chooses what ─────────────────────────────────────────────────────────────────────────────

def test_not_1_every_kind_can_be_chosen_by_itself(stack, admin):
    """NOT-1: one entry for each kind gets that and nothing else; one without kinds gets all notices."""
    entries = {kind: new_email(kind) for kind in KINDS}
    everything = new_email("everything")
    client = funded_client(admin)
    project = new_project(admin, client, mailing_list=[{"email": address, "kinds": [kind]} for kind, address
                                                       in entries.items()] + [{"email": everything}])
    session = new_session(admin, project)
    new_training(admin, session, 810_000)
    call = wait_until(lambda: admin.read(f"/v1/projects/{project['id']}/funding-calls")["funding_calls"])[0]
    Client(stack).act(review_of(stack, call), {"decision": "accept"})
    wait_for_budget(admin, project, budget_cents=1_200_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_for_budget(admin, project, completed_cents=810_000)
    close(admin, project)

    def kinds_to(address):
        return {message["kind"] for message in admin.read("/v1/messages", recipient=address, page_size=200)["messages"]}
    wait_until(lambda: kinds_to(everything) == set().union(*KINDS.values()))
    assert {kind: kinds_to(address) for kind, address in entries.items()} == KINDS
    assert list(stack.mail(entries["invoice_pdf"]).iter_attachments())
    assert not list(stack.mail(entries["invoice"]).iter_attachments())


# ── alerts ───────────────────────────────────────────────────────────────────────────────────────

def test_alerts_of_administrators_are_not_operators(stack, admin, operator):
    """NOT: an operator neither sees nor reads them; read and unread are each user's own."""
    address = new_email("refused")
    admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    message = wait_until(lambda: admin.read("/v1/messages", recipient=address, status="failed")["messages"])[0]

    def raised(caller, **filters):
        return [alert for alert in caller.read("/v1/alerts", page_size=200, **filters)["alerts"]
                if alert.get("subject_id") == message["id"]]
    (alert,) = wait_until(lambda: raised(admin))
    assert raised(operator) == [] and raised(operator, unread="true") == []
    expect(operator.post(f"/v1/alerts/{alert['id']}/read"), 404)
    problem(admin.post(f"/v1/alerts/{alert['id']}/read", if_match='"2.0"'), 412, "precondition_failed")
    assert admin.act(f"/v1/alerts/{alert['id']}/read")["read_at"]
    assert raised(admin, unread="true") == [] and raised(admin, unread="false")
