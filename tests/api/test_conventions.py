# SPDX-License-Identifier: Apache-2.0
"""The conventions that hold on every path: problems, their order, JSON, keys, conditions, lists, headers."""
import concurrent.futures
import json
import re
import uuid

import pytest
from client import Client, expect, pointers, problem, wait_until
from factory import client_body, new_client, new_project, user_body, wait_for_status, without
from identifiers import new_siren
from stack import REPOSITORY
from tables import Fingerprints

MEBIBYTE = 1 << 20
UNKNOWN_ID = "01a20000-0000-7000-8000-000000000000"
DRY_RUN = {"Prefer": "dry-run"}


@pytest.fixture
def fingerprints(stack):
    taken = Fingerprints(stack)
    yield taken
    taken.close()


# ── problems ────────────────────────────────────────────────────────────────────────────────────


def test_problem_has_the_shape_of_rfc_9457(operator):
    """A refusal is application/problem+json with type, title, status, detail, instance, code and errors."""
    answer = operator.post("/v1/clients", client_body(siren="1"))
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert set(said) == {"type", "title", "status", "detail", "instance", "code", "errors"}
    assert said["instance"] == answer.headers["X-Request-Id"]
    assert said["errors"] == [{"pointer": "/siren", "code": "invalid_siren", "detail": said["errors"][0]["detail"]}]
    assert all(said[member] for member in ("title", "detail")) and said["errors"][0]["detail"]


def test_problem_lists_all_violations(operator):
    """A 422 names every field that breaks a rule, not only the first."""
    body = client_body(siren="1", iban="2", address={"city": ""}, billing_contact={"email": "x", "phone": "y"},
                       payment_terms_days=61)
    assert set(pointers(operator.post("/v1/clients", body))) == {
        "/siren", "/iban", "/address/line1", "/address/postal_code", "/address/city", "/billing_contact/email",
        "/billing_contact/phone", "/payment_terms_days"}


def third_argument(text, start):
    """The third argument of a C call whose arguments begin at start."""
    depth, commas, begin = 1, 0, start
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0 or (depth == 1 and text[place] == ","):
            commas += 1
            if commas == 3:
                return text[begin:place]
            begin = place + 1
        if depth == 0:
            return ""
    return ""


def codes_in_the_sources():
    """Every code that a service can answer with, as the sources name them."""
    codes = set()
    for file in (REPOSITORY / "services").rglob("*.c"):
        text = file.read_text(encoding="utf-8")
        for call in re.finditer(r"\b(?:call_fail_code|call_violation|VIOLATION)\(", text):
            codes.update(re.findall(r'"([a-z_]+)"', third_argument(text, call.end())))
    return sorted(codes)


def test_problem_codes_have_a_page_each(anonymous):
    """The type of every problem is a page that explains it."""
    codes = codes_in_the_sources()
    assert {"wrong_state", "mismatch", "last_administrator"} <= set(codes)
    missing = [code for code in codes if anonymous.get(f"/problems/{code}").status_code != 200]
    assert missing == []


def test_unknown_id_in_a_path_is_404(operator):
    """What names nothing is 404, also when it cannot be an identifier."""
    for name in (UNKNOWN_ID, "x", "%00", "%C3%A9", "..%2Fusers", "0" * 300, "01A20000"):
        problem(operator.get(f"/v1/clients/{name}"), 404, "not_found")
    problem(operator.patch(f"/v1/clients/{UNKNOWN_ID}", {"name": "x"}), 404, "not_found")


def test_identifier_is_taken_in_capitals_too(operator):
    """An identifier names its object whatever the case of its digits."""
    client = new_client(operator)
    assert operator.read(f"/v1/clients/{client['id'].upper()}") == client


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/clients/", "/v1//clients", "/v2/clients",
                                  "/V1/clients", "/v1/clients/x/y", "/v1/clients%2F"])
def test_unknown_path_is_404(anonymous, path):
    """A path that does not exist is 404 for everybody, before anyone is asked to log in."""
    problem(anonymous.get(path), 404, "not_found")


