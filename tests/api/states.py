# SPDX-License-Identifier: Apache-2.0
"""Objects in each of their states, with what goes with them, for the test of illegal transitions.

Through the API where callers bring an object there; where only time or another service does, the row says so.
"""
import datetime

from billing import close
from client import Client, expect, password_token, wait_until
from facts import wait_until_settled
from factory import (funded_client, new_client, new_project, new_session, new_training, user_body, wait_for_status)
from funding_calls import decide, link, new_call, path_of, review_of, sent_call
from identifiers import new_siren

PASSWORD = "correct horse battery staple"
LINK_SECONDS = 3600


def client_in(admin, state):
    if state == "pending":
        return {"Client": admin.create("/v1/clients", {"name": "ACME SA", "siren": new_siren()})}
    client = new_client(admin)
    if state == "archived":
        expect(admin.delete(f"/v1/clients/{client['id']}"), 204)
    return {"Client": client}


def user_in(admin, state):
    user = admin.create("/v1/users", user_body())
    token = password_token(admin.stack, user["email"])
    if state != "invited":
        path = f"/v1/auth/password-resets/{token}"
        expect(Client(admin.stack).post(path, {"new_password": PASSWORD}), 204)
    if state == "disabled":
        expect(admin.delete(f"/v1/users/{user['id']}"), 204)
    return {"User": user, "token": token}


def project_in(admin, state):
    client = funded_client(admin)
    project = new_project(admin, client)
    if state == "closed":
        close(admin, project)
    if state == "closing":
        wait_until_settled(admin.stack)
        for service in ("budgeting", "sessions", "funding", "invoicing"):
            admin.stack.query(f"update {service}.project set status = 'closing' where id = %s", project["id"])
    return {"Client": client, "Project": project}


def session_in(admin, state):
    made = project_in(admin, "open")
    session = new_session(admin, made["Project"])
    training = new_training(admin, session, 1000)
    verb = {"completed": "complete", "cancelled": "cancel"}.get(state)
    if verb:
        admin.act(f"/v1/sessions/{session['id']}/{verb}")
    return made | {"Session": session, "Training": training}


def funding_call_in(admin, state):
    made = project_in(admin, "open")
    if state in ("draft", "cancelled"):
        call = new_call(admin, made["Project"], 1000)
        expires = int(datetime.datetime.now().timestamp()) + LINK_SECONDS
        token = link(admin.stack, call["id"], expires)
    else:
        call = sent_call(admin, made["Project"], 1000)
        token = review_of(admin.stack, call)
    if state == "cancelled":
        admin.act(path_of(call, "cancel"))
    if state in ("accepted", "declined"):
        decide(admin, call, {"accepted": "accept", "declined": "decline"}[state])
    if state == "expired":
        admin.stack.query("update funding.funding_call set expires_at = now() - interval '1 hour' where id = %s",
                          call["id"])
        wait_for_status(admin, path_of(call), "expired")
    return made | {"FundingCall": call, "token": token.rsplit("/", 1)[1]}


def invoice_in(admin, state):
    made = project_in(admin, "closed")
    path = f"/v1/projects/{made['Project']['id']}/invoices"
    wait_until_settled(admin.stack)
    invoice = wait_for_status(admin, f"/v1/invoices/{admin.read(path)['invoices'][0]['id']}", "sent")
    own = f"/v1/invoices/{invoice['id']}"
    if state == "credited":
        note = admin.create(f"{own}/credit", {"reason": "A mistake"})
        wait_for_status(admin, f"/v1/invoices/{note['id']}", "sent")
    if state in ("paid", "partially_paid"):
        paid = invoice["gross_cents"] if state == "paid" else 1
        admin.create(f"{own}/payments", {"amount_cents": paid, "reference": f"VIR-{invoice['id']}"})
    if state == "issued":
        wait_until_settled(admin.stack)
        admin.stack.query("update invoicing.invoice_state set status = 'issued' where id = %s", invoice["id"])
    return made | {"Invoice": invoice}


def message_in(admin, state):
    user = admin.create("/v1/users", user_body())

    def mailed():
        return next(iter(admin.read("/v1/messages", recipient=user["email"], status="sent")["messages"]), None)
    message = wait_until(mailed)
    if state != "sent":
        admin.stack.query("update notifications.message set status = %s, sent_at = null, due_at = now() + interval '1 day', "
                          "gathered_in = case when %s = 'gathered' then id end where id = %s", state, state, message["id"])
    return {"Message": message}


def mail_queue_in(admin, state):
    """There is one; who pauses it releases it in the end."""
    if admin.read("/v1/ops/mail-queue")["status"] != state:
        admin.act("/v1/ops/mail-queue/release" if state == "running" else "/v1/ops/mail-queue/pause",
                  None if state == "running" else {"reason": "A test looks at what is refused."})
    return {"MailQueue": admin.read("/v1/ops/mail-queue")}


MAKERS = {"accounts.Client": client_in, "accounts.User": user_in, "budgeting.Project": project_in,
          "sessions.Session": session_in, "funding.FundingCall": funding_call_in, "invoicing.Invoice": invoice_in,
          "notifications.Message": message_in, "notifications.MailQueue": mail_queue_in}


def brought_to(admin, name, state):
    """What goes with an object in this state: the object itself under its name, its parents and parts, its link's token."""
    assert name in MAKERS, f"tests/api/states.py makes no {name}: add it to MAKERS"
    made = MAKERS[name](admin, state)
    wait_until_settled(admin.stack)
    [(now,)] = admin.stack.query(f"select status from {status_table(name)} where id = %s", made[name.split(".")[1]]["id"])
    assert now == state, f"tests/api/states.py left the {name} {now}: teach {MAKERS[name].__name__} to make it {state}"
    return made


def status_table(name):
    """The table that holds an object's state."""
    return {"accounts.User": "accounts.account_user", "invoicing.Invoice": "invoicing.invoice_state",
            "funding.FundingCall": "funding.funding_call",
            "notifications.MailQueue": "notifications.mail_queue"}.get(name, name.lower())
