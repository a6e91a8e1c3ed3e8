# SPDX-License-Identifier: Apache-2.0
"""Who may ask what inside the services: requests with a program's own key, past the gateway, to a running stack."""
import concurrent.futures
import types
import uuid

import pytest
from client import expect, wait_until
from contract import read_contract
from event_messages import message_type
from factory import funded_client, new_client, new_project
from stand_in import in_place_of
from streams import SERVICES
from test_broker import REPLY, REQUEST, control, dealer, receive

CONTRACT = read_contract()
OK, FORBIDDEN, CONFLICT, INTERNAL, UNAVAILABLE = 0, 3, 5, 11, 12
PATIENCE_MS = 30_000


def methods():
    """(service, name on the wire, method) of all that services answer, what every service has once for each."""
    for service in SERVICES:
        for package in (service, "ops"):
            for method in CONTRACT.packages[package].methods:
                yield service, f"{service}.{method.name}", method


def asked(stack, sender, questions, **header):
    """What services answer one program: [(header, body)] of [(service, method, packed request)]."""
    place = types.SimpleNamespace(keys=stack.place.keys, addresses=stack.place.broker_addresses(1))
    socket = dealer(place, sender, "clients")
    for tag, (service, method, body) in enumerate(questions):
        said = message_type("wire.RequestHeader")(method=method, **header).SerializeToString()
        socket.send_multipart([control(REQUEST, tag, PATIENCE_MS, f"{service}.leaf".encode()), said, body])
    answers = {}
    while len(answers) < len(questions):
        frames = receive(socket)
        assert frames[0][4] == REPLY, frames
        answers[int.from_bytes(frames[0][5:13], "big")] = message_type("wire.ReplyHeader").FromString(frames[1]), frames[2]
    socket.close()
    return [answers[tag] for tag in range(len(questions))]


def assert_refused(header, body, what):
    assert (header.status, header.problem.code, body) == (FORBIDDEN, "forbidden", b""), what


def as_user(user):
    return message_type("wire.Caller")(kind="user", id=user["id"], role=user["role"])


def test_what_has_no_route_answers_the_programs_that_it_names_and_no_other(stack):
    """The gateway is a stranger like any other where it is not named."""
    for sender in ("gateway", *SERVICES):
        questions = [(service, name, method) for service, name, method in methods()
                     if method.rpc.callers and service != sender]
        answers = asked(stack, sender, [(service, name, b"") for service, name, _ in questions])
        for (_, name, method), (header, body) in zip(questions, answers):
            if sender in method.rpc.callers:
                assert header.status not in (FORBIDDEN, INTERNAL, UNAVAILABLE), (sender, name, header)
            else:
                assert_refused(header, body, (sender, name))


def test_links_are_told_to_who_mails_them_only(stack):
    """The contract names nobody else, and what it names holds: see above."""
    links = [method for _, _, method in methods() if not method.verb and method.name.endswith("Link")]
    assert [method.full_name for method in links] == ["accounts.GetPasswordLink", "funding.GetReviewLink"]
    assert all(method.rpc.callers == ["notifications"] for method in links)


def test_only_the_gateway_speaks_for_users(stack, admin):
    """A service that claims to be an administrator, or nobody, is refused whatever has a route."""
    for service in SERVICES:
        sender = SERVICES[service == SERVICES[0]]
        questions = [(service, name, b"") for owner, name, method in methods() if owner == service and method.verb]
        assert questions
        for question, (header, body) in zip(questions, asked(stack, sender, questions, caller=as_user(admin.user))):
            assert_refused(header, body, (sender, question))
    (header, body), = asked(stack, "gateway", [("accounts", "accounts.GetMe", b"")], caller=as_user(admin.user))
    assert header.status == OK
    assert message_type("accounts.User").FromString(body).email == admin.user["email"]


def test_a_service_asks_as_itself(stack, admin):
    """Also on the way of a user's request, whose id goes along."""
    project = new_project(admin, funded_client(admin))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with in_place_of(stack, "sessions", "leaf") as stand_in:
            asked_of = stand_in()
            closing = pool.submit(admin.post, f"/v1/projects/{project['id']}/close")
            sender, header = asked_of.take()
        answer = closing.result()
    assert (sender, header.method) == ("budgeting", "sessions.ListPlannedSessions")
    assert header.caller == message_type("wire.Caller")(kind="service", id="budgeting")
    assert header.request_id == answer.headers["X-Request-Id"]
    expect(answer, 200)


def test_the_right_sender_is_answered(stack, admin):
    """With what it asked for."""
    client = new_client(admin)
    request = message_type("common.Id")(id=client["id"]).SerializeToString()
    for sender in set(SERVICES) - {"accounts"}:
        (header, body), = asked(stack, sender, [("accounts", "accounts.LookUpClient", request)])
        assert header.status == OK
        assert message_type("accounts.Client").FromString(body).siren == client["siren"]


@pytest.mark.parametrize("sender, method", [("gateway", "LookUpClient"), ("sessions", "GetPasswordLink"), ("funding", "GetMe")])
def test_a_refused_program_is_in_the_audit_log(stack, admin, sender, method):
    """As itself, whoever it claims to be, and not as who refused it."""
    for claimed in ({}, {"caller": as_user(admin.user)}):
        request_id = f"sender-{uuid.uuid4()}"
        asked(stack, sender, [("accounts", f"accounts.{method}", b"")], request_id=request_id, **claimed)
        (kind, actor, changes), = wait_until(lambda key=request_id: stack.query(
            "select type, actor_kind || ' ' || actor_id, changes from accounts.audit_entry where request_id = %s", key))
        assert (kind, actor) == ("common.AccessRefused", f"service {sender}") and f"accounts.{method}" in changes
