# SPDX-License-Identifier: Apache-2.0
"""Mails, alerts and history: who is told what, what is kept of it, who may see it (NOT, ACC-8)."""
import email
import email.policy
import hashlib
import re

import pytest
from client import Client, expect, mail_text, password_token, problem, wait_until
from factory import funded_client, new_client, new_project, new_session, new_training, wait_for_budget, wait_for_status
from identifiers import new_email
from tables import tables_holding

REVIEW_LINK = re.compile(r"/v1/funding-reviews/([\w.~-]+)")
NO_BREAK_SPACE = "\u00a0"


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────

def invite(admin, address):
    return admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand",
                                      "role": "operator"})


def messages(caller, **filters):
    return caller.read("/v1/messages", **filters)["messages"]


def settled_message(admin, recipient, *statuses, **filters):
    """The only message to somebody, once it is in one of these states."""
    def settled():
        found = messages(admin, recipient=recipient, **filters)
        return found[0] if found and found[0]["status"] in statuses else None
    return wait_until(settled)


def deferred_message(admin, recipient):
    """The only message to somebody, once the server has put it off."""
    return wait_until(lambda: next((m for m in messages(admin, recipient=recipient) if m["attempts"] == 1), None))


def delivered_bytes(stack, recipient):
    """What the mail server received for somebody, without the two lines that it added."""
    for file in sorted((stack.maildir / "new").glob("*")):
        trace, _, content = file.read_bytes().partition(f"Delivered-To: {recipient}\r\n".encode())
        if content and b"\r\n\r\n" not in trace:
            return content
    return None


def send_now(stack, recipient):
    """Ends the wait of a message that the server has put off."""
    stack.query("update notifications.message set due_at = now() where recipient = %s", recipient)


def history(caller, project):
    """The project's history, oldest first."""
    return caller.read(f"/v1/projects/{project['id']}/history", page_size=200)["history_entries"][::-1]


def history_with(caller, project, type_):
    """The first entry of a type, once it is there."""
    return wait_until(lambda: next((entry for entry in history(caller, project) if entry["type"] == type_), None))


def plain(text):
    return text.replace(NO_BREAK_SPACE, " ")


class Crossing:
    """A project whose threshold was reached, with the funding call that was sent for it."""

    def __init__(self, stack, admin, **changes):
        self.stack, self.admin = stack, admin
        self.list, self.pdf, self.sessions_only = new_email("list"), new_email("pdf"), new_email("sessions")
        self.client = funded_client(admin, **changes)
        self.contact = self.client["billing_contact"]["email"]
        self.project = new_project(admin, self.client, name="Académie des ventes", mailing_list=[
            {"email": self.list, "name": "Paul Petit"}, {"email": self.pdf, "kinds": ["invoice_pdf"]},
            {"email": self.sessions_only, "kinds": ["session"]}])
        self.session = new_session(admin, self.project)
        new_training(admin, self.session, 810_000)
        self.call_mail = stack.mail(self.contact, "/v1/funding-reviews/")
        self.token = REVIEW_LINK.search(mail_text(self.call_mail)).group(1)

    def subjects(self, recipient):
        return [plain(mail["Subject"]) for mail in self.stack.mails(recipient)]

    def decide(self, **answer):
        return Client(self.stack).act(f"/v1/funding-reviews/{self.token}", answer)


@pytest.fixture(scope="module")
def crossing(stack, admin):
    """The worked example's steps 1 to 5."""
    played = Crossing(stack, admin)
    played.decide(decision="adjust", granted_cents=150_000, comment="Le solde en janvier.")
    wait_for_budget(admin, played.project, budget_cents=1_150_000)
    admin.act(f"/v1/sessions/{played.session['id']}/complete")
    wait_for_budget(admin, played.project, completed_cents=810_000)
    admin.act(f"/v1/projects/{played.project['id']}/close")
    played.invoice = wait_until(lambda: messages(admin, project_id=played.project["id"], kind="invoice",
                                                 status="sent", recipient=played.contact))[0]
    return played


# ── security mails ───────────────────────────────────────────────────────────────────────────────

