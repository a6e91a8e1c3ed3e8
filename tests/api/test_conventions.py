# SPDX-License-Identifier: Apache-2.0
"""The conventions that hold on every path: problems, their order, media types, JSON, headers."""
import json
import re
import uuid

import pytest
from client import Client, expect, pointers, problem, wait_until
from factory import client_body, funded_client, new_client, new_project, new_session, without
from stack import REPOSITORY
from tables import Fingerprints

MEBIBYTE = 1 << 20
UNKNOWN_ID = "01a20000-0000-7000-8000-000000000000"


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


ALL_AT_ONCE = [
    ("POST", "/v1/clients", client_body(name="", locale="de", vat_number="FR44732829320", commission={
        "basis": "fixed_fee", "rate_bp": 1, "triggers": ["session_completed", "sometimes"]}),
     {"/name": "required", "/locale": "unknown_value", "/vat_number": "mismatch", "/commission/rate_bp": "not_applicable",
      "/commission/fixed_fee_cents": "required", "/commission/triggers/1": "unknown_value"}),
    ("PATCH", "/v1/clients/{client}", {"status": "archived", "siren": "1", "locale": "de", "version": 3,
                                       "billing_contact": {"email": "x at y"}},
     {"/status": "immutable", "/version": "immutable", "/siren": "invalid_siren", "/locale": "unknown_value",
      "/billing_contact/email": "invalid_email"}),
    ("POST", "/v1/projects", {"client_id": str(uuid.uuid4()), "name": "", "initial_budget_cents": -1,
                              "mailing_list": [{"email": "a@b.example", "kinds": ["weather"]}, {"email": "x at y"}]},
     {"/alert_threshold": "required", "/client_id": "unknown_reference", "/name": "required", "/initial_budget_cents": "out_of_range",
      "/mailing_list/0/kinds/0": "unknown_value", "/mailing_list/1/email": "invalid_email"}),
    ("POST", "/v1/projects/{project}/sessions", {"start_date": "2026-12-02", "end_date": "2026-12-01"},
     {"/title": "required", "/end_date": "out_of_order"}),
    ("POST", "/v1/projects/{project}/allocations", {"amount_cents": 0, "reason": "x" * 5001},
     {"/amount_cents": "out_of_range", "/reason": "too_long"}),
    ("PUT", "/v1/projects/{project}/billing-plan", {"basis": "unconsumed_funds", "triggers": ["project_closed", "milestones"],
                                                    "milestones": [{"date": "tomorrow"}]},
     {"/rate_bp": "required", "/triggers": "not_applicable", "/milestones/0/date": "invalid_date"}),
    ("GET", "/v1/clients?status=lost&page_size=0", None, {"/status": "unknown_value", "/page_size": "out_of_range"}),
]


@pytest.mark.parametrize("verb, path, body, violations", ALL_AT_ONCE, ids=[f"{case[0]} {case[1]}" for case in ALL_AT_ONCE])
def test_all_violations_are_told_at_once(admin, verb, path, body, violations):
    """Words of no enum, fields that can't be set, fields that don't go together and unknown references stand beside what
    single fields break."""
    client = funded_client(admin)
    path = path.format(client=client["id"], project=new_project(admin, client)["id"])
    said = problem(admin.request(verb, path, body), 422, "invalid")
    assert {error["pointer"]: error["code"] for error in said["errors"]} == violations


def test_path_that_names_nothing_does_not_hide_the_rules(operator):
    """Rules come before state: a broken body is 422 even when the path's object is unknown, and 404 once it is mended."""
    path = f"/v1/projects/{uuid.uuid4()}/allocations"
    assert pointers(operator.post(path, {"amount_cents": 0})) == ["/amount_cents"]
    problem(operator.post(path, {"amount_cents": 1}), 404, "not_found")


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


def test_refusals_leave_every_table_of_every_service_as_it_was(stack, admin):
    """Refused for its size, depth, bytes, order of dates or an unknown id: not a row is written anywhere."""
    client = funded_client(admin)
    project = new_project(admin, client)
    session = new_session(admin, project)
    dates = {"title": "S", "start_date": "2026-12-02", "end_date": "2026-12-01"}
    paths = [f"/v1/{plural}/{UNKNOWN_ID}" for plural in ("clients", "projects", "sessions", "trainings", "funding-calls", "users")]
    actions = [f"/v1/projects/{UNKNOWN_ID}/close", f"/v1/sessions/{UNKNOWN_ID}/complete", f"/v1/invoices/{UNKNOWN_ID}/send",
               f"/v1/funding-calls/{UNKNOWN_ID}/send", f"/v1/clients/{UNKNOWN_ID}/activate", f"/v1/messages/{UNKNOWN_ID}/resend"]
    tables = Fingerprints(stack)
    before = tables.settled()
    problem(admin.post("/v1/clients", raw=padded(client_body(), MEBIBYTE + 1), key="too-large"), 413, "too_large")
    problem(admin.post("/v1/clients", raw=nested(2000), key="too-deep"), 400, "malformed_json")
    problem(admin.post("/v1/clients", raw=json.dumps(client_body(name="?")).encode().replace(b"?", b"\xff"), key="no-text"),
            400, "malformed_json")
    problem(admin.post(f"/v1/projects/{project['id']}/sessions", dates, key="no-order"), 422, "invalid")
    problem(admin.patch(f"/v1/sessions/{session['id']}", {"end_date": "2026-11-30"}), 422, "invalid")
    for path in paths:
        problem(admin.patch(path, {}), 404, "not_found")
    for path in actions:
        problem(admin.post(path, key=path), 404, "not_found")
    assert tables.settled() == before
    tables.close()


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
