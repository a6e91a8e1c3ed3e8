# SPDX-License-Identifier: Apache-2.0
"""What is kept for how long (NOT-4): rows are made old, and the jobs of the services forget them, or don't."""
import pytest
from client import Client, expect, new_operator, problem, wait_until
from factory import funded_client, new_client, new_project, new_session, wait_for_status
from identifiers import new_email

SERVICES = ("accounts", "budgeting", "sessions", "funding", "invoicing", "notifications")


def count(stack, statement, *parameters):
    ((rows,),) = stack.query(f"select count(*) from {statement}", *parameters)
    return rows


def wait_until_gone(stack, statement, *parameters):
    wait_until(lambda: count(stack, statement, *parameters) == 0)


# ── idempotency replies ──────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("service, path", [("accounts", "/v1/clients"), ("sessions", None)])
def test_not_4_replies_are_kept_for_72_hours(stack, admin, service, path):
    """Any service: a key of 72 hours ago is free again, one of 71 hours still answers the first reply."""
    project = new_project(admin, funded_client(admin), 0)
    path = path or f"/v1/projects/{project['id']}/sessions"
    body = {"name": "Kept SA"} if service == "accounts" else {
        "title": "Kept", "start_date": "2026-12-01", "end_date": "2026-12-01"}
    first = {key: admin.create(path, body, key=key) for key in (new_email("young"), new_email("old"))}
    young, old = first
    for key, hours in ((young, 71), (old, 72)):
        stack.query(f"update {service}.idempotency_key set created_at = created_at - %s * interval '1 hour' "
                    "where key = %s", hours, key)
    wait_until_gone(stack, f"{service}.idempotency_key where key = %s", old)
    assert admin.create(path, body, key=young) == first[young]
    assert admin.create(path, body, key=old)["id"] != first[old]["id"]


# ── the audit log ────────────────────────────────────────────────────────────────────────────────

def entries_of(admin, user):
    return admin.read("/v1/audit-entries", actor_id=user["id"], page_size=200)["audit_entries"]


def make_old(stack, table, key, keys):
    """Rows that say how long they are kept have been kept that long; the others stay."""
    stack.query(f"update {table} set keep_until = keep_until - interval '12 months' "
                f"where {key}::text = any(%s) and keep_until < now() + interval '12 months 1 day'", keys)


def test_not_4_security_entries_lose_their_personal_values_after_12_months(stack, admin):
    """Who logged in from where is forgotten, here and in the event log; changes keep it; the chain still verifies."""
    user = new_operator(stack, admin)
    changed = user.create("/v1/clients", {"name": "Audited SA"})
    problem(user.get("/v1/users"), 403, "forbidden")
    expected = {"accounts.ClientCreated", "common.AccessRefused"}
    entries = wait_until(lambda: expected <= {e["type"] for e in entries_of(admin, user.user)}
                         and entries_of(admin, user.user))
    assert all("address" in entry["actor"] for entry in entries)
    sequences, ids = [str(entry["sequence"]) for entry in entries], [entry["id"] for entry in entries]
    before = count(stack, "accounts.event_actor where event_id::text = any(%s)", ids)
    make_old(stack, "accounts.audit_actor", "sequence", sequences)
    make_old(stack, "accounts.event_actor", "event_id", ids)

    def forgotten():
        now = {entry["type"]: entry["actor"] for entry in entries_of(admin, user.user)}
        return now if "address" not in now["common.AccessRefused"] else None
    actors = wait_until(forgotten)
    assert "name" not in actors["common.AccessRefused"]
    assert actors["accounts.ClientCreated"]["address"] and changed["id"]
    wait_until(lambda: count(stack, "accounts.event_actor where event_id::text = any(%s)", ids) < before)
    assert admin.read("/v1/audit-entries/verification")["verified"] is True


# ── messages and documents ───────────────────────────────────────────────────────────────────────

def old_message(stack, address, age):
    stack.query("update notifications.message set created_at = created_at - %s::interval where recipient = %s",
                age, address)