def test_an_invitation_is_mailed_in_french_with_its_link(stack, admin):
    """ACC-4: the invited person gets a link to set a password."""
    address = new_email("invited")
    invite(admin, address)
    mail = stack.mail(address, "/v1/auth/password-resets/")
    assert mail["Subject"] == "Votre accès à Escarcelle"
    assert "Bonjour Zoé," in mail_text(mail)
    assert mail["To"] == f"Zoé Durand <{address}>"
    assert mail.get_body(("html",)) is not None


def test_mails_come_from_the_seller(stack, admin):
    """Sender and name are the settings'."""
    settings = admin.read("/v1/settings")
    address = new_email("invited")
    invite(admin, address)
    (sender,) = stack.mail(address)["From"].addresses
    assert (sender.addr_spec, sender.display_name) == (settings["mail_from"], settings["seller"]["name"])


def test_not_3_the_archive_has_no_secret_link_and_the_true_bytes_hash(stack, admin):
    """ACC-8, NOT-3: the link is struck out of what is kept; the SHA-256 is of what was really sent."""
    address = new_email("invited")
    invite(admin, address)
    token = password_token(stack, address)
    message = settled_message(admin, address, "sent")
    source = admin.get(f"/v1/messages/{message['id']}/source")
    assert source.headers["Content-Type"] == "message/rfc822"
    kept = email.message_from_bytes(source.content, policy=email.policy.default)
    assert "[lien secret retiré]" in mail_text(kept)
    assert kept["Message-ID"] == message["message_id"]
    sent = delivered_bytes(stack, address)
    assert token.encode() in sent.replace(b"=\r\n", b"") and token.encode() not in source.content.replace(b"=\r\n", b"")
    assert stack.query("select sha256 from notifications.message_source where id = %s", message["id"]) == \
        [(hashlib.sha256(sent).hexdigest(),)]


def test_no_table_of_notifications_holds_a_link(stack, admin):
    """ACC-8: links are asked for when a mail is sent, and kept nowhere."""
    address = new_email("invited")
    invite(admin, address)
    token = password_token(stack, address)
    settled_message(admin, address, "sent")
    for table, rows in stack.tables("notifications").items():
        assert not any(token in row or token.encode().hex() in row for row in rows), table


def test_security_mails_are_for_administrators_only(stack, admin, operator):
    """NOT-3: an operator neither lists nor reads invitations and resets."""
    address = new_email("invited")
    invite(admin, address)
    message = settled_message(admin, address, "sent", kind="invitation")
    assert messages(operator, recipient=address) == []
    problem(operator.get(f"/v1/messages/{message['id']}"), 404, "not_found")
    problem(operator.get(f"/v1/messages/{message['id']}/source"), 404, "not_found")
    assert admin.read(f"/v1/messages/{message['id']}")["to"] == [address]


def test_a_link_that_became_unusable_is_not_sent(stack, admin):
    """ACC-8: the mail of a disabled user's invitation is cancelled, with the reason."""
    address = new_email("deferred")
    user = invite(admin, address)
    deferred_message(admin, address)
    expect(admin.delete(f"/v1/users/{user['id']}"), 204)
    send_now(stack, address)
    message = settled_message(admin, address, "cancelled")
    assert "used or has expired" in message["last_error"]
    assert stack.mails(address) == []


# ── the queue (NOT-2) ────────────────────────────────────────────────────────────────────────────

def test_not_2_a_deferred_mail_is_tried_again_with_the_same_message_id(stack, admin):
    """NOT-2: put off for a minute, then sent once, under the Message-ID that it was given first."""
    address = new_email("deferred")
    invite(admin, address)
    waiting = deferred_message(admin, address)
    assert waiting["status"] == "queued" and "try again later" in waiting["last_error"]
    ((seconds,),) = stack.query("select extract(epoch from due_at - updated_at)::int from notifications.message "
                                "where recipient = %s", address)
    assert seconds == 60
    send_now(stack, address)
    message = settled_message(admin, address, "sent")
    assert message["attempts"] == 2 and "last_error" not in message
    (mail,) = stack.mails(address)
    assert mail["Message-ID"] == waiting["message_id"] == message["message_id"]


def test_not_2_a_refused_mail_fails_and_alerts_administrators(admin, operator):
    """NOT: a mail that finally failed is told to administrators, without the address."""
    address = new_email("refused")
    invite(admin, address)
    message = settled_message(admin, address, "failed")
    assert "no such mailbox" in message["last_error"]

    def raised(caller):
        return [alert for alert in caller.read("/v1/alerts", page_size=200)["alerts"]
                if alert.get("subject_id") == message["id"]]
    (alert,) = wait_until(lambda: raised(admin))
    assert (alert["kind"], alert["audience"]) == ("message_failed", "administrators")
    assert address not in alert["summary"]
    assert raised(operator) == []


