# SPDX-License-Identifier: Apache-2.0
"""Payments of invoices (INV-7): parts, reversals, advances."""
import uuid

import psycopg2
import pytest
from billing import day, settled
from client import problem, wait_until
from factory import funded_client, wait_for_status
from facts import refused
from test_credits import credit, meeting, pointers, read
from test_invoicing import billed

GROSS_CENTS = 20_400  # step 5 of the worked example


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


def path(invoice):
    return f"/v1/invoices/{invoice['id']}/payments"


def pay(caller, invoice, amount_cents, **body):
    return caller.create(path(invoice), {"amount_cents": amount_cents, "reference": f"VIR-{uuid.uuid4()}"} | body)


def payment(amount_cents, reference="VIR-1", **body):
    return {"amount_cents": amount_cents, "reference": reference} | body


def advance(caller, client):
    return caller.read(f"/v1/clients/{client['id']}/advance")["advance_cents"]


def sent(caller, client, **changes):
    """An invoice whose mail has gone out."""
    _, invoice = billed(caller, client, **changes)
    return wait_for_status(caller, f"/v1/invoices/{invoice['id']}", "sent")


def state(caller, invoice):
    now = read(caller, invoice)
    return now["status"], now["paid_cents"]


def test_inv_7_parts_make_an_invoice_paid(operator, admin, client):
    """INV-7: sent → partially_paid → paid; the day it came in is the caller's, or today."""
    invoice = sent(admin, client)
    first = pay(operator, invoice, 400, date=day(plus=-3), reference="VIR-2026-1")
    assert first.items() >= {"invoice_id": invoice["id"], "currency": "EUR", "amount_cents": 400, "advance_cents": 0,
                             "date": day(plus=-3), "reference": "VIR-2026-1"}.items()
    assert state(admin, invoice) == ("partially_paid", 400)
    second = pay(operator, invoice, 20_000)
    assert second["date"] == day()
    assert state(admin, invoice) == ("paid", GROSS_CENTS)
    assert operator.read(path(invoice))["payments"] == [second, first]


def test_inv_7_a_reversal_leads_back(operator, admin, client):
    """INV-7: a negative payment takes back what was paid, down to the state before."""
    invoice = sent(admin, client)
    pay(operator, invoice, GROSS_CENTS)
    pay(operator, invoice, -400)
    assert state(admin, invoice) == ("partially_paid", 20_000)
    pay(operator, invoice, -20_000)
    assert state(admin, invoice) == ("sent", 0)


def test_inv_7_a_payment_before_the_mail_is_kept(operator, admin, stack, client):
    """INV-4, INV-7: the mail that goes out after a payment doesn't undo it; a reversal then leads to sent."""
    archive = stack.connect()
    archive.autocommit = False
    with archive.cursor() as cursor:
        cursor.execute("lock table invoicing.invoice_document in share mode")
        _, invoice = billed(admin, client)
        pay(operator, invoice, 400)
        pay(operator, invoice, -400)
        assert state(admin, invoice) == ("issued", 0)
        pay(operator, invoice, 500)
    archive.rollback()
    archive.close()
    wait_until(lambda: stack.query("select 1 from invoicing.invoice_state where id = %s and mailed", invoice["id"]))
    assert state(admin, invoice) == ("partially_paid", 500)
    pay(operator, invoice, -500)
    assert state(admin, invoice) == ("sent", 0)


def test_inv_7_a_reference_is_one_payment(operator, admin, stack, client):
    """INV-7: the same reference and amount is the same payment again; another amount is refused."""
    invoice = sent(admin, client)
    first = operator.create(path(invoice), payment(400))
    assert operator.create(path(invoice), payment(400)) == first
    assert state(admin, invoice) == ("partially_paid", 400)
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(401)), 409, "reference_used")
    assert "400" in said["detail"]
    other = sent(admin, client)
    assert operator.create(path(other), payment(401))["id"] != first["id"]
    operator.create(path(invoice), payment(20_000, "VIR-2"))
    assert operator.create(path(invoice), payment(400)) == first
    credit(admin, invoice)
    assert operator.create(path(invoice), payment(400)) == first