@pytest.mark.parametrize("verb, path, allow", [
    ("DELETE", "/v1/clients", {"GET", "HEAD", "POST", "OPTIONS"}),
    ("PUT", f"/v1/clients/{UNKNOWN_ID}", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
    ("GET", "/v1/auth/login", {"POST", "OPTIONS"}),
    ("POST", "/livez", {"GET", "HEAD", "OPTIONS"}),
    ("BREW", "/v1/clients", {"GET", "HEAD", "POST", "OPTIONS"}),
])
def test_unknown_method_is_405_with_allow(anonymous, verb, path, allow):
    """A method that a path does not take is 405 and says which it takes."""
    answer = anonymous.request(verb, path)
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allow


def test_head_is_get_without_body(operator):
    """HEAD answers as GET does, without the body."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    answer, full = operator.request("HEAD", path), operator.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"] == full.headers["ETag"]
    assert answer.headers["Content-Length"] == full.headers["Content-Length"]


# ── the order of the checks ─────────────────────────────────────────────────────────────────────

TEXT = {"Content-Type": "text/plain", "Accept": "text/html"}


@pytest.mark.parametrize("who, verb, path, raw, headers, status, code", [
    ("anonymous", "DELETE", "/v1/nothing", b"", TEXT, 404, "not_found"),
    ("anonymous", "DELETE", "/v1/clients", b"", TEXT, 405, "method_not_allowed"),
    ("anonymous", "POST", "/v1/users", b"{", TEXT, 401, "unauthenticated"),
    ("operator", "POST", "/v1/users", b"{" * (MEBIBYTE + 1), TEXT, 403, "forbidden"),
    ("admin", "POST", "/v1/users", b"{" * (MEBIBYTE + 1), TEXT, 415, "unsupported_media_type"),
    ("admin", "POST", "/v1/users", b"{" * (MEBIBYTE + 1), {"Accept": "text/html"}, 406, "not_acceptable"),
    ("admin", "POST", "/v1/users", b"{" * (MEBIBYTE + 1), {}, 413, "too_large"),
    ("admin", "POST", "/v1/users", b'{"email": "nobody", "role": 1.5}', {}, 400, "wrong_type"),
    ("admin", "PATCH", f"/v1/users/{UNKNOWN_ID}", b'{"email": "nobody"}', {}, 422, "invalid"),
    ("admin", "PATCH", f"/v1/users/{UNKNOWN_ID}", b'{"first_name": "Zoe"}', {}, 404, "not_found"),
])
def test_checks_come_in_order(request, who, verb, path, raw, headers, status, code):
    """Of several faults the first in the order route, method, caller, role, media type, size, form, rules, state."""
    caller = request.getfixturevalue(who)
    answer = caller.request(verb, path, raw=raw, headers={"Content-Type": "application/json"} | headers)
    problem(answer, status, code)


# ── media types and size ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'application/json;charset="UTF-8"',
                                          "APPLICATION/JSON"])
def test_json_is_taken_with_its_charset(operator, content_type):
    """application/json is taken in any spelling of its name and charset."""
    raw = json.dumps(client_body()).encode()
    expect(operator.post("/v1/clients", raw=raw, headers={"Content-Type": content_type}), 201)


@pytest.mark.parametrize("headers", [
    {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=latin-1"},
    {"Content-Type": "application/merge-patch+json"}, {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
])
def test_other_media_types_are_415(operator, headers):
    """A body that is not JSON in UTF-8 is 415."""
    answer = operator.post("/v1/clients", raw=json.dumps(client_body()).encode(), headers=headers)
    problem(answer, 415, "unsupported_media_type")


def test_merge_patch_has_its_own_media_type(operator):
    """PATCH takes application/merge-patch+json too."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    answer = operator.request("PATCH", path, raw=b'{"name": "Renamed"}',
                              headers={"Content-Type": "application/merge-patch+json"})
    assert expect(answer, 200)["name"] == "Renamed"


@pytest.mark.parametrize("accept, status", [("text/html", 406), ("application/json;q=0", 406), ("*/*", 200),
                                            ("application/*", 200), ("text/html, application/json;q=0.5", 200)])
