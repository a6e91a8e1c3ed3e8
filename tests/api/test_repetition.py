# SPDX-License-Identifier: Apache-2.0
"""Doing things once or conditionally: Idempotency-Key, ETag."""
import concurrent.futures
import re
import uuid

import pytest
from client import PASSWORD, Client, expect, problem, wait_until
from factory import (client_body, funded_client, new_client, new_project, new_session, new_training, project_body,
                     user_body, wait_for_budget, wait_for_status, without)
from facts import refused, wait_until_settled
from identifiers import new_siren
from races import queued

WRITERS, ROUNDS = 12, 4


# ── Idempotency-Key ─────────────────────────────────────────────────────────────────────────────


def test_fifty_parallel_posts_with_one_key_make_one_object(stack, operator):
    """50 parallel POSTs with one Idempotency-Key make one object; those told to wait get it afterwards."""
    body, key = client_body(), str(uuid.uuid4())

    def post(_):
        answer = operator.post("/v1/clients", body, key=key)
        if answer.status_code == 409:
            assert problem(answer, 409, "idempotency_key_in_use") and int(answer.headers["Retry-After"]) > 0
            answer = wait_until(lambda: answered(operator.post("/v1/clients", body, key=key)))
        return answer
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert stack.query("select count(*) from accounts.client where siren = %s", body["siren"]) == [(1,)]


def test_duplicates_that_meet_are_never_refused_for_what_the_first_made(operator):
    """Who gets the key from the first one may have begun to look before that one's row could be seen."""
    callers = [Client(operator.stack) for _ in range(8)]
    for caller in callers:
        caller.session.headers.update(operator.session.headers)
    with concurrent.futures.ThreadPoolExecutor(len(callers)) as pool:
        for _ in range(300):
            body, key = client_body(), str(uuid.uuid4())
            for answer in pool.map(lambda caller, body=body, key=key: caller.post("/v1/clients", body, key=key), callers):
                assert answer.status_code == 201 or problem(answer, 409, "idempotency_key_in_use")


def answered(answer):
    return None if answer.status_code == 409 else answer


def test_repeated_key_answers_the_same_again(operator):
    """The first answer comes again, word for word, marked as replayed; quoted or bare key alike."""
    body, key = client_body(), str(uuid.uuid4())
    first = operator.post("/v1/clients", body, key=key)
    second = operator.post("/v1/clients", body, key=f'"{key}"')
    assert (second.status_code, second.content) == (first.status_code, first.content) == (201, second.content)
    assert second.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert [second.headers[name] for name in ("Location", "ETag")] == [
        first.headers[name] for name in ("Location", "ETag")]


def test_repeated_key_answers_the_same_after_what_it_refers_to_has_changed(operator):
    """The first answer comes again even when the request, made now, would be refused for its references."""
    project, key = new_project(operator, new_client(operator), 0), str(uuid.uuid4())
    path = f"/v1/projects/{project['id']}/sessions"
    body = {"title": "Negotiation", "start_date": "2026-12-01", "end_date": "2026-12-02"}
    first = operator.post(path, body, key=key)
    operator.act(f"/v1/sessions/{expect(first, 201)['id']}/cancel")
    operator.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(operator, f"/v1/projects/{project['id']}", "closed")
    problem(operator.post(path, body, key=str(uuid.uuid4())), 409, "wrong_state")
    again = operator.post(path, body, key=key)
    assert (again.status_code, again.content) == (201, first.content)


def test_repeated_key_with_another_body_is_refused(operator):
    """The same key with another body is 422."""
    key = str(uuid.uuid4())
    operator.create("/v1/clients", client_body(), key=key)
    problem(operator.post("/v1/clients", client_body(), key=key), 422, "idempotency_key_reused")


def test_refusal_is_not_remembered(operator):
    """A refused request leaves its key free for the corrected one."""
    key, body = str(uuid.uuid4()), client_body()
    problem(operator.post("/v1/clients", body | {"siren": "1"}, key=key), 422, "invalid")
    assert "Idempotent-Replayed" not in operator.post("/v1/clients", body, key=key).headers