def test_inv_7_one_reference_at_once_is_one_payment(operator, admin, stack, client):
    """INV-7: callers who record the same payment at the same time all get the same one."""
    invoice = sent(admin, client)
    answers = meeting(stack, invoice, *[lambda: operator.create(path(invoice), payment(400))] * 3)
    assert len({one["id"] for one in answers}) == 1
    assert state(admin, invoice) == ("partially_paid", 400)


def test_inv_7_an_overpayment_is_refused(operator, admin, stack, client):
    """INV-7: the refusal says what is open; nothing changes."""
    invoice = sent(admin, client)
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(GROSS_CENTS + 1)), 409,
                   "overpayment")
    assert "20400" in said["detail"]
    pay(operator, invoice, 400)
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(20_001)), 409, "overpayment")
    assert "20000" in said["detail"]


def test_inv_7_payments_at_once_never_exceed_the_invoice(operator, admin, stack, client):
    """INV-7: of payments that come in at the same time, only as many as fit are taken."""
    invoice = sent(admin, client)
    answers = meeting(stack, invoice, *[lambda number=number: operator.post(path(invoice), payment(9_000, f"VIR-{number}"))
                                       for number in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409]
    assert state(admin, invoice) == ("partially_paid", 18_000)


def test_inv_7_a_surplus_becomes_the_clients_advance(operator, admin):
    """INV-7: with `advance`, what is beyond the open amount; a reversal takes it back first."""
    client = funded_client(admin)
    assert advance(operator, client) == 0
    invoice = sent(admin, client)
    assert pay(operator, invoice, 30_000, advance=True)["advance_cents"] == 9_600
    assert (state(admin, invoice), advance(operator, client)) == (("paid", GROSS_CENTS), 9_600)
    assert pay(operator, invoice, 100, advance=True)["advance_cents"] == 100
    assert pay(operator, invoice, -9_000, advance=True)["advance_cents"] == -9_000
    assert (state(admin, invoice), advance(operator, client)) == (("paid", GROSS_CENTS), 700)
    assert pay(operator, invoice, -1_700, advance=True)["advance_cents"] == -700
    assert (state(admin, invoice), advance(operator, client)) == (("partially_paid", 19_400), 0)


def test_inv_7_no_more_is_taken_back_than_was_paid(operator, admin, stack, client):
    """INV-7: paid never goes below zero, not even out of another invoice's advance."""
    other, invoice = sent(admin, client), sent(admin, client)
    pay(operator, other, GROSS_CENTS + 5_000, advance=True)
    pay(operator, invoice, 400)
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(-401)), 409, "never_paid")
    assert "400" in said["detail"]
    refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(-401, advance=True)), 409, "never_paid")


def test_inv_7_a_payment_says_what_is_wrong_with_it(operator, admin, stack, client):
    """INV-7: an amount other than 0, a day that has come, a reference."""
    invoice = sent(admin, client)
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(0, date=day(plus=2))), 422,
                   "invalid")
    assert pointers(said) == ["/amount_cents", "/date"]
    said = refused(stack, "invoicing", lambda: operator.post(path(invoice), {}), 422, "invalid")
    assert pointers(said) == ["/amount_cents", "/reference"]
    nowhere = {"id": str(uuid.uuid4())}
    problem(operator.post(path(nowhere), payment(1)), 404, "not_found")
    problem(operator.get(path(nowhere)), 404, "not_found")
    problem(operator.get(f"/v1/clients/{uuid.uuid4()}/advance"), 404, "not_found")
    problem(operator.post(path(invoice), payment(1), if_match='"1.0"'), 412, "precondition_failed")


