# SPDX-License-Identifier: Apache-2.0
"""Payments of accepted funding calls: BUD-9."""
import concurrent.futures
import uuid

import pytest
from client import Client, problem
from facts import facts, refused, wait_until_settled
from factory import envelope, funded_client, new_project
from funding_calls import decide, events_of, new_call, path_of, sent_call


@pytest.fixture
def client(admin):
    return funded_client(admin, 1_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client)


@pytest.fixture
def accepted(admin, stack, project):
    """A call that was granted 2 000.00 of new funds, in the ledger."""
    call = decide(admin, sent_call(admin, project, 200_000), "accept")
    wait_until_settled(stack)
    return call


def pay(caller, call, amount_cents, reference, **changes):
    return caller.create(path_of(call, "payments"), {"amount_cents": amount_cents, "reference": reference} | changes)


def shares(admin, stack, client):
    """What the envelope holds once all payments are posted: funded, unpaid, available."""
    wait_until_settled(stack)
    now = envelope(admin, client)
    return now["funded_cents"], now["of_which_unpaid_cents"], now["available_cents"]


def test_bud_9_part_payments_make_the_whole(operator, stack, client, accepted):
    """BUD-9: external −P, receivable +P, effective on the payment's day; the envelope's unpaid part follows."""
    assert shares(operator, stack, client) == (1_200_000, 200_000, 0)
    first = pay(operator, accepted, 150_000, "VIR-1", date="2026-10-01")
    assert first.items() >= {"funding_call_id": accepted["id"], "currency": "EUR", "amount_cents": 150_000,
                             "date": "2026-10-01", "reference": "VIR-1", "version": 1}.items()
    assert shares(operator, stack, client) == (1_200_000, 50_000, 0)
    second = pay(operator, accepted, 50_000, "VIR-2")
    assert shares(operator, stack, client) == (1_200_000, 0, 0)
    assert operator.read(path_of(accepted))["paid_cents"] == 200_000
    assert operator.read(path_of(accepted, "payments")) == {"payments": [second, first]}
    assert stack.query("select t.effective_date::text, e.account, e.amount_cents from budgeting.ledger_transaction t "
                       "join budgeting.ledger_entry e on e.transaction_id = t.id where t.kind = 'funding_call_paid' "
                       "and t.reference = %s order by t.id, e.position", accepted["id"]) == [
        ("2026-10-01", "external", -150_000), ("2026-10-01", "receivable", 150_000),
        (second["date"], "external", -50_000), (second["date"], "receivable", 50_000)]
    assert events_of(stack, accepted)[-2:] == ["FundingCallPaid"] * 2
    assert events_of(stack, accepted, "budgeting")[-2:] == ["EnvelopePaid"] * 2


def test_bud_9_a_negative_payment_reverses(admin, stack, client, accepted):
    """BUD-9: what was paid can go back, and come again; never below zero."""
    pay(admin, accepted, 200_000, "VIR-1")
    pay(admin, accepted, -200_000, "REJ-1")
    assert shares(admin, stack, client) == (1_200_000, 200_000, 0)
    assert admin.read(path_of(accepted))["paid_cents"] == 0
    body = {"amount_cents": -1, "reference": "REJ-2"}
    said = refused(stack, "funding", lambda: admin.post(path_of(accepted, "payments"), body), 409, "never_paid")
    assert "0 cents" in said["detail"]
    pay(admin, accepted, 200_000, "VIR-2")
    assert shares(admin, stack, client) == (1_200_000, 0, 0)


def test_bud_9_more_than_is_open_is_refused(admin, stack, client, accepted):
    """BUD-9: 409 says what is open; the rest would be a credit of the envelope."""
    pay(admin, accepted, 150_000, "VIR-1")
    body = {"amount_cents": 50_001, "reference": "VIR-2"}
    said = refused(stack, "funding", lambda: admin.post(path_of(accepted, "payments"), body), 409, "overpayment")
    assert "50000 cents" in said["detail"]
    pay(admin, accepted, 50_000, "VIR-2")
    assert shares(admin, stack, client) == (1_200_000, 0, 0)