def test_not_2_a_mail_is_given_up_after_five_days(stack, admin):
    """NOT-2: five days of trying, then an alert."""
    address = new_email("deferred")
    invite(admin, address)
    deferred_message(admin, address)
    stack.query("update notifications.message set created_at = created_at - interval '5 days', "
                "recipient = 'deferred-again-' || recipient, due_at = now() where recipient = %s", address)
    settled_message(admin, "deferred-again-" + address, "failed")


# ── mails of projects ────────────────────────────────────────────────────────────────────────────

def test_the_mailing_list_hears_what_the_table_says(crossing):
    """NOT: threshold, sessions, funding call, decision and invoice, each once."""
    number = re.search(r"FA-\d{4}-\d{6}", crossing.invoice["subject"]).group()
    wait_until(lambda: len(crossing.subjects(crossing.list)) >= 6)
    assert sorted(crossing.subjects(crossing.list)) == sorted([
        "Projet Académie des ventes : session « Negotiation » planifiée",
        "Projet Académie des ventes : seuil d’alerte atteint",
        "Projet Académie des ventes : appel de fonds de 2 000,00 € envoyé",
        "Projet Académie des ventes : réponse à l’appel de fonds",
        "Projet Académie des ventes : session « Negotiation » validée",
        f"Projet Académie des ventes : facture {number} émise"])


def test_an_entry_gets_only_the_kinds_that_it_chose(crossing):
    """NOT-1: sessions for one, the invoice with its PDF for the other."""
    crossing.stack.mail(crossing.sessions_only, "validée")
    crossing.stack.mail(crossing.pdf)
    (mail,) = crossing.stack.mails(crossing.pdf)
    (document,) = mail.iter_attachments()
    assert document.get_content_type() == "application/pdf"
    assert len(crossing.subjects(crossing.sessions_only)) == 2


def test_the_threshold_mail_has_the_figures(crossing):
    """BUD-12: 8 100.00 of 10 000.00, threshold 8 000.00, 1 900.00 left."""
    text = plain(mail_text(crossing.stack.mail(crossing.list, "seuil d’alerte atteint")))
    for figure in ("Budget : 10 000,00 €", "Consommé : 8 100,00 € (81 %)", "Seuil d’alerte : 8 000,00 €",
                   "Reste disponible : 1 900,00 €"):
        assert figure in text


def test_the_review_link_goes_to_the_billing_contact_alone(crossing):
    """FUN-4: nobody on the mailing list gets the link."""
    text = plain(mail_text(crossing.call_mail))
    assert "Budget actuel : 10 000,00 €" in text and "Complément demandé : 2 000,00 €" in text
    for address in (crossing.list, crossing.pdf, crossing.sessions_only):
        assert not any(REVIEW_LINK.search(mail_text(mail)) for mail in crossing.stack.mails(address))


def test_the_receipt_names_the_new_budget(crossing):
    """NOT: granted 1 500.00 of 2 000.00, budget 11 500.00, and what the client said."""
    text = plain(mail_text(crossing.stack.mail(crossing.contact, "Nous avons bien enregistré votre réponse")))
    for part in ("Vous avez accordé 1 500,00 €", "Montant demandé : 2 000,00 €",
                 "Nouveau budget du projet : 11 500,00 €", "Le solde en janvier."):
        assert part in text


def test_the_invoice_goes_to_the_billing_contact_with_its_pdf(crossing, admin):
    """NOT, INV-4: the archive names the file, and the invoice becomes sent."""
    (attachment,) = crossing.invoice["attachments"]
    mail = crossing.stack.mail(crossing.contact, "Veuillez trouver ci-joint")
    (document,) = mail.iter_attachments()
    content = document.get_content()
    assert attachment == {"name": document.get_filename(), "size": len(content),
                          "sha256": hashlib.sha256(content).hexdigest()}
    text = plain(mail_text(mail))
    assert "Total HT : 170,00 €" in text and "Total TTC : 204,00 €" in text
    wait_for_status(admin, f"/v1/invoices/{crossing.invoice['object_id']}", "sent")