def test_accept_is_heeded(operator, accept, status):
    """What is answered as JSON is 406 for those who do not take it."""
    assert operator.request("GET", "/v1/clients", headers={"Accept": accept}).status_code == status


def padded(body, size):
    """A body as JSON text of exactly this many bytes."""
    text = json.dumps(body).encode()
    return text[:-1] + b" " * (size - len(text)) + text[-1:]


def test_body_up_to_one_mebibyte_is_taken(operator):
    """A body of 1 MiB is taken, one byte more is 413."""
    body = client_body()
    problem(operator.post("/v1/clients", raw=padded(body, MEBIBYTE + 1)), 413, "too_large")
    expect(operator.post("/v1/clients", raw=padded(body, MEBIBYTE)), 201)


def test_action_needs_neither_body_nor_content_type(operator):
    """An action takes an absent or empty body."""
    for raw in (None, b"", b"{}"):
        client = operator.create("/v1/clients", without(client_body(), "iban"))
        assert len(pointers(operator.post(f"/v1/clients/{client['id']}/activate", raw=raw))) == 1


def test_get_and_delete_take_no_body(admin):
    """A body where there is none to give is refused, not ignored."""
    path = f"/v1/clients/{new_client(admin)['id']}"
    for verb in ("GET", "DELETE"):
        problem(admin.request(verb, path, {"name": "x"}), 400, "malformed_request")


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────


def nested(depth):
    return b'{"name": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("raw, code, pointer", [
    (b"{", "malformed_json", ""),
    (b"nope", "malformed_json", ""),
    (b'{"name": "x"} {}', "malformed_json", ""),
    (b"\xef\xbb\xbf{}", "malformed_json", ""),
    (b"{'name': 'x'}", "malformed_json", ""),
    (b'{"name": "x",}', "malformed_json", ""),
    (b"[]", "wrong_type", ""),
    (b"null", "wrong_type", ""),
    (b'"x"', "wrong_type", ""),
    (b'{"name": 1}', "wrong_type", "/name"),
    (b'{"name": null}', "wrong_type", "/name"),
    (b'{"name": {}}', "wrong_type", "/name"),
    (b'{"address": "Paris"}', "wrong_type", "/address"),
    (b'{"address": {"city": 75}}', "wrong_type", "/address/city"),
    (b'{"commission": {"triggers": {}}}', "wrong_type", "/commission/triggers"),
    (b'{"commission": {"triggers": [1]}}', "wrong_type", "/commission/triggers/0"),
    (b'{"commission": {"triggers": [null]}}', "wrong_type", "/commission/triggers/0"),
    (b'{"locale": true}', "wrong_type", "/locale"),
    (b'{"nome": "x"}', "unknown_field", "/nome"),
    (b'{"Name": "x"}', "unknown_field", "/Name"),
    (b'{"address": {"street": "x"}}', "unknown_field", "/address/street"),
    (b'{"a/b~c": 1}', "unknown_field", "/a~1b~0c"),
    (b'{"": 1}', "unknown_field", "/"),
    (b'{"name": "x", "name": "x"}', "duplicate_field", "/name"),
    (b'{"name": "x", "n\\u0061me": "y"}', "duplicate_field", "/name"),
    (b'{"address": {"city": "x", "city": "y"}}', "duplicate_field", "/address/city"),
    (b'{"name": "\xff"}', "malformed_json", "/name"),
    (b'{"name": "\xc0\xaf"}', "malformed_json", "/name"),
    (b'{"name": "\xed\xa0\x80"}', "malformed_json", "/name"),
    (b'{"name": "\xf4\x90\x80\x80"}', "malformed_json", "/name"),
    (b'{"name": "\\ud800"}', "malformed_json", "/name"),
    (b'{"name": "\\udc00\\ud800"}', "malformed_json", "/name"),
    (b'{"name": "\\u0000"}', "malformed_json", "/name"),
    (b'{"name": "\x00"}', "malformed_json", "/name"),
    (b'{"name": "a\nb"}', "malformed_json", "/name"),
    (b'{"payment_terms_days": 30.0}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": 3e1}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": "30"}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": 9007199254740992}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": -9007199254740992}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": 99999999999999999999999}', "wrong_type", "/payment_terms_days"),
    (b'{"payment_terms_days": NaN}', "malformed_json", "/payment_terms_days"),
    (b'{"payment_terms_days": 030}', "malformed_json", ""),
    (nested(17), "malformed_json", "/name" + "/0" * 15),
    (nested(16), "wrong_type", "/name"),
])
def test_malformed_json_is_400_at_its_pointer(operator, raw, code, pointer):
    """What is not JSON of the request's form is 400, with the pointer of the culprit."""
    said = problem(operator.post("/v1/clients", raw=raw), 400, code)
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("name", ["é", "😀 \U0010ffff", "\\ \" / \u2028", "x" * 200, "é" * 200])
def test_text_comes_back_as_it_was(operator, name):
    """Any text of up to 200 characters is stored and answered unchanged."""
    assert new_client(operator, name=name)["name"] == name