def test_not_4_messages_are_kept_for_five_years(stack, admin):
    """With their archived bytes; a younger one stays."""
    young, old = new_email("list"), new_email("list")
    project = new_project(admin, funded_client(admin), mailing_list=[{"email": young}, {"email": old}])
    new_session(admin, project)
    ids = {}
    for address in (young, old):
        message = wait_until(lambda address=address: admin.read(
            "/v1/messages", recipient=address, status="sent")["messages"])[0]
        ids[address] = message["id"]
    old_message(stack, young, "5 years -1 day")
    old_message(stack, old, "5 years")
    wait_until_gone(stack, "notifications.message where id = %s", ids[old])
    wait_until_gone(stack, "notifications.message_source where id = %s", ids[old])
    problem(admin.get(f"/v1/messages/{ids[old]}"), 404, "not_found")
    assert admin.read(f"/v1/messages/{ids[young]}")["to"] == [young]
    assert admin.get(f"/v1/messages/{ids[young]}/source").status_code == 200


def test_not_4_what_events_say_of_messages_is_forgotten_with_them(stack, admin):
    """Addresses and subjects lie beside the event log and the audit log as long as the message is kept."""
    address = new_email("list")
    project = new_project(admin, funded_client(admin), mailing_list=[{"email": address}])
    new_session(admin, project)
    message = wait_until(lambda: admin.read("/v1/messages", recipient=address, status="sent")["messages"])[0]
    of_message = "(select event_id from notifications.event_log where subject = %s)"
    wait_until(lambda: count(stack, f"notifications.event_personal where event_id in {of_message}", message["id"]) == 2)
    stack.query("update notifications.event_personal set keep_until = keep_until - interval '60 months' "
                f"where event_id in {of_message}", message["id"])
    wait_until_gone(stack, f"notifications.event_personal where event_id in {of_message}", message["id"])


def test_not_4_documents_outlive_messages(stack, admin):
    """An invoice's PDF is served after nine years, bit for bit; its mail is gone by then."""
    client = new_client(admin)
    admin.create(f"/v1/clients/{client['id']}/envelope/credits", {"amount_cents": 100_000})
    project = new_project(admin, client, 100_000)
    admin.act(f"/v1/projects/{project['id']}/close")
    contact = client["billing_contact"]["email"]
    message = wait_until(lambda: admin.read("/v1/messages", recipient=contact, kind="invoice",
                                            status="sent")["messages"])[0]
    path = f"/v1/invoices/{message['object_id']}"
    wait_for_status(admin, path, "sent")
    before = admin.get(path + "/pdf").content
    stack.query("update invoicing.invoice set created_at = created_at - interval '9 years' where id = %s",
                message["object_id"])
    old_message(stack, contact, "9 years")
    wait_until_gone(stack, "notifications.message where id = %s", message["id"])
    assert admin.get(path + "/pdf").content == before


# ── tokens and links ─────────────────────────────────────────────────────────────────────────────

def test_expired_tokens_are_forgotten(stack, admin):
    """The row goes when the token has ended; the caller is refused either way."""
    user = new_operator(stack, admin)
    other = Client(stack).log_in(user.user["email"], "correct horse battery staple")
    ((token,),) = stack.query("select id from accounts.access_token where user_id = %s order by created_at desc limit 1",
                              user.user["id"])
    stack.query("update accounts.access_token set expires_at = now() where id = %s", token)
    wait_until_gone(stack, "accounts.access_token where id = %s", token)
    wait_until(lambda: other.get("/v1/me").status_code == 401)
    assert user.get("/v1/me").status_code == 200


def test_links_are_forgotten_a_month_after_their_end(stack, admin):
    """Until then, who follows one is told that it has ended."""
    address = new_email("invited")
    user = admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand",
                                      "role": "operator"})
    mine = "accounts.password_link where user_id = %s"
    assert count(stack, mine, user["id"]) == 1
    stack.query("insert into accounts.password_link (id, user_id, expires_at) "
                "values (gen_random_uuid(), %s, now() - interval '30 days')", user["id"])
    stack.query("update accounts.password_link set expires_at = now() - interval '29 days' where user_id = %s "
                "and expires_at > now()", user["id"])
    wait_until(lambda: count(stack, mine, user["id"]) == 1)
    assert count(stack, mine + " and expires_at > now() - interval '30 days'", user["id"]) == 1
    expect(admin.delete(f"/v1/users/{user['id']}"), 204)


# ── every service ────────────────────────────────────────────────────────────────────────────────

def test_every_service_forgets(stack):
    """One job, in all of them: also where nothing else is scheduled."""
    for service in SERVICES:
        stack.query(f"insert into {service}.idempotency_key (scope, key, body_hash, reply_header, reply, created_at) "
                    "values ('', 'forgotten', '', '', '', now() - interval '72 hours')")
    for service in SERVICES:
        wait_until_gone(stack, f"{service}.idempotency_key where key = 'forgotten'")