def test_inv_7_neither_credit_notes_nor_credited_invoices_are_paid(operator, admin, stack, client):
    """INV-7: both are refused, saying why."""
    invoice = sent(admin, client)
    note = credit(admin, invoice)
    settled(stack, client)
    refused(stack, "invoicing", lambda: operator.post(path(invoice), payment(1)), 409, "wrong_state")
    refused(stack, "invoicing", lambda: operator.post(path(note), payment(1)), 409, "wrong_kind")


def test_inv_8_payments_of_a_credited_invoice_become_the_advance(operator, admin):
    """INV-8: nothing of it stays with the invoice."""
    client = funded_client(admin)
    invoice = sent(admin, client)
    pay(operator, invoice, 15_000)
    credit(admin, invoice)
    assert state(admin, invoice) == ("credited", 0)
    assert advance(admin, client) == 15_000


def test_inv_7_a_payment_of_a_credited_invoice_is_reversed(operator, admin, stack):
    """INV-7, INV-8: a transfer that the bank takes back, or that is paid back, leaves the advance; no more than came in."""
    client = funded_client(admin)
    invoice = sent(admin, client)
    pay(operator, invoice, 15_000)
    credit(admin, invoice)
    settled(stack, client)
    for body in (payment(-15_001, advance=True), payment(-1)):
        said = refused(stack, "invoicing", lambda body=body: operator.post(path(invoice), body), 409, "never_paid")
        assert "15000" in said["detail"]
    assert pay(operator, invoice, -14_000, advance=True)["advance_cents"] == -14_000
    assert (state(admin, invoice), advance(admin, client)) == (("credited", 0), 1_000)
    pay(operator, invoice, -1_000, advance=True)
    assert (state(admin, invoice), advance(admin, client)) == (("credited", 0), 0)


def test_inv_7_payments_and_a_credit_at_once_agree(operator, admin, stack):
    """INV-7, INV-8: whichever comes first, every cent that was paid is somewhere."""
    client = funded_client(admin)
    total = 0
    for _ in range(4):
        invoice = sent(admin, client)
        answers = meeting(stack, invoice, lambda invoice=invoice: operator.post(path(invoice), payment(400)),
                         lambda invoice=invoice: credit(admin, invoice),
                         lambda invoice=invoice: operator.post(path(invoice), payment(500, "VIR-2")))
        paid = [answer.json()["amount_cents"] for answer in answers[::2] if answer.status_code == 201]
        assert state(admin, invoice) == ("credited", 0)
        assert sum(one["amount_cents"] for one in admin.read(path(invoice))["payments"]) == sum(paid)
        total += sum(paid)
    assert advance(admin, client) == total


def test_acc_3_a_paid_invoice_is_no_obligation(operator, admin):
    """ACC-3: an unpaid invoice stands in the way of archiving until the last cent has come in."""
    client = funded_client(admin)
    invoice = sent(admin, client)

    def in_the_way():
        detail = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")["detail"]
        return invoice["number"] in detail
    pay(operator, invoice, GROSS_CENTS - 1)
    assert in_the_way()
    pay(operator, invoice, 1)
    assert not in_the_way()


def test_inv_7_payments_are_told(operator, admin, client):
    """INV-7: with the operator who recorded them, in the audit log of the invoice."""
    invoice = sent(admin, client)
    pay(operator, invoice, 400)
    entry = wait_until(lambda: next((entry for entry in admin.read(
        "/v1/audit-entries", subject_id=invoice["id"])["audit_entries"] if entry["type"] == "invoicing.InvoicePaid"), None))
    assert entry["actor"]["id"] == operator.user["id"]


@pytest.mark.parametrize("change", ["update invoicing.payment set amount_cents = 1", "delete from invoicing.payment"])
def test_inv_7_the_program_itself_cannot_change_a_payment(stack, change):
    """INV-7: a payment is taken back by another one, never changed."""
    connection = stack.connect("invoicing")
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(change)
    connection.close()