def test_bud_9_the_reference_names_the_payment(admin, stack, accepted):
    """BUD-9: the same again records nothing more; with another amount it is 409; another call has its own."""
    first = pay(admin, accepted, 1_000, "VIR-1")
    before = facts(stack, "funding")
    assert pay(admin, accepted, 1_000, "VIR-1") == first
    assert facts(stack, "funding") == before
    body = {"amount_cents": 1_001, "reference": "VIR-1"}
    said = refused(stack, "funding", lambda: admin.post(path_of(accepted, "payments"), body), 409, "reference_used")
    assert "1000 cents" in said["detail"]


def test_bud_9_twenty_senders_of_one_payment_record_one(admin, stack, client, accepted):
    """BUD-9: at once, without an Idempotency-Key."""
    body = {"amount_cents": 60_000, "reference": "VIR-1"}

    def send(_):
        return Client(stack).request("POST", path_of(accepted, "payments"), body,
                                     headers={"Authorization": admin.session.headers["Authorization"]})
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert shares(admin, stack, client) == (1_200_000, 140_000, 0)


def test_bud_9_payments_at_once_never_exceed_the_grant(admin, stack, client, accepted):
    """BUD-9: ten payments of a third each: three fit."""
    def send(number):
        body = {"amount_cents": 66_666, "reference": f"VIR-{number}"}
        return Client(stack).request("POST", path_of(accepted, "payments"), body,
                                     headers={"Authorization": admin.session.headers["Authorization"]}).status_code
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(send, range(10))) == [201] * 3 + [409] * 7
    assert shares(admin, stack, client) == (1_200_000, 200_000 - 3 * 66_666, 0)


@pytest.mark.parametrize("field, value", [
    ("amount_cents", 0), ("amount_cents", None), ("amount_cents", 10**15 + 1), ("reference", None), ("reference", ""),
    ("date", "2026-02-30"), ("date", "9999-12-31"), ("currency", "USD"), ("advance", True),
])
def test_bud_9_payments_that_are_none(admin, stack, accepted, field, value):
    """BUD-9, MON-1: a payment beyond the grant is no advance here, it credits the envelope."""
    before = facts(stack, "funding")
    body = {"amount_cents": 5, "reference": "R"} | {field: value}
    assert admin.post(path_of(accepted, "payments"), body).status_code in (400, 422)
    assert facts(stack, "funding") == before


def test_bud_9_only_accepted_calls_of_new_funds_are_paid(admin, stack, project):
    """BUD-9: drafts, sent, declined calls and grants from the envelope have nothing to be paid."""
    declined, taken = sent_call(admin, project, 5), sent_call(admin, new_project(admin, funded_client(admin, 10), 5), 5)
    decide(admin, declined, "decline")
    decide(admin, taken, "accept", source="envelope")
    wait_until_settled(stack)
    body = {"amount_cents": 1, "reference": "R"}
    for call in (new_call(admin, project, 5), sent_call(admin, project, 5), declined, taken):
        refused(stack, "funding", lambda call=call: admin.post(path_of(call, "payments"), body), 409, "wrong_state")
        assert admin.read(path_of(call, "payments")) == {"payments": []}
    nowhere = f"/v1/funding-calls/{uuid.uuid4()}/payments"
    problem(admin.post(nowhere, body), 404, "not_found")
    problem(admin.get(nowhere), 404, "not_found")


def test_bud_9_a_call_of_a_closed_project_is_still_paid(admin, stack, client, project, accepted):
    """BUD-9: what was promised is owed whatever becomes of the project."""
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_until_settled(stack)
    pay(admin, accepted, 200_000, "VIR-1")
    assert shares(admin, stack, client) == (1_200_000, 0, 1_200_000)


def test_bud_9_payments_come_in_pages(admin, accepted):
    """BUD-9: newest first."""
    payments = [pay(admin, accepted, 10, f"VIR-{number}") for number in range(3)]
    first = admin.read(path_of(accepted, "payments"), page_size=2)
    last = admin.read(path_of(accepted, "payments"), page_size=2, page_token=first["next_page_token"])
    assert first["payments"] + last["payments"] == payments[::-1]