def test_keys_belong_to_their_caller_and_path(operator, admin):
    """The same key of another caller, or for another path, is another key."""
    key, body = str(uuid.uuid4()), without(client_body(), "siren")
    ids = {caller.create("/v1/clients", body, key=key)["id"] for caller in (operator, admin)}
    assert len(ids) == 2
    for client_id in ids:
        admin.change(f"/v1/clients/{client_id}", {"siren": new_siren()})
        admin.act(f"/v1/clients/{client_id}/activate", key=key)


@pytest.mark.parametrize("key, status", [("x" * 255, 201), ("x" * 256, 400), ('""', 400), ("a b", 400)])
def test_key_is_up_to_255_visible_characters(operator, key, status):
    """An Idempotency-Key is 1 to 255 visible characters."""
    key = key if status == 400 else key[:-36] + str(uuid.uuid4())
    answer = operator.post("/v1/clients", client_body(), key=key)
    assert answer.status_code == status
    if status == 400:
        problem(answer, 400, "malformed_header")


def test_secret_is_shown_once(stack, admin):
    """An operation that answers with a secret is 409 when it is repeated, and its answer is not kept."""
    login, key = {"email": stack.email, "password": stack.password}, str(uuid.uuid4())
    token = expect(admin.post("/v1/auth/login", login, key=key), 200)["access_token"]
    problem(admin.post("/v1/auth/login", login, key=key), 409, "secret_shown_once")
    ((kept,),) = stack.query("select encode(reply, 'escape') from accounts.idempotency_key where key = %s", key)
    assert token not in kept


# ── conditions ──────────────────────────────────────────────────────────────────────────────────


def test_stale_if_match_is_412(operator):
    """A change with the ETag of an earlier version is 412 and changes nothing; with the present one it is done."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    first = operator.get(path).headers["ETag"]
    assert re.fullmatch(r'"\d+\.\d+"', first)
    second = operator.patch(path, {"name": "Second"}, if_match=first).headers["ETag"]
    assert second != first
    problem(operator.patch(path, {"name": "Third"}, if_match=first), 412, "precondition_failed")
    assert operator.read(path)["name"] == "Second"
    operator.change(path, {"name": "Third"}, if_match=second)
    operator.change(path, {"name": "Fourth"}, if_match="*")


def test_if_match_holds_for_actions_and_deletes(admin):
    """If-Match is heeded on actions and on DELETE too."""
    user = admin.create("/v1/users", user_body())
    path, stale = f"/v1/users/{user['id']}", admin.get(f"/v1/users/{user['id']}").headers["ETag"]
    admin.change(path, {"last_name": "Petit"})
    problem(admin.delete(path, if_match=stale), 412, "precondition_failed")
    assert admin.delete(path, if_match=admin.get(path).headers["ETag"]).status_code == 204
    client = admin.create("/v1/clients", without(client_body(), "bic"))
    problem(admin.post(f"/v1/clients/{client['id']}/activate", if_match='"99.0"'), 412, "precondition_failed")


def test_if_match_holds_where_nothing_changes(admin):
    """An action that has nothing to do any more compares it all the same."""
    project = new_project(admin, funded_client(admin))
    path = f"/v1/projects/{project['id']}"
    stale = admin.get(path).headers["ETag"]
    admin.change(path, {"name": "Renamed"})
    admin.act(f"{path}/close")
    problem(admin.post(f"{path}/close", if_match=stale), 412, "precondition_failed")


def test_if_match_that_means_nothing_is_refused(admin, stack):
    """Where there is no object to compare it with, If-Match is 400 and nothing happens, in a dry run too."""
    body = project_body(funded_client(admin))
    wait_until_settled(stack)
    for headers in ({}, {"Prefer": "dry-run"}):
        refused(stack, "budgeting", lambda headers=headers: admin.post("/v1/projects", body, if_match='"1.0"',
                                                                       headers=headers), 400, "malformed_header")


@pytest.mark.parametrize("tag", ["x", '"', '"1', "W/\"1.0\"", '"x.y"', '"99999999999999999999.0"', '"1.0", "2.0"'])
def test_if_match_that_is_no_tag_of_ours_is_400(operator, tag):
    """An If-Match that cannot be read is refused, never ignored."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    problem(operator.patch(path, {"name": "x"}, if_match=tag), 400, "malformed_header")


