# SPDX-License-Identifier: Apache-2.0
"""Credit notes (INV-8): what takes an invoice back, and what becomes of it."""
import uuid

import pytest
from billing import check_series, close, day, invoices, pdf, pdf_text, settled, the_invoice
from client import expect, problem, wait_until
from factory import credit as envelope_credit
from factory import funded_client, new_client, wait_for_status
from facts import refused
from identifiers import new_email
from races import at_once, queued
from test_billing import CONSUMED, FEE, complete, completed_session, known, project_with
from test_invoicing import billed

GROSS_CENTS = 20_400  # step 5 of the worked example


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


def credit(caller, invoice, reason="Erreur de facturation", **body):
    return caller.create(f"/v1/invoices/{invoice['id']}/credit", {"reason": reason} | body)


def read(caller, invoice):
    return caller.read(f"/v1/invoices/{invoice['id']}")


def pointers(said):
    return [error["pointer"] for error in said["errors"]]


def meeting(stack, invoice, *acts):
    """The answers of calls that all wait for the invoice before the first of them may go on."""
    return queued(stack, ("invoicing.invoice_state", invoice["id"]), *acts)


# ── the whole ───────────────────────────────────────────────────────────────────────────────────


def test_inv_8_a_credit_note_takes_back_the_whole(admin, client):
    """INV-8: positive amounts, VAT at the original's rate, the original's parties, cited by number and date."""
    project, invoice = billed(admin, client, purchase_order="PO-4711")
    note = credit(admin, invoice, "Erreur de facturation")
    assert note.items() >= {
        "kind": "credit_note", "credits": invoice["id"], "credits_number": invoice["number"],
        "credits_date": invoice["issue_date"], "reason": "Erreur de facturation", "client_id": client["id"],
        "project_id": project["id"], "net_cents": 17_000, "vat_cents": 3_400, "gross_cents": GROSS_CENTS,
        "vat_groups": invoice["vat_groups"], "seller": invoice["seller"], "buyer": invoice["buyer"],
        "subject": invoice["subject"], "purchase_order": "PO-4711", "locale": "fr", "paid_cents": 0,
        "service_date": invoice["service_date"], "mentions": []}.items()
    assert note["number"].startswith(f"AV-{note['issue_date'][:4]}-")
    assert not {"due_date", "trigger", "basis", "credited_by"} & note.keys()
    (line,), (original,) = note["lines"], invoice["lines"]
    assert line["credits"] == original["id"] != line["id"]
    for member in ("description", "quantity", "unit_price_cents", "net_cents", "vat_rate_bp", "training_ids"):
        assert line[member] == original[member]
    after = read(admin, invoice)
    assert (after["status"], after["credited_by"], after["credited_cents"]) == ("credited", note["id"], GROSS_CENTS)
    assert after["lines"][0]["credited_by"] == note["id"]
    assert (after["net_cents"], after["gross_cents"]) == (17_000, GROSS_CENTS)


def test_inv_8_a_credit_note_is_rendered_and_found(admin, client, tmp_path):
    """INV-8, french-rules.md: its PDF cites the invoice and the reason, and asks for no payment."""
    _, invoice = billed(admin, client, name="Parcours managers")
    note = credit(admin, invoice, "Geste commercial : fidélité")
    text = pdf_text(pdf(admin, note), tmp_path)
    for expected in ("AVOIR", note["number"], invoice["number"], "Geste commercial : fidélité", "Parcours managers",
                     "204,00 €", "34,00 €", "Total TTC de l’avoir", note["seller"]["vat_number"],
                     note["seller"]["rcs_city"], client["name"], client["vat_number"]):
        assert expected in text, expected
    for absent in ("IBAN", "échéance", "Escompte", "pénalités", "40 €", "Merci de régler"):
        assert absent not in text, absent


def test_inv_8_an_english_client_gets_a_credit_note(admin, tmp_path):
    """INV-8: in the language of the invoice."""
    _, invoice = billed(admin, funded_client(admin, locale="en"))
    text = pdf_text(pdf(admin, credit(admin, invoice, "Wrong rate")), tmp_path)
    for expected in ("CREDIT NOTE", "Corrects invoice", "Wrong rate", "Total credited", "€204.00"):
        assert expected in text, expected


