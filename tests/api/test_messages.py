# SPDX-License-Identifier: Apache-2.0
"""Searching the archive of messages, and sending one of them again (NOT-3)."""
import re

import pytest
from client import Client, expect, mail_text, password_token, problem, wait_until
from facts import refused
from factory import funded_client, new_client, new_project, new_session, wait_for_status
from hidden import assert_stored_nowhere
from identifiers import new_email

REVIEW_LINK = re.compile(r"/v1/funding-reviews/([\w.~-]+)")


def found(caller, **filters):
    return [message["id"] for message in caller.read("/v1/messages", page_size=200, **filters)["messages"]]


def sent_message(caller, recipient, **filters):
    """The only message to somebody, once it was sent."""
    return wait_until(lambda: caller.read("/v1/messages", recipient=recipient, status="sent",
                                          **filters)["messages"])[0]


def notice(admin, title, **client):
    """A notice of a planned session, once it was sent."""
    address = new_email("list")
    project = new_project(admin, funded_client(admin, **client), mailing_list=[{"email": address, "name": "Léa Petit"}])
    new_session(admin, project, title=title)
    return sent_message(admin, address)


def invite(admin):
    address = new_email("invited")
    user = admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand",
                                      "role": "operator"})
    return user, sent_message(admin, address)


def funding_call(admin):
    """A sent call, and the mail that carries its link."""
    client = funded_client(admin)
    project = new_project(admin, client)
    call = admin.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": 150_000})
    admin.act(f"/v1/funding-calls/{call['id']}/send")
    return call, sent_message(admin, client["billing_contact"]["email"], kind="funding_call")


# ── q ────────────────────────────────────────────────────────────────────────────────────────────

def test_not_3_messages_are_searched_without_case_and_accents(admin, operator):
    """In subject, recipient and text; amounts and quotation marks with the space bar."""
    message = notice(admin, "Négociation Œcuménique", name="Électricité Générale")
    for q in ("negociation oecumenique", "NÉGOCIATION ŒCUMÉNIQUE", "session « negociation", "electricite generale",
              "Dates : du 1er au 2 décembre 2026", message["to"][0].upper()):
        assert message["id"] in found(operator, q=q, recipient=message["to"][0]), q
    assert found(operator, q="negociation oecumenique", kind="session_cancelled") == []
    assert message["id"] not in found(operator, q="negociation  oecumenique")
    assert found(operator, q="100% certain_ly") == []


def test_not_3_security_mails_are_found_by_administrators_only(admin, operator):
    """Also by q: neither address nor text gives one away."""
    user, message = invite(admin)
    for q in (user["email"], "Votre accès à Escarcelle"):
        assert message["id"] in found(admin, q=q)
        assert message["id"] not in found(operator, q=q)


def test_acc_8_a_link_is_not_found(stack, admin):
    """What is searched is what is kept: the link is struck out."""
    user, _ = invite(admin)
    assert found(admin, q=password_token(stack, user["email"])[:40]) == []


# ── resend ───────────────────────────────────────────────────────────────────────────────────────

def test_a_message_is_sent_again_with_the_same_content(stack, admin, operator):
    """A new message, to the same recipient, under a Message-ID of its own."""
    message = notice(admin, "Redite")
    answer = operator.post(f"/v1/messages/{message['id']}/resend")
    again = expect(answer, 201)
    assert answer.headers["Location"].endswith(f"/v1/messages/{again['id']}")
    assert (again["status"], again["resends"], again["to"]) == ("queued", message["id"], message["to"])
    sent = wait_for_status(operator, f"/v1/messages/{again['id']}", "sent")
    assert sent["message_id"] != message["message_id"] and sent["subject"] == message["subject"]
    first, second = stack.mails(message["to"][0])
    assert mail_text(first) == mail_text(second) and second["Message-ID"] == sent["message_id"]
    third = expect(operator.post(f"/v1/messages/{again['id']}/resend"), 201)
    assert third["resends"] == again["id"]


def test_a_resent_funding_call_has_its_link(stack, admin, operator):
    """ACC-8: the link is asked from its owner once more."""
    call, message = funding_call(admin)
    expect(operator.post(f"/v1/messages/{message['id']}/resend"), 201)
    mails = wait_until(lambda: len(stack.mails(message["to"][0])) == 2 and stack.mails(message["to"][0]))
    token = REVIEW_LINK.search(mail_text(mails[1])).group(1)
    assert Client(stack).read(f"/v1/funding-reviews/{token}")["requested_cents"] == call["requested_cents"]