def test_a_user_who_logged_in_has_another_etag(operator):
    """The time of the last login is a part of the user."""
    before = operator.get("/v1/me")
    Client(operator.stack).log_in(operator.user["email"], PASSWORD)
    again = operator.request("GET", "/v1/me", headers={"If-None-Match": before.headers["ETag"]})
    assert expect(again, 200)["last_login_at"] > before.json()["last_login_at"]


def test_if_none_match_is_304(operator):
    """GET with the present ETag is 304 without a body, with another one 200."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    tag = operator.get(path).headers["ETag"]
    for known in (tag, f'"0.0", {tag}', f"W/{tag}", "*"):
        answer = operator.request("GET", path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    operator.change(path, {"name": "Changed"})
    assert operator.request("GET", path, headers={"If-None-Match": tag}).status_code == 200


# ── many at once ────────────────────────────────────────────────────────────────────────────────


def test_no_update_is_lost_among_many_writers(stack, operator):
    """Each adds its sign to what it read, with If-Match; whoever is refused reads again. Every sign is there, and every
    version was made by one of them."""
    path = f"/v1/clients/{new_client(operator, name='-')['id']}"
    signs = [chr(ord("a") + number) for number in range(WRITERS)]

    def add(sign):
        for _ in range(ROUNDS):
            def added():
                read = operator.get(path)
                answer = operator.patch(path, {"name": read.json()["name"] + sign}, if_match=read.headers["ETag"])
                if answer.status_code != 200:
                    problem(answer, 412, "precondition_failed")
                return answer.status_code == 200
            wait_until(added, 60)
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(add, signs))
    done = operator.read(path)
    assert sorted(done["name"][1:]) == sorted(signs * ROUNDS)
    assert done["version"] == 1 + WRITERS * ROUNDS
    wait_until(lambda: stack.query("select count(*) from accounts.event_log where subject = %s "
                                   "and type = 'accounts.ClientUpdated'", done["id"]) == [(WRITERS * ROUNDS,)])


def test_no_update_is_torn_without_a_condition(operator):
    """Fields that were changed together are together, in the object and in every event that told of it."""
    client = new_client(operator)
    path = f"/v1/clients/{client['id']}"

    def change(number):
        text = f"writer {number}"
        changed = operator.change(path, {"name": text, "address": {"city": text}})
        return changed["name"] == changed["address"]["city"] == text, changed["version"]
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        changes = list(pool.map(change, range(WRITERS * ROUNDS)))
    assert all(whole for whole, _ in changes)
    assert sorted(version for _, version in changes) == list(range(2, 2 + WRITERS * ROUNDS))
    now = operator.read(path)
    assert now["name"] == now["address"]["city"] and now["version"] == 1 + WRITERS * ROUNDS


def objects(admin):
    """(table, path, change) of every kind of object that can be changed."""
    client = funded_client(admin)
    project = new_project(admin, client)
    session = new_session(admin, project)
    training = new_training(admin, session, 1000)
    wait_for_budget(admin, project, planned_cents=1000)
    user = admin.create("/v1/users", user_body())
    call = admin.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": 1000})
    return {"client": ("accounts.client", client, f"/v1/clients/{client['id']}", {"name": "Renamed"}),
            "user": ("accounts.account_user", user, f"/v1/users/{user['id']}", {"last_name": "Renamed"}),
            "project": ("budgeting.project", project, f"/v1/projects/{project['id']}", {"name": "Renamed"}),
            "session": ("sessions.session", session, f"/v1/sessions/{session['id']}", {"title": "Renamed"}),
            "training": ("sessions.training", training, f"/v1/trainings/{training['id']}", {"title": "Renamed"}),
            "call": ("funding.funding_call", call, f"/v1/funding-calls/{call['id']}", {"comment": "Renamed"})}


@pytest.mark.parametrize("kind", ["client", "user", "project", "session", "training", "call"])
def test_of_many_who_read_the_same_version_one_changes_it(stack, admin, kind):
    """All wait for the object's row at once; exactly one PATCH of a version is done, and the others are told."""
    table, thing, path, body = objects(admin)[kind]
    etag = admin.get(path).headers["ETag"]
    answers = queued(stack, (table, thing["id"]),
                     *[lambda number=number: admin.patch(path, {name: f"{text} {number}" for name, text in body.items()},
                                                          if_match=etag) for number in range(3)])
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    (done,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert admin.read(path) == done