def test_inv_8_credits_are_told(admin, client):
    """INV-8: both documents are in the audit log: the note is issued, the invoice is credited."""
    _, invoice = billed(admin, client)
    note = credit(admin, invoice)

    def types(one):
        return [entry["type"] for entry in
                admin.read("/v1/audit-entries", subject_id=one["id"])["audit_entries"]]
    wait_until(lambda: "invoicing.InvoiceIssued" in types(note) and "invoicing.InvoiceRendered" in types(note))
    wait_until(lambda: "invoicing.InvoiceCredited" in types(invoice))


def test_inv_8_lists_show_both_kinds(admin):
    """api.md: invoices and credit notes in one list, each by kind and status."""
    client = funded_client(admin)
    project, invoice = billed(admin, client)
    note = credit(admin, invoice)

    def ids(**filters):
        return [one["id"] for one in invoices(admin, client_id=client["id"], **filters)]
    assert ids() == [note["id"], invoice["id"]]
    assert ids(kind="credit_note") == [note["id"]]
    assert ids(kind="invoice") == ids(status="credited") == [invoice["id"]]
    assert ids(kind="credit_note", status="credited") == []
    assert ids(kind="credit_note", **{"from": note["issue_date"], "to": note["issue_date"]}) == [note["id"]]
    listed = admin.read(f"/v1/projects/{project['id']}/invoices", kind="credit_note")["invoices"]
    assert [one["credits_number"] for one in listed] == [invoice["number"]]


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────


def test_inv_3_credit_notes_have_a_series_of_their_own(admin, stack, client):
    """INV-3: gapless and in the order of dates, whatever races for a number."""
    billings = [billed(admin, client)[1] for _ in range(6)]
    at_once(*[lambda invoice=invoice: credit(admin, invoice) for invoice in billings])
    check_series(stack, "credit_note")
    check_series(stack)


def test_inv_3_a_credit_note_is_never_dated_before_the_last(admin, stack, client):
    """INV-3: a clock that went back dates by the last of the series."""
    tomorrow = day(plus=1)
    _, invoice = billed(admin, client)
    stack.query("update invoicing.invoice_series set last_date = %s where kind = 'credit_note'", tomorrow)
    note = credit(admin, invoice)
    assert (note["issue_date"], note["number"][3:7]) == (tomorrow, tomorrow[:4])


# ── refusals ────────────────────────────────────────────────────────────────────────────────────


def test_inv_8_an_invoice_is_credited_once(admin, stack, client):
    """INV-8: what is credited is credited no more; the refusal changes nothing."""
    _, invoice = billed(admin, client)
    note = credit(admin, invoice)
    settled(stack, client)
    path = f"/v1/invoices/{invoice['id']}/credit"
    refused(stack, "invoicing", lambda: admin.post(path, {"reason": "Encore"}), 409, "wrong_state")
    refused(stack, "invoicing", lambda: admin.post(f"/v1/invoices/{note['id']}/credit", {"reason": "Retour"}), 409,
            "wrong_kind")