def test_the_link_of_a_funding_call_is_stored_nowhere(stack, admin):
    """ACC-8: neither tables, logs nor the archived copy hold it, before the client decided by it and after."""
    _, message = funding_call(admin)
    recipient = message["to"][0]
    token = REVIEW_LINK.search(mail_text(stack.mail(recipient, "/v1/funding-reviews/"))).group(1)
    assert_stored_nowhere(stack, admin, token, recipient=recipient, kind="funding_call")
    caller = Client(stack)
    assert caller.get(f"/v1/funding-reviews/{token}").status_code == 200
    assert caller.act(f"/v1/funding-reviews/{token}", {"decision": "accept"})["status"] == "accepted"
    assert_stored_nowhere(stack, admin, token, recipient=recipient, kind="funding_call")


def test_a_resent_invoice_carries_the_same_pdf(stack, admin, operator):
    client = funded_client(admin)
    project = new_project(admin, client)
    admin.act(f"/v1/projects/{project['id']}/close")
    message = sent_message(admin, client["billing_contact"]["email"], kind="invoice")
    again = expect(operator.post(f"/v1/messages/{message['id']}/resend"), 201)
    sent = wait_for_status(operator, f"/v1/messages/{again['id']}", "sent")
    assert sent["attachments"] == message["attachments"]


def test_a_decided_funding_call_is_not_sent_again(stack, admin, operator):
    """409: its link can't be used any more."""
    call, message = funding_call(admin)
    admin.act(f"/v1/funding-calls/{call['id']}/cancel")
    wait_until(lambda: stack.query("select 1 from notifications.funding_call where id = %s and status = 'cancelled'", call["id"]))
    said = refused(stack, "notifications", lambda: operator.post(f"/v1/messages/{message['id']}/resend"), 409,
                   "conflict")
    assert "link" in said["detail"]


def test_an_invitation_is_sent_again_until_it_was_taken_up(stack, admin, operator):
    """For administrators only; 409 once the password is set."""
    user, message = invite(admin)
    resend = f"/v1/messages/{message['id']}/resend"
    problem(operator.post(resend), 404, "not_found")
    expect(admin.post(resend), 201)
    wait_until(lambda: len(stack.mails(user["email"])) == 2)
    token = password_token(stack, user["email"])
    expect(Client(stack).post(f"/v1/auth/password-resets/{token}", {"new_password": "correct horse battery staple"}), 204)
    wait_until(lambda: stack.query("select 1 from notifications.message where id = %s and link_expires_at <= now()", message["id"]))
    refused(stack, "notifications", lambda: admin.post(resend), 409, "conflict")


def test_an_expired_link_is_not_sent_again(stack, admin):
    _, message = invite(admin)
    stack.query("update notifications.message set link_expires_at = now() where id = %s", message["id"])
    refused(stack, "notifications", lambda: admin.post(f"/v1/messages/{message['id']}/resend"), 409, "conflict")


@pytest.mark.parametrize("status", ["queued", "held", "received", "gathered"])
def test_only_what_has_ended_is_sent_again(stack, admin, operator, status):
    """409 for what is still on its way, came in, or was told in another message."""
    message = notice(admin, "Encore")
    stack.query("update notifications.message set status = %s, sent_at = null, due_at = now() + interval '1 day', "
                "gathered_in = case when %s = 'gathered' then id end where id = %s", status, status, message["id"])
    refused(stack, "notifications", lambda: operator.post(f"/v1/messages/{message['id']}/resend"), 409, "wrong_state")


def test_a_failed_mail_is_sent_again(admin):
    """The recipient's server may take it this time."""
    address = new_email("refused")
    admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    failed = wait_until(lambda: admin.read("/v1/messages", recipient=address, status="failed")["messages"])[0]
    expect(admin.post(f"/v1/messages/{failed['id']}/resend"), 201)


def test_what_was_erased_is_not_sent_again(stack, admin, operator):
    """ACC-3: once its client is archived, a message stays archived and goes nowhere."""
    address = new_email("list")
    client = new_client(admin)
    project = new_project(admin, client, 0, mailing_list=[{"email": address}])
    session = new_session(admin, project)
    message = sent_message(admin, address)
    expect(admin.delete(f"/v1/sessions/{session['id']}"), 204)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code in (204, 404))
    wait_until(lambda: stack.query("select words::text from notifications.message where id = %s",
                                   message["id"]) == [("[]",)])
    refused(stack, "notifications", lambda: operator.post(f"/v1/messages/{message['id']}/resend"), 409, "conflict")


def test_an_unknown_message_is_not_sent_again(operator):
    problem(operator.post("/v1/messages/0192f1a8-5c5e-7d4b-9d0c-0a3b1f6e2c11/resend"), 404, "not_found")


def test_a_repeated_resend_sends_once(stack, admin, operator):
    """Idempotency-Key: the same answer, one message."""
    message = notice(admin, "Une fois")
    path, key = f"/v1/messages/{message['id']}/resend", new_email("key")
    first = expect(operator.post(path, key=key), 201)
    assert expect(operator.post(path, key=key), 201) == first
    assert len(found(operator, recipient=message["to"][0])) == 2
