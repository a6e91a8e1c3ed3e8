# SPDX-License-Identifier: Apache-2.0
"""Any input whatever: it is never a fault of ours, and what is refused leaves every table as it was."""
import copy
import json
import pathlib
import uuid

import pytest
from client import problem
from factory import client_body, funded_client, new_client, new_project, new_session, new_training, project_body, user_body
from funding_calls import new_call
from hypothesis import HealthCheck, given, settings, strategies as st
from tables import Fingerprints

# The same examples every time, so that two runs say the same.
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck))

FEW = settings(PROPERTY, max_examples=12)
CONTRACT = json.loads((pathlib.Path(__file__).parents[2] / "gateway" / "openapi.json").read_text(encoding="utf-8"))

TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(["", " ", "\u0000", "\x7f", "é" * 250, "null", "2026-02-30", "FR7630006", "€"]))
NUMBERS = st.one_of(
    st.integers(-2**70, 2**70), st.sampled_from([0, -1, 1, 10**15, 10**15 + 1, 2**31, 2**53 - 1, 2**53, 2**63, -2**63]),
    st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)), max_leaves=8)


@pytest.fixture(scope="module")
def all_tables(stack):
    taken = Fingerprints(stack)
    yield taken
    taken.close()


@pytest.fixture
def fingerprints(all_tables):
    """What is refused leaves the last of them as it is; who changes something waits until all is settled."""
    all_tables.settled()
    return all_tables