def test_an_english_client_is_written_to_in_english(stack, admin):
    """ACC-2: mails are in the client's language."""
    crossing = Crossing(stack, admin, locale="en")
    assert crossing.call_mail["Subject"] == "Funding call of €2,000.00 for project Académie des ventes"
    crossing.decide(decision="decline")
    text = mail_text(stack.mail(crossing.contact, "We have recorded your answer"))
    assert "You declined the funding call of €2,000.00" in text and "granted" not in text.replace("granted to", "")


def test_a_cancelled_session_is_told(stack, admin):
    """NOT: the mailing list hears of a cancelled session."""
    address = new_email("list")
    project = new_project(admin, funded_client(admin), mailing_list=[{"email": address}])
    session = new_session(admin, project)
    admin.act(f"/v1/sessions/{session['id']}/cancel")
    assert "2 décembre 2026" in plain(mail_text(stack.mail(address, "annulée")))


# ── /v1/messages ─────────────────────────────────────────────────────────────────────────────────

def test_messages_are_filtered(crossing, operator):
    """NOT-3: by recipient, kind, status, project and day."""
    project = crossing.project["id"]
    sent = wait_until(lambda: messages(operator, project_id=project, status="queued") == [] and
                      messages(operator, project_id=project, status="sent", page_size=200))
    assert {message["project_id"] for message in sent} == {project}
    assert {message["kind"] for message in sent} == {"session_planned", "session_completed", "budget_threshold",
                                                     "funding_call", "funding_call_decision", "invoice"}
    (receipt,) = messages(operator, recipient=crossing.contact.upper(), kind="funding_call_decision")
    assert receipt["audience"] == "billing_contact"
    assert messages(operator, project_id=project, to="2020-01-01") == []
    assert messages(operator, project_id=project, **{"from": "2100-01-01"}) == []
    assert messages(operator, recipient=crossing.contact, kind="invoice", **{"from": "2020-01-01", "to": "2100-01-01"})


def test_messages_are_paged_newest_first(crossing, operator):
    """Keyset pages without gap or repetition."""
    project, seen, token = crossing.project["id"], [], {}
    while token is not None:
        page = operator.read("/v1/messages", project_id=project, page_size=3, **token)
        seen += [message["id"] for message in page["messages"]]
        token = {"page_token": page["next_page_token"]} if "next_page_token" in page else None
    assert seen == sorted(set(seen), reverse=True)
    assert seen == [message["id"] for message in messages(operator, project_id=project, page_size=200)]


@pytest.mark.parametrize("query, pointer", [({"recipient": "nobody"}, "/recipient"), ({"kind": "gossip"}, "/kind"),
                                            ({"project_id": "P"}, "/project_id"), ({"from": "2026-13-01"}, "/from"),
                                            ({"page_size": 201}, "/page_size")])
def test_bad_filters_are_refused(operator, query, pointer):
    answer = operator.get("/v1/messages", **query)
    assert answer.status_code in (400, 422) and pointer in answer.text


def test_an_unknown_message_is_absent(operator):
    problem(operator.get("/v1/messages/0192f1a8-5c5e-7d4b-9d0c-0a3b1f6e2c11"), 404, "not_found")


def test_messages_need_a_login(anonymous):
    for path in ("/v1/messages", "/v1/alerts"):
        assert anonymous.get(path).status_code == 401


# ── alerts ───────────────────────────────────────────────────────────────────────────────────────

def alerts_of(caller, project, **filters):
    return [alert for alert in caller.read("/v1/alerts", page_size=200, **filters)["alerts"]
            if alert.get("project_id") == project["id"]]


def test_operators_are_alerted(crossing, operator):
    """NOT: threshold reached and funding call decided."""
    alerts = wait_until(lambda: len(alerts_of(operator, crossing.project)) >= 2 and
                        alerts_of(operator, crossing.project))
    assert [(alert["kind"], alert["severity"]) for alert in alerts] == [
        ("funding_call_decision", "info"), ("budget_threshold", "warning")]
    assert alerts[1]["summary"] == ("Project Académie des ventes has consumed €8,100.00 and reached its alert "
                                    "threshold of €8,000.00.")


