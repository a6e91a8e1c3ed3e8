# SPDX-License-Identifier: Apache-2.0
"""Tickets: one GET of one path for links and EventSource, which can't send a header."""
import concurrent.futures

import pytest
from client import Client, expect, new_operator, pointers, problem, wait_until
from factory import new_client
from facts import facts
from identifiers import new_email


@pytest.fixture
def user(stack, admin):
    """Somebody whose token may end."""
    return new_operator(stack, admin)


def ticket_for(caller, path):
    """What opens the path, relative to the gateway."""
    ticket = caller.create("/v1/tickets", {"path": path})
    assert set(ticket) == {"url", "expires_at"} and ticket["url"].startswith(caller.stack.url + path + "?ticket=")
    return ticket["url"].removeprefix(caller.stack.url)


def test_a_ticket_opens_its_path_once(stack, admin, user, anonymous):
    """Without a header, as the user, and not a second time."""
    url = ticket_for(user, "/v1/me")
    assert anonymous.read(url)["id"] == user.user["id"]
    assert "new one with POST /v1/tickets" in problem(anonymous.get(url), 401, "unauthenticated")["detail"]


def test_a_ticket_is_good_for_nothing_else(stack, user, anonymous):
    """Another path, another verb, a changed ticket, beside a header: refused; it stays good for its path."""
    client = new_client(user)
    path = f"/v1/clients/{client['id']}"
    url = ticket_for(user, path)
    query = url.removeprefix(path)
    before = facts(stack, "accounts")
    for other in ("/v1/me", "/v1/clients", path + "/envelope", url[:-3]):
        problem(anonymous.get(other + (query if "?" not in other else "")), 401, "unauthenticated")
    for verb in ("HEAD", "POST", "PATCH", "DELETE"):
        assert anonymous.request(verb, url, {"name": "X"} if verb == "PATCH" else None).status_code in (401, 405)
    problem(user.get(url), 400, "unknown_parameter")
    problem(anonymous.get(f"{url}&{query[1:]}"), 401, "unauthenticated")
    assert facts(stack, "accounts") == before
    assert anonymous.read(url)["id"] == client["id"]


def test_a_ticket_gives_no_more_than_its_maker_may(user, anonymous):
    """An operator's ticket for what administrators read is 403."""
    url = ticket_for(user, "/v1/settings")
    problem(anonymous.get(url), 403, "forbidden")


def test_a_ticket_may_stand_beside_other_parameters(admin, anonymous):
    """The url may be given filters: it opens the path, for the same caller."""
    client = new_client(admin, name=f"Ticket {new_email('x')}")
    url = ticket_for(admin, "/v1/clients")
    found = expect(anonymous.get(url, q=client["name"]), 200)["clients"]
    assert [one["id"] for one in found] == [client["id"]]


def test_a_ticket_is_used_once_however_many_come_at_once(stack, user):
    """Of eight at once one is let in."""
    url = ticket_for(user, "/v1/me")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Client(stack).get(url).status_code, range(8)))
    assert sorted(answers) == [200] + [401] * 7


def test_acc_5_logging_out_ends_the_tickets(user, anonymous):
    """ACC-5: what was made with a token ends with it."""
    url = ticket_for(user, "/v1/me")
    expect(user.post("/v1/auth/logout"), 204)
    problem(anonymous.get(url), 401, "unauthenticated")


def test_acc_5_disabling_a_user_ends_the_tickets(admin, user, anonymous):
    """ACC-5: nothing opens for a disabled user."""
    url = ticket_for(user, "/v1/me")
    expect(admin.delete(f"/v1/users/{user.user['id']}"), 204)
    problem(anonymous.get(url), 401, "unauthenticated")


def test_a_ticket_ends_after_its_time_and_is_forgotten(stack, user, anonymous):
    """30 s, then 401; its row goes."""
    url = ticket_for(user, "/v1/me")
    [(seconds,)] = stack.query("select extract(epoch from max(expires_at) - now())::float from accounts.ticket")
    assert 0 < seconds <= 30
    stack.query("update accounts.ticket set expires_at = now() returning path")
    problem(anonymous.get(url), 401, "unauthenticated")
    wait_until(lambda: stack.query("select 1 from accounts.ticket where expires_at <= now()") == [])


def test_acc_8_a_ticket_is_stored_as_its_hash(stack, user):
    """ACC-8: the table holds nothing that opens anything."""
    secret = ticket_for(user, "/v1/me").split("=")[1]
    assert secret not in str(facts(stack, "accounts"))


def test_acc_7_a_download_by_ticket_is_audited_as_its_maker(stack, admin, user, anonymous):
    """ACC-7: the audit log names who made the ticket."""
    address = new_email("audited")
    admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    message = wait_until(lambda: next(iter(admin.read("/v1/messages", recipient=address)["messages"]), None))
    wait_until(lambda: admin.read(f"/v1/messages/{message['id']}")["status"] == "sent")
    assert anonymous.get(ticket_for(admin, f"/v1/messages/{message['id']}/source")).status_code == 200

    def audited():
        return [entry["actor"]["id"] for entry in admin.read("/v1/audit-entries", subject_id=message["id"])["audit_entries"]
                if entry["type"] == "common.DocumentDownloaded"]
    assert wait_until(audited) == [admin.user["id"]]


@pytest.mark.parametrize("path", ["https://evil.example/v1/me", "//evil.example/v1/me", "/v2/me", "/v1/../v2", "v1/me",
                                  "/v1/me?x=1", "/v1/me#x", "/v1/" + "x" * 1000])
def test_what_a_ticket_cannot_open(user, path):
    """Only paths of this API, without a query."""
    assert pointers(user.post("/v1/tickets", {"path": path})) == ["/path"]


def test_a_ticket_is_for_logged_in_users(anonymous, user):
    """USER: 401 without a token; a repeated key never shows the secret again."""
    problem(anonymous.post("/v1/tickets", {"path": "/v1/me"}), 401, "unauthenticated")
    expect(user.post("/v1/tickets", {"path": "/v1/me"}, key="ticket"), 201)
    problem(user.post("/v1/tickets", {"path": "/v1/me"}, key="ticket"), 409, "secret_shown_once")