def places(value, path=()):
    """The paths of all members and items of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inner:
        yield path + (name,)
        yield from places(member, path + (name,))


@st.composite
def mutations(draw):
    """What is done to a good body: (which place, what with it, with what), one to three times."""
    actions = st.sampled_from(["replace", "remove", "add", "stretch"])
    return draw(st.lists(st.tuples(st.integers(0, 1000), actions, TEXTS, VALUES), min_size=1, max_size=3))


def mutated(body, changes):
    """The body after these changes; numbers choose among the places that are there."""
    body = copy.deepcopy(body)
    for number, action, name, value in changes:
        found = list(places(body))
        if not found:
            return body
        *path, last = found[number % len(found)]
        holder = body
        for step in path:
            holder = holder[step]
        if action == "replace":
            holder[last] = value
        elif action == "remove":
            del holder[last]
        elif action == "stretch":
            holder[last] = [holder[last]] * (number % 200)
        elif isinstance(holder, dict):
            holder[name] = value
        else:
            holder.append(value)
    return body


def check(fingerprints, caller, path, **sent):
    """Sends a body: a good answer or a problem, never a fault; a problem leaves the tables as they were."""
    before = fingerprints.last
    answer = caller.post(path, **sent)
    assert answer.status_code < 500, (sent, answer.text)
    if answer.status_code == 201:
        fingerprints.settled()
        return answer
    said = problem(answer, answer.status_code, answer.json()["code"])
    assert answer.status_code in (400, 409, 413, 422), answer.text
    assert answer.status_code == 409 or said["errors"], answer.text
    assert fingerprints.take() == before, (sent, answer.text)
    return answer


@PROPERTY
@given(changes=mutations())
def test_mutated_client_is_taken_or_refused_whole(admin, fingerprints, changes):
    """POST /v1/clients: a good body with something wrong in it is never a 5xx, and a refusal leaves nothing."""
    check(fingerprints, admin, "/v1/clients", body=mutated(client_body(billing_address=client_body()["address"]), changes))


@PROPERTY
@given(body=VALUES)
def test_random_json_is_no_client(admin, fingerprints, body):
    """POST /v1/clients: any JSON at all is refused in an orderly way, unless it happens to name a client."""
    check(fingerprints, admin, "/v1/clients", raw=json.dumps(body).encode())


@PROPERTY
@given(raw=st.binary(max_size=200))
def test_random_bytes_are_no_client(admin, fingerprints, raw):
    """POST /v1/clients: any bytes at all are refused in an orderly way."""
    assert check(fingerprints, admin, "/v1/clients", raw=raw).status_code in (400, 422)


@PROPERTY
@given(place=st.integers(0, 1000), byte=st.integers(0, 255))
def test_spoiled_byte_is_taken_or_refused_whole(admin, fingerprints, place, byte):
    """POST /v1/clients: one byte of a good body replaced by any other."""
    raw = bytearray(json.dumps(client_body(), ensure_ascii=False).encode())
    raw[place % len(raw)] = byte
    check(fingerprints, admin, "/v1/clients", raw=bytes(raw))


@pytest.fixture(scope="module")
def rich_client(admin):
    return funded_client(admin, 10**12)


FULL_PROJECT = {"mailing_list": [{"email": "paul@acme.example", "name": "Paul Petit", "kinds": ["budget", "session"]}],
                "auto_funding_call": True, "refill_bp": 2000, "purchase_order": "PO-4711", "currency": "EUR",
                "report_frequency": "monthly"}


@PROPERTY
@given(changes=mutations())
def test_mutated_project_is_taken_or_refused_whole(admin, fingerprints, rich_client, changes):
    """POST /v1/projects: a good body with something wrong in it is never a 5xx, and a refusal leaves nothing."""
    check(fingerprints, admin, "/v1/projects", body=mutated(project_body(rich_client, 100, **FULL_PROJECT), changes))


@PROPERTY
@given(body=VALUES)
def test_random_json_is_no_project(admin, fingerprints, body):
    """POST /v1/projects: any JSON at all is refused in an orderly way."""
    assert check(fingerprints, admin, "/v1/projects", raw=json.dumps(body).encode()).status_code in (400, 422)


@PROPERTY
@given(initial=st.integers(10**12 + 1, 2**53 - 1))
def test_project_beyond_the_envelope_leaves_nothing(admin, fingerprints, rich_client, initial):
    """POST /v1/projects: whatever is more than the envelope holds is 409 or out of range, and leaves nothing."""
    answer = check(fingerprints, admin, "/v1/projects", body=project_body(rich_client, initial))
    assert answer.status_code == (409 if initial <= 10**15 else 422)


@pytest.fixture(scope="module")
def changed_client(admin):
    return new_client(admin)


@PROPERTY
@given(changes=mutations())
def test_mutated_change_is_done_or_refused_whole(admin, fingerprints, changed_client, changes):
    """PATCH /v1/clients/{id}: a good change with something wrong in it is done or refused whole."""
    body = mutated({"name": "Renamed", "address": {"line2": "B"}, "billing_contact": {"phone": "+33142868326"},
                    "commission": {"rate_bp": 600, "triggers": ["project_closed"]}, "payment_terms_days": 45}, changes)
    before = fingerprints.last
    answer = admin.patch(f"/v1/clients/{changed_client['id']}", body)
    assert answer.status_code in (200, 400, 409, 413, 422), (body, answer.text)
    if answer.status_code == 200:
        fingerprints.settled()
    else:
        assert fingerprints.take() == before, (body, answer.text)


def writes():
    """(verb, path, example) of every operation that takes a body from somebody who is logged in."""
    for path, operations in CONTRACT["paths"].items():
        for verb, operation in operations.items():
            if isinstance(operation, dict) and "requestBody" in operation and operation.get("security") != []:
                yield verb.upper(), path, next(iter(operation["requestBody"]["content"].values()))["example"]


@pytest.fixture(scope="module")
def objects(admin, rich_client):
    """One of each kind, by the part of a path that its id follows."""
    project = new_project(admin, rich_client)
    session = new_session(admin, project)
    made = {"clients": rich_client, "projects": project, "sessions": session, "trainings": new_training(admin, session, 100),
            "funding-calls": new_call(admin, project, 100), "users": admin.create("/v1/users", user_body())}
    return made


def with_ids(path, objects):
    """A path with ids in it: of ours, of nobody's where there is no object of that kind."""
    steps = path.split("/")
    for i, step in enumerate(steps):
        if step == "{service}":
            steps[i] = "sessions"
        elif step.startswith("{"):
            steps[i] = objects[steps[i - 1]]["id"] if steps[i - 1] in objects else str(uuid.UUID(int=7 << 76 | 2 << 62))
    return "/".join(steps)


@pytest.mark.parametrize("verb, path, example", writes(), ids=lambda value: value if isinstance(value, str) else "")
@FEW
@given(changes=mutations())
def test_mutated_example_is_taken_or_refused_whole(admin, fingerprints, objects, verb, path, example, changes):
    """The example of each operation with something wrong in it is never a 5xx; nothing is left of a refusal, nor of what
    was only tried."""
    before, body = fingerprints.last, mutated(example, changes)
    answer = admin.request(verb, with_ids(path, objects), body, headers={"Prefer": "dry-run"})
    assert answer.ok or answer.status_code in (400, 401, 404, 409, 413, 422), (body, answer.text)
    assert answer.ok or problem(answer, answer.status_code, answer.json()["code"])
    assert fingerprints.take() == before, (body, answer.text)
