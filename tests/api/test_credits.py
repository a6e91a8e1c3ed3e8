# SPDX-License-Identifier: Apache-2.0
"""Credit notes (INV-8): what takes an invoice back, and what becomes of it."""
import threading
import uuid

import pytest
from billing import check_series, day, invoices, pdf, pdf_text
from client import expect, problem, wait_until
from factory import credit as envelope_credit
from factory import funded_client, new_client, wait_for_status
from facts import refused, wait_until_settled
from identifiers import new_email
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


def at_once(*acts):
    """The answers of calls that are made at the same time."""
    answers = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place, act):
        start.wait()
        answers[place] = act()
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


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
    wait_for_status(admin, f"/v1/invoices/{note['id']}", "sent")
    wait_until_settled(stack, *stack.place.services())
    path = f"/v1/invoices/{invoice['id']}/credit"
    refused(stack, "invoicing", lambda: admin.post(path, {"reason": "Encore"}), 409, "wrong_state")
    refused(stack, "invoicing", lambda: admin.post(f"/v1/invoices/{note['id']}/credit", {"reason": "Retour"}), 409,
            "wrong_kind")


def test_inv_8_two_credits_at_once_make_one_note(admin, client):
    """INV-8: of two administrators who credit at the same time, one is told that it is done."""
    _, invoice = billed(admin, client)
    path = f"/v1/invoices/{invoice['id']}/credit"
    answers = at_once(*[lambda: admin.post(path, {"reason": "Doublon"})] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(invoices(admin, project_id=invoice["project_id"], kind="credit_note")) == 1


def test_inv_8_a_credit_wants_a_reason_and_lines_of_the_invoice(admin, stack, client):
    """INV-8: 422 with every culprit; an unknown invoice is 404."""
    _, invoice = billed(admin, client)
    _, other = billed(admin, client)
    path = f"/v1/invoices/{invoice['id']}/credit"
    wait_for_status(admin, f"/v1/invoices/{invoice['id']}", "sent")
    wait_for_status(admin, f"/v1/invoices/{other['id']}", "sent")
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
    credit(admin, invoice)
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