def test_each_user_reads_alerts_for_themselves(crossing, admin, operator):
    """NOT: a read mark is the caller's own, and set once."""
    alert = wait_until(lambda: alerts_of(operator, crossing.project))[-1]
    assert alert in alerts_of(operator, crossing.project, unread="true")
    read = operator.act(f"/v1/alerts/{alert['id']}/read")
    assert operator.act(f"/v1/alerts/{alert['id']}/read")["read_at"] == read["read_at"]
    assert alert["id"] not in [a["id"] for a in alerts_of(operator, crossing.project, unread="true")]
    assert alert["id"] in [a["id"] for a in alerts_of(operator, crossing.project, unread="false")]
    assert alert["id"] in [a["id"] for a in alerts_of(admin, crossing.project, unread="true")]


def test_an_unknown_alert_is_absent(operator):
    problem(operator.post("/v1/alerts/0192f1a8-5c5e-7d4b-9d0c-0a3b1f6e2c11/read"), 404, "not_found")


def test_an_overrun_is_critical(admin, operator):
    """BUD-13: straight from ok to overrun raises the overrun only."""
    project = new_project(admin, funded_client(admin), 100_000)
    new_training(admin, new_session(admin, project), 150_000)
    alerts = wait_until(lambda: alerts_of(operator, project))
    assert [(alert["kind"], alert["severity"]) for alert in alerts] == [("budget_overrun", "critical")]
    assert history_with(operator, project, "budgeting.BudgetOverrun")["amount_cents"] == 50_000


# ── history ──────────────────────────────────────────────────────────────────────────────────────

def test_the_history_of_the_worked_example(crossing, operator):
    """One entry per event, in order, with its amount and a sentence."""
    history_with(operator, crossing.project, "invoicing.InvoiceSent")
    entries = [(entry["type"].split(".")[1], entry.get("amount_cents"), entry["summary"])
               for entry in history(operator, crossing.project)]
    for entry in [("ProjectCreated", 1_000_000, "Project opened with €10,000.00"),
                  ("SessionPlanned", None,
                   "Session planned: Negotiation, from 1 to 2 December 2026"),
                  ("TrainingAdded", 810_000,
                   "Training added to session Negotiation: Negotiating with suppliers, €8,100.00"),
                  ("BudgetThresholdReached", 810_000, "Alert threshold of €8,000.00 reached: €8,100.00 consumed"),
                  ("FundingCallSent", 200_000, "Funding call for €2,000.00 sent"),
                  ("FundingCallAccepted", 150_000, "Funding call accepted: €1,500.00 granted of €2,000.00"),
                  ("ProjectClosed", 340_000, "Project closed; €3,400.00 went back to the envelope")]:
        assert entry in entries
    assert len({entry["id"] for entry in history(operator, crossing.project)}) == len(entries)
    assert all(entry["currency"] == "EUR" for entry in history(operator, crossing.project) if "amount_cents" in entry)


def test_completing_an_empty_session_is_told_in_the_history(admin):
    """SES-4: it bills nothing and the history says so."""
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    assert "bills nothing" in history_with(admin, project, "sessions.SessionCompleted")["summary"]


def test_the_history_of_an_unknown_project_is_absent(operator):
    problem(operator.get("/v1/projects/0192f1a8-5c5e-7d4b-9d0c-0a3b1f6e2c11/history"), 404, "not_found")


# ── erasure ──────────────────────────────────────────────────────────────────────────────────────

def test_archiving_a_client_erases_what_was_not_sent(stack, admin):
    """ACC-3, NOT-4: pending mails lose words and addresses; mails that were sent stay archived."""
    waiting, told = new_email("deferred"), new_email("list")
    client = new_client(admin)
    project = new_project(admin, client, 0, mailing_list=[{"email": waiting}, {"email": told}])
    session = new_session(admin, project)
    sent = settled_message(admin, told, "sent")
    pending = deferred_message(admin, waiting)
    expect(admin.delete(f"/v1/sessions/{session['id']}"), 204)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code in (204, 404))
    cancelled = wait_for_status(admin, f"/v1/messages/{pending['id']}", "cancelled")
    assert cancelled["to"] == []
    assert admin.read(f"/v1/messages/{sent['id']}")["to"] == [told]
    assert "notifications.event_log" not in tables_holding(stack, told)
    assert stack.query("select billing_contact_email from notifications.client where id = %s", client["id"]) == [(None,)]
    wait_until(lambda: not any(table.startswith("notifications.") for table in tables_holding(stack, waiting)))