def test_inv_8_two_credits_at_once_make_one_note(admin, stack, client):
    """INV-8: of administrators who credit at the same time, one does it."""
    _, invoice = billed(admin, client)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    answers = meeting(stack, invoice, *[lambda: admin.post(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Doublon"})] * 3)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(invoices(admin, project_id=invoice["project_id"], kind="credit_note")) == 1


def test_inv_8_a_credit_wants_a_reason_and_lines_of_the_invoice(admin, stack, client):
    """INV-8: 422 with every culprit; an unknown invoice is 404."""
    _, invoice = billed(admin, client)
    _, other = billed(admin, client)
    path = f"/v1/invoices/{invoice['id']}/credit"
    settled(stack, client)
    said = refused(stack, "invoicing", lambda: admin.post(path, {}), 422, "invalid")
    assert pointers(said) == ["/reason"]
    lines = [invoice["lines"][0]["id"], other["lines"][0]["id"], str(uuid.uuid4())]
    said = refused(stack, "invoicing", lambda: admin.post(path, {"reason": "Erreur", "line_ids": lines}), 422, "invalid")
    assert pointers(said) == ["/line_ids/1", "/line_ids/2"]
    problem(admin.post(f"/v1/invoices/{uuid.uuid4()}/credit", {"reason": "Erreur"}), 404, "not_found")
    problem(admin.post(path, {"reason": "Erreur"}, if_match='"1.0"'), 412, "precondition_failed")


def test_acc_6_only_an_administrator_credits(operator, admin, client):
    """ACC-6: cancelling an invoice moves money."""
    _, invoice = billed(admin, client)
    problem(operator.post(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Erreur"}), 403, "forbidden")
    assert read(admin, invoice)["status"] != "credited"


def test_acc_3_a_credited_invoice_is_no_obligation(admin):
    """ACC-3: neither it nor its credit note keeps the client from being archived."""
    client = new_client(admin)
    entrusted = envelope_credit(admin, client, 340_000)
    _, invoice = billed(admin, client)
    admin.create(f"/v1/clients/{client['id']}/envelope/credits",
                 {"amount_cents": 340_000, "reverses": entrusted["id"], "reason": "Rendu"})
    refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert invoice["number"] in refusal["detail"]
    note = credit(admin, invoice)
    wait_for_status(admin, f"/v1/invoices/{note['id']}", "sent")
    expect(admin.delete(f"/v1/clients/{client['id']}"), 204)


# ── mail ────────────────────────────────────────────────────────────────────────────────────────


def test_inv_8_a_credit_note_is_mailed(admin, stack):
    """INV-8: issued → sent, with its PDF, by the job that mails invoices."""
    contact = new_email("camille")
    client = funded_client(admin, billing_contact={"name": "Camille Martin", "email": contact})
    _, invoice = billed(admin, client)
    note = credit(admin, invoice)
    assert note["status"] == "issued"
    (attachment,) = stack.mail(contact, note["number"]).iter_attachments()
    assert attachment.get_content() == pdf(admin, note)
    wait_for_status(admin, f"/v1/invoices/{note['id']}", "sent")
    assert read(admin, invoice)["status"] == "credited"


def test_inv_4_an_invoice_is_mailed_again(operator, admin, stack):
    """api.md: POST /send; it is told, and changes no state."""
    contact = new_email("camille")
    client = funded_client(admin, billing_contact={"name": "Camille Martin", "email": contact})
    _, invoice = billed(admin, client)
    sent = wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    again = operator.act(f"/v1/invoices/{invoice['id']}/send")
    assert (again["status"], again["version"]) == ("sent", sent["version"] + 1)
    wait_until(lambda: len([mail for mail in stack.mails(contact) if invoice["number"] in mail["Subject"]]) == 2)
    entries = wait_until(lambda: [entry for entry in admin.read(
        "/v1/audit-entries", subject_id=invoice["id"])["audit_entries"]
        if entry["type"] == "invoicing.InvoiceResent"])
    assert entries[0]["actor"]["id"] == operator.user["id"]
    problem(operator.post(f"/v1/invoices/{uuid.uuid4()}/send"), 404, "not_found")


def test_inv_4_an_invoice_mailed_again_asks_only_for_what_is_open(admin, stack):
    """Partly paid: the rest; credited: nothing, neither due date nor IBAN."""
    contact = new_email("camille")
    client = funded_client(admin, billing_contact={"name": "Camille Martin", "email": contact})
    _, invoice = billed(admin, client)
    path = f"/v1/invoices/{invoice['id']}"
    wait_for_status(admin, path, "sent")

    def mailed_again(words):
        admin.act(f"{path}/send")
        return wait_until(lambda: next((text for mail in stack.mails(contact) if invoice["number"] in mail["Subject"]
                                        for text in [mail.get_body(("plain",)).get_content()] if words in text), None))

    assert "Reste à payer" not in mailed_again("À régler au plus tard le")
    admin.create(f"{path}/payments", {"amount_cents": 400, "reference": "VIR-1"})
    assert "IBAN" in mailed_again("Reste à payer")
    credit(admin, invoice)
    settled = mailed_again(f"Il ne reste rien à payer sur la facture {invoice['number']}.")
    assert "À régler" not in settled and "IBAN" not in settled and "Référence" not in settled


def test_inv_4_what_is_not_rendered_is_not_mailed_again(admin, stack, client):
    """api.md: 409 not_ready with Retry-After until there is a PDF."""
    archive = stack.connect()
    archive.autocommit = False
    with archive.cursor() as cursor:
        cursor.execute("lock table invoicing.invoice_document in share mode")
        _, invoice = billed(admin, client)
        answer = admin.post(f"/v1/invoices/{invoice['id']}/send")
        problem(answer, 409, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    archive.rollback()
    archive.close()
    pdf(admin, invoice)
    expect(admin.post(f"/v1/invoices/{invoice['id']}/send"), 200)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────


CLOSING = CONSUMED | {"triggers": ["project_closed"]}


def billed_sessions(caller, stack, client, *costs, plan=CLOSING, **changes):
    """A closed project and its invoice of one line for each of these costs."""
    project = project_with(caller, client, plan, **changes)
    for number, cost_cents in enumerate(costs):
        known(stack, completed_session(caller, project, cost_cents, title=f"Groupe {number}"))
    close(caller, project)
    return project, the_invoice(caller, project)


def line_ids(invoice, *places):
    return [invoice["lines"][place]["id"] for place in places]


def test_inv_8_lines_are_credited_by_themselves(admin, stack, client):
    """INV-8: the note holds those lines; the invoice keeps its state and says which are credited."""
    _, invoice = billed_sessions(admin, stack, client, 200_000, 100_000, 300_000)
    sent = wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    note = credit(admin, invoice, line_ids=line_ids(invoice, 0, 2))
    assert (note["net_cents"], note["vat_cents"], note["gross_cents"]) == (25_000, 5_000, 30_000)
    assert [line["credits"] for line in note["lines"]] == line_ids(invoice, 0, 2)
    assert [line["training_ids"] for line in note["lines"]] == [invoice["lines"][place]["training_ids"] for place in (0, 2)]
    after = read(admin, invoice)
    assert (after["status"], after["credited_cents"], after["version"]) == ("sent", 30_000, sent["version"] + 1)
    assert "credited_by" not in after
    assert [line.get("credited_by") for line in after["lines"]] == [note["id"], None, note["id"]]


def test_inv_8_credit_notes_of_all_lines_credit_the_invoice(admin, stack, client):
    """INV-8: when the last line is credited; the VAT of all notes is the invoice's, to the cent."""
    _, invoice = billed_sessions(admin, stack, client, 660, 660, 660)  # 3 × 0.33: VAT 0.20, not 3 × 0.07
    notes = [credit(admin, invoice, line_ids=line_ids(invoice, place)) for place in (1, 0)]
    assert read(admin, invoice)["status"] != "credited"
    notes.append(credit(admin, invoice))
    assert [note["vat_cents"] for note in notes] == [7, 7, 6]
    assert sum(note["gross_cents"] for note in notes) == invoice["gross_cents"] == 119
    after = read(admin, invoice)
    assert (after["status"], after["credited_by"], after["credited_cents"]) == ("credited", notes[2]["id"], 119)


def test_inv_8_a_line_is_credited_once(admin, stack, client):
    """INV-8: a line that a note took back is refused, and nothing changes."""
    _, invoice = billed_sessions(admin, stack, client, 200_000, 100_000)
    credit(admin, invoice, line_ids=line_ids(invoice, 0))
    settled(stack, client)
    said = refused(stack, "invoicing", lambda: admin.post(
        f"/v1/invoices/{invoice['id']}/credit", {"reason": "Encore", "line_ids": line_ids(invoice, 0, 1)}), 409,
        "already_credited")
    assert invoice["lines"][0]["id"] in said["detail"]


def test_inv_8_lines_credited_at_once_make_the_whole(admin, stack, client):
    """INV-8: of credits of single lines at the same time each takes its own, and the last credits the invoice."""
    _, invoice = billed_sessions(admin, stack, client, 660, 660, 660)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    notes = meeting(stack, invoice, *[lambda place=place: credit(admin, invoice, line_ids=line_ids(invoice, place))
                                     for place in range(3)])
    assert sorted(note["vat_cents"] for note in notes) == [6, 7, 7]
    after = read(admin, invoice)
    assert (after["status"], after["credited_cents"]) == ("credited", invoice["gross_cents"])
    check_series(stack, "credit_note")


def test_inv_8_a_payment_beyond_the_rest_becomes_the_advance(operator, admin, stack):
    """INV-8: of a partly credited invoice, what was paid beyond its remaining gross; the rest can be paid."""
    client = funded_client(admin)
    _, invoice = billed_sessions(admin, stack, client, 200_000, 100_000)  # 120.00 and 60.00
    path = f"/v1/invoices/{invoice['id']}/payments"
    operator.create(path, {"amount_cents": 7_000, "reference": "VIR-1"})
    credit(admin, invoice, line_ids=line_ids(invoice, 0))
    after = read(admin, invoice)
    assert (after["status"], after["paid_cents"], after["credited_cents"]) == ("paid", 6_000, 12_000)
    assert operator.read(f"/v1/clients/{client['id']}/advance")["advance_cents"] == 1_000
    problem(operator.post(path, {"amount_cents": 1, "reference": "VIR-2"}), 409, "overpayment")
    operator.create(path, {"amount_cents": -2_000, "reference": "VIR-3"})
    assert read(admin, invoice)["status"] == "partially_paid"
    operator.create(path, {"amount_cents": 2_000, "reference": "VIR-4"})
    assert read(admin, invoice)["status"] == "paid"


def test_inv_8_a_credit_releases_its_trainings(operator, admin, stack, client):
    """INV-8, INV-2: they can be billed anew, those that were not credited can't."""
    project = project_with(admin, client, CONSUMED | {"triggers": ["milestones"], "milestones": [{"date": day(plus=400)}]})
    for number, cost_cents in enumerate((200_000, 100_000)):
        known(stack, completed_session(admin, project, cost_cents, title=f"Groupe {number}"))
    path = f"/v1/projects/{project['id']}/invoices"
    first = operator.create(path, None)
    credit(admin, first, line_ids=line_ids(first, 1))
    second = operator.create(path, None)
    assert [line["training_ids"] for line in second["lines"]] == [first["lines"][1]["training_ids"]]
    problem(operator.post(path), 409, "nothing_to_bill")
    credit(admin, first)
    third = operator.create(path, None)
    assert [line["training_ids"] for line in third["lines"]] == [first["lines"][0]["training_ids"]]


def test_inv_8_what_remained_at_closing_is_billed_anew(operator, admin, client):
    """INV-8: unconsumed funds whose invoice was credited can be billed by hand."""
    project, invoice = billed(admin, client)
    credit(admin, invoice, "Taux erroné")
    again = operator.create(f"/v1/projects/{project['id']}/invoices", None)
    assert (again["gross_cents"], again["trigger"]) == (GROSS_CENTS, "manual")


# ── reopening ───────────────────────────────────────────────────────────────────────────────────


def reopen(caller, session):
    return caller.act(f"/v1/sessions/{session['id']}/reopen")


def credit_notes(caller, project, count):
    """The project's credit notes, oldest first, once there are so many."""
    wait_until(lambda: len(invoices(caller, project_id=project["id"], kind="credit_note")) >= count)
    found = invoices(caller, project_id=project["id"], kind="credit_note")
    assert len(found) == count
    return found[::-1]


def bills(caller, project, count):
    """The project's invoices, oldest first, once there are so many."""
    wait_until(lambda: len(invoices(caller, project_id=project["id"], kind="invoice")) >= count)
    found = invoices(caller, project_id=project["id"], kind="invoice")
    assert len(found) == count
    return found[::-1]


def test_ses_5_reopening_a_billed_session_credits_its_invoice(operator, admin, client):
    """SES-5: with the session's name as the reason; completed again, it is billed anew."""
    project = project_with(operator, client, CONSUMED)
    session = completed_session(operator, project, 810_000, title="Négociation")
    (invoice,) = bills(admin, project, 1)
    reopen(operator, session)
    (note,) = credit_notes(admin, project, 1)
    assert note.items() >= {"credits": invoice["id"], "gross_cents": invoice["gross_cents"],
                            "reason": "Session rouverte\u00a0: «\u00a0Négociation\u00a0»"}.items()
    assert read(admin, invoice)["status"] == "credited"
    complete(operator, session)
    again = bills(admin, project, 2)[1]
    assert (again["lines"][0]["training_ids"], again["gross_cents"]) == (
        invoice["lines"][0]["training_ids"], invoice["gross_cents"])
    assert len(credit_notes(admin, project, 1)) == 1


def test_ses_5_a_fee_of_a_session_is_credited_too(operator, admin, client):
    """SES-5: whatever the basis, the line that bills the session."""
    project = project_with(operator, client, FEE)
    session = completed_session(operator, project, 100_000)
    (invoice,) = bills(admin, project, 1)
    reopen(operator, session)
    (note,) = credit_notes(admin, project, 1)
    assert (note["credits"], note["gross_cents"]) == (invoice["id"], invoice["gross_cents"])


def test_ses_5_only_the_sessions_lines_are_credited(operator, admin, stack, client):
    """SES-5: an invoice of several sessions keeps the others' lines."""
    project = project_with(operator, client, CONSUMED | {"triggers": ["milestones"], "milestones": [{"date": day(plus=400)}]})
    sessions = [completed_session(operator, project, cost_cents, title=f"Groupe {cost_cents}")
                for cost_cents in (200_000, 100_000)]
    for session in sessions:
        known(stack, session)
    invoice = operator.create(f"/v1/projects/{project['id']}/invoices", None)
    reopen(operator, sessions[1])
    (note,) = credit_notes(admin, project, 1)
    assert [line["session_id"] for line in note["lines"]] == [sessions[1]["id"]]
    after = read(admin, invoice)
    assert after["status"] != "credited"
    assert [line.get("credited_by") for line in after["lines"]] == [
        note["id"] if line["session_id"] == sessions[1]["id"] else None for line in invoice["lines"]]
    reopen(operator, sessions[0])
    credit_notes(admin, project, 2)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "credited")


def test_ses_5_in_the_clients_language(admin):
    """SES-5: an English client reads why in English."""
    project = project_with(admin, funded_client(admin, locale="en"), CONSUMED)
    session = completed_session(admin, project, 100_000, title="Negotiation")
    bills(admin, project, 1)
    reopen(admin, session)
    assert credit_notes(admin, project, 1)[0]["reason"] == "Session reopened: “Negotiation”"


def test_ses_5_a_session_that_was_not_billed_credits_nothing(operator, admin, stack, client):
    """SES-5: nor one whose invoice an administrator credited before; the event told again changes nothing."""
    project = project_with(operator, client, CLOSING)
    session = completed_session(operator, project, 100_000)
    reopen(operator, session)
    other = project_with(operator, client, CONSUMED)
    credited = completed_session(operator, other, 100_000)
    credit(admin, bills(admin, other, 1)[0])
    reopen(operator, credited)
    settled(stack, client)
    assert invoices(admin, project_id=project["id"]) == []
    credit_notes(admin, other, 1)


def test_ses_5_reopening_and_a_credit_by_hand_at_once_make_one_note(operator, admin, stack, client):
    """SES-5, INV-8: whichever comes first; the other finds the line credited."""
    project = project_with(operator, client, CONSUMED)
    session = completed_session(operator, project, 100_000)
    (invoice,) = bills(admin, project, 1)
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")

    def credit_by_hand():
        # Who waits for a row gives up after three seconds; the reopening comes as an event.
        wait_until(lambda: stack.query("select 1 from pg_locks where not granted"))
        return admin.post(f"/v1/invoices/{invoice['id']}/credit", {"reason": "Erreur"})
    meeting(stack, invoice, lambda: reopen(operator, session), credit_by_hand)
    settled(stack, client)
    assert [note["credits"] for note in credit_notes(admin, project, 1)] == [invoice["id"]]
    assert read(admin, invoice)["status"] == "credited"


def test_ses_5_reopening_and_billing_at_once_leave_no_bill(operator, admin, stack, client):
    """SES-5: an invoice made by hand in the instant of a reopening is credited, or not made."""
    for _ in range(4):
        project = project_with(operator, client, CLOSING)
        session = completed_session(operator, project, 100_000)
        known(stack, session)
        at_once(lambda project=project: operator.post(f"/v1/projects/{project['id']}/invoices"),
                lambda session=session: reopen(operator, session))
        known(stack, session, "planned")
        assert [one["status"] for one in invoices(admin, project_id=project["id"], kind="invoice")
                if one["status"] != "credited"] == []