@pytest.mark.parametrize("name, code", [("x" * 201, "too_long"), ("é" * 201, "too_long"), ("a\tb", "invalid_characters"),
                                        ("\u0085", "invalid_characters"), ("\x7f", "invalid_characters")])
def test_text_is_bounded_and_of_one_line(operator, name, code):
    """A name is at most 200 characters of one line."""
    said = problem(operator.post("/v1/clients", client_body(name=name)), 422, "invalid")
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [("/name", code)]


def test_empty_patch_is_refused(operator):
    """A PATCH without a body is 400; one without a change is answered with the object."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    problem(operator.request("PATCH", path, raw=b""), 400, "malformed_json")
    assert operator.change(path, {})["id"] in path


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


@pytest.mark.parametrize("tag", ["x", '"', '"1', "W/\"1.0\"", '"x.y"', '"99999999999999999999.0"', '"1.0", "2.0"'])
def test_if_match_that_is_no_tag_of_ours_is_400(operator, tag):
    """An If-Match that cannot be read is refused, never ignored."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    problem(operator.patch(path, {"name": "x"}, if_match=tag), 400, "malformed_header")


def test_if_none_match_is_304(operator):
    """GET with the present ETag is 304 without a body, with another one 200."""
    path = f"/v1/clients/{new_client(operator)['id']}"
    tag = operator.get(path).headers["ETag"]
    for known in (tag, f'"0.0", {tag}', f"W/{tag}", "*"):
        answer = operator.request("GET", path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    operator.change(path, {"name": "Changed"})
    assert operator.request("GET", path, headers={"If-None-Match": tag}).status_code == 200


# ── Prefer: dry-run ─────────────────────────────────────────────────────────────────────────────


def test_dry_run_answers_and_leaves_nothing(operator, fingerprints):
    """A dry run answers the reply and the events, and leaves every table as it was."""
    body, key = client_body(), str(uuid.uuid4())
    before = fingerprints.settled()
    answer = operator.post("/v1/clients", body, key=key, headers=DRY_RUN)
    said = expect(answer, 200)
    assert answer.headers["Preference-Applied"] == "dry-run" and "Location" not in answer.headers
    assert said["reply"]["siren"] == body["siren"]
    assert [event["type"] for event in said["events"]] == ["accounts.ClientCreated"]
    assert said["events"][0]["event"]["client"]["id"] == said["reply"]["id"]
    assert fingerprints.settled() == before
    operator.create("/v1/clients", body, key=key)


def test_dry_run_refuses_as_the_real_one_does(operator):
    """A dry run of what would be refused is refused in the same way."""
    client = new_client(operator)
    problem(operator.post("/v1/clients", client_body(siren=client["siren"]), headers=DRY_RUN), 409, "conflict")
    problem(operator.post("/v1/clients", client_body(siren="1"), headers=DRY_RUN), 422, "invalid")


def test_dry_run_of_change_and_delete(admin):
    """PATCH, actions and DELETE can be tried too."""
    client = new_client(admin)
    path = f"/v1/clients/{client['id']}"
    assert expect(admin.patch(path, {"name": "Tried"}, headers=DRY_RUN), 200)["reply"]["name"] == "Tried"
    tried = expect(admin.delete(path, headers=DRY_RUN), 200)
    assert [event["type"] for event in tried["events"]] == ["accounts.ClientArchived"]
    assert admin.read(path) == client


# ── lists ───────────────────────────────────────────────────────────────────────────────────────


def pages(caller, path, **query):
    """All pages of a list, as lists of their items."""
    token = None
    while True:
        page = caller.read(path, **query, **({"page_token": token} if token else {}))
        token = page.pop("next_page_token", None)
        yield next(iter(page.values()))
        if token is None:
            return


def test_list_is_paged_newest_first(operator):
    """Pages of the asked size, newest first, no token on the last."""
    mark = f"Pagé {new_siren()}"
    made = [new_client(operator, name=f"{mark} {number}")["id"] for number in range(5)]
    found = list(pages(operator, "/v1/clients", q=mark, page_size=2))
    assert [len(page) for page in found] == [2, 2, 1]
    assert [client["id"] for page in found for client in page] == made[::-1]


def test_list_whose_last_page_is_full_has_no_further_token(operator):
    """A list that ends with a full page does not promise another."""
    mark = f"Plein {new_siren()}"
    for _ in range(2):
        new_client(operator, name=mark)
    assert [len(page) for page in pages(operator, "/v1/clients", q=mark, page_size=2)] == [2]


def test_list_is_stable_under_inserts(operator):
    """What is created between two pages neither repeats nor hides anything."""
    mark = f"Stable {new_siren()}"
    made = [new_client(operator, name=mark)["id"] for _ in range(4)]
    walk = pages(operator, "/v1/clients", q=mark, page_size=2)
    first = next(walk)
    new_client(operator, name=mark)
    assert [client["id"] for client in first + next(walk)] == made[::-1]


@pytest.mark.parametrize("size", ["0", "201", "-1"])
def test_page_size_is_1_to_200(operator, size):
    """A page has 1 to 200 items."""
    assert pointers(operator.get("/v1/clients", page_size=size)) == ["/page_size"]
    assert operator.get("/v1/clients", page_size="200").status_code == 200


@pytest.mark.parametrize("token", ["x", "!!!!", "bm90IGEgdXVpZA", "A" * 40, "=", "MQ"])
def test_page_token_that_is_none_of_ours_is_refused(operator, token):
    """A page token that no list gave is 422, never the first page again."""
    said = problem(operator.get("/v1/clients", page_token=token), 422, "invalid")
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [("/page_token", "invalid_page_token")]


@pytest.mark.parametrize("query, code, pointer", [
    ("size=1", "unknown_parameter", "/size"), ("iban=FR", "unknown_parameter", "/iban"),
    ("status=active&status=pending", "repeated_parameter", "/status"), ("page_size=ten", "wrong_type", "/page_size"),
])
def test_query_parameters_are_checked(operator, query, code, pointer):
    """An unknown, repeated or mistyped query parameter is 400 and named."""
    said = problem(operator.get(f"/v1/clients?{query}"), 400, code)
    assert [error["pointer"] for error in said["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["q=%ff", "q=%C0%AF", "q=%00", "q=%ED%A0%80"])
def test_query_that_is_no_text_is_refused(operator, query):
    """A query that is not percent-encoded UTF-8 text is refused."""
    assert operator.get(f"/v1/clients?{query}").status_code in (400, 422)


def test_list_filters_by_state(operator):
    """A filter keeps what has this value; an unknown word is 422."""
    mark = f"État {new_siren()}"
    active = new_client(operator, name=mark)
    pending = operator.create("/v1/clients", {"name": mark})
    for status, client in (("active", active), ("pending", pending)):
        assert [each["id"] for each in operator.read("/v1/clients", q=mark, status=status)["clients"]] == [client["id"]]
    assert pointers(operator.get("/v1/clients", status="open")) == ["/status"]


@pytest.mark.parametrize("written", ["ecole francaise", "ÉCOLE FRANÇAISE", "École", "cœur", "COEUR"])
def test_search_ignores_case_and_accents(operator, written):
    """q finds names whatever their case and accents."""
    mark = new_siren()
    client = new_client(operator, name=f"{mark} École française du cœur")
    found = operator.read("/v1/clients", q=written, page_size=200)["clients"]
    assert client["id"] in [each["id"] for each in found]
    assert [each["id"] for each in operator.read("/v1/clients", q=mark)["clients"]] == [client["id"]]


@pytest.mark.parametrize("wild", ["%", "_", "\\"])
def test_search_takes_no_wildcards(operator, wild):
    """Characters that a database might read as wildcards are searched as themselves."""
    mark = new_siren()
    new_client(operator, name=f"Plain {mark}")
    client = new_client(operator, name=f"Wild{wild}{mark}")
    assert [each["id"] for each in operator.read("/v1/clients", q=f"{wild}{mark}")["clients"]] == [client["id"]]


# ── headers ─────────────────────────────────────────────────────────────────────────────────────


def test_request_id_comes_back(operator):
    """X-Request-Id is taken from the caller, in answers and refusals."""
    for path in ("/v1/clients", f"/v1/clients/{UNKNOWN_ID}"):
        answer = operator.request("GET", path, headers={"X-Request-Id": "my-own.id:1"})
        assert answer.headers["X-Request-Id"] == "my-own.id:1"
    assert answer.json()["instance"] == "my-own.id:1"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 300, "a,b", "é"])
def test_request_id_is_made_when_there_is_none(operator, given):
    """Without a proper one the gateway makes an identifier."""
    headers = {} if given is None else {"X-Request-Id": given.encode()}
    assert uuid.UUID(operator.request("GET", "/v1/clients", headers=headers).headers["X-Request-Id"]).version == 7


@pytest.mark.parametrize("path", ["/v1/clients", "/v1/nothing", f"/v1/clients/{UNKNOWN_ID}", "/v1/me"])
@pytest.mark.parametrize("who", ["operator", "anonymous"])
def test_security_headers_are_on_every_answer(request, who, path):
    """Every answer, refusals included, carries the security headers and is not stored."""
    headers = request.getfixturevalue(who).get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert int(headers["Strict-Transport-Security"].removeprefix("max-age=").split(";")[0]) >= 31536000
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


@pytest.fixture
def origin(admin):
    """An origin that the settings admit while a test lasts."""
    admitted, before = "https://ui.example", admin.read("/v1/settings")["cors_origins"]
    admin.change("/v1/settings", {"cors_origins": [*before, admitted]})
    yield admitted
    admin.change("/v1/settings", {"cors_origins": before})


def preflight(caller, origin):
    return caller.request("OPTIONS", "/v1/clients", headers={
        "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})


def test_cors_admits_the_origins_of_the_settings(stack, anonymous, operator, origin):
    """A page of an admitted origin may call, and read the headers that matter; a changed setting holds soon."""
    answer = wait_until(lambda: next(
        (answer for answer in [preflight(anonymous, origin)] if "Access-Control-Allow-Origin" in answer.headers), None))
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, origin)
    assert {"POST", "GET"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "idempotency-key", "if-match", "prefer"))
    told = operator.request("GET", "/v1/clients", headers={"Origin": origin}).headers
    assert told["Access-Control-Allow-Origin"] == origin
    assert "ETag" in told["Access-Control-Expose-Headers"] and "Origin" in told["Vary"]


@pytest.mark.parametrize("other", ["https://evil.example", "null", "http://ui.example", "https://ui.example.evil"])
def test_cors_admits_no_other_origin(anonymous, operator, origin, other):
    """A page of another origin gets no leave."""
    wait_until(lambda: "Access-Control-Allow-Origin" in preflight(anonymous, origin).headers)
    assert "Access-Control-Allow-Origin" not in preflight(anonymous, other).headers
    answer = operator.request("GET", "/v1/clients", headers={"Origin": other})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_public_paths_take_no_notice_of_a_bad_token(stack):
    """A public path is served whatever the Authorization header says."""
    caller = Client(stack)
    caller.session.headers["Authorization"] = "Bearer ended"
    assert caller.get("/livez").status_code == 200
    assert caller.post("/v1/auth/password-resets", {"email": "nobody@client.example"}).status_code == 202
