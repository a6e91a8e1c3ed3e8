# SPDX-License-Identifier: Apache-2.0
"""Every illegal transition, from the contract: each operation that moves or needs a state, on an object in each other state.

A new operation is tested without a change here. A new object, or a state nobody made before, is added to states.py.
"""
import re

import pytest
from billing import day
from contract import read_contract
from facts import refused
from states import brought_to

CONTRACT = read_contract()
# Objects by the collection in a path that holds them: "clients" → Client.
COLLECTIONS = {re.search(r"/([\w-]+)/\{id\}$", method.rpc.location).group(1): method.output.split(".")[1]
               for method in CONTRACT.methods.values() if method.rpc.location}


def illegal(of_links):
    """(method, object, state, sentence), for operations behind secret links or for all others."""
    for method in CONTRACT.methods.values():
        if method.verb and ("token" in method.path_names) == of_links:
            for name, state, code, sentence in CONTRACT.states_refused(method):
                yield pytest.param(method, name, state, code, sentence, id=f"{method.name}-{name.split('.')[1]}-{state}")


@pytest.fixture(scope="module")
def placed(admin):
    """Makes an object in a state once; what refuses to touch it leaves it as it was."""
    made = {}

    def place(name, state):
        if (name, state) not in made:
            made[name, state] = brought_to(admin, name, state)
        return made[name, state]
    yield place
    admin.post("/v1/ops/mail-queue/release")


def object_of(method, name):
    """What a path's {name} stands for: {session_id} a Session, {id} an object of the collection before it."""
    if name != "id":
        return "".join(word.capitalize() for word in name.removesuffix("_id").split("_"))
    return COLLECTIONS[re.search(r"/([\w-]+)/\{id\}", method.path).group(1)]


def fill(method, made):
    """The path, with what was made."""
    def value(match):
        name = match.group(1)
        wanted = "token" if name == "token" else object_of(method, name)
        assert wanted in made, f"{method.full_name} needs a {wanted} that goes with it: tests/api/states.py makes none"
        return made["token"] if name == "token" else made[wanted]["id"]
    return re.sub(r"\{(\w+)\}", value, method.path)


def body_of(document, method, made):
    """The example of the document: what it must hold, for a PATCH any one of its fields."""
    operation = document["paths"][method.path][method.verb.lower()]
    if "requestBody" not in operation:
        return None
    example = dict(operation["requestBody"]["content"]["application/json"]["example"])
    fields = {field.name: field.options for field in CONTRACT.messages[method.input].fields}
    for name in list(example):
        other = object_of(method, name) if name.endswith("_id") else None
        if other in made:
            example[name] = made[other]["id"]
        elif fields[name]["format"] == "UUID" or fields[name]["only"]:
            del example[name]
        elif fields[name]["format"] == "DATE":
            example[name] = day()
    return dict([next(iter(example.items()))]) if method.verb == "PATCH" else example


@pytest.fixture(scope="module")
def document(admin):
    return admin.read("/openapi.json")


@pytest.mark.parametrize("method, name, state, code, sentence", illegal(of_links=False))
def test_a_state_that_does_not_allow_it_is_409(stack, admin, placed, document, method, name, state, code, sentence):
    """The refusal says which state the object is in and which it must be in, as the document does; no table changes."""
    made = placed(name, state)
    path, body = fill(method, made), body_of(document, method, made)
    said = refused(stack, method.full_name.split(".")[0], lambda: admin.request(method.verb, path, body), 409, code)
    assert said["detail"] == sentence
    conflict = document["paths"][method.path][method.verb.lower()]["responses"]["409"]
    shown = [example["value"] for example in conflict["content"]["application/problem+json"]["examples"].values()]
    assert said | {"instance": None} in [example | {"instance": None} for example in shown]


# What a link opens is told to its client in words of its own, and the same decision again is the same answer.
OTHER_ANSWERS = {"accepted": {"decision": "decline"}, "declined": {"decision": "accept"}}


@pytest.mark.parametrize("method, name, state, code, sentence", illegal(of_links=True))
def test_a_link_whose_time_is_over_changes_nothing(stack, anonymous, placed, document, method, name, state, code, sentence):
    """Behind a secret link a state that does not allow it is 409 or 410, and no table changes."""
    made = placed(name, state)
    body = OTHER_ANSWERS.get(state) or body_of(document, method, made)

    def act():
        answer = anonymous.request(method.verb, fill(method, made), body)
        assert answer.status_code in (409, 410), answer.text
        return answer
    answer = act()
    refused(stack, method.full_name.split(".")[0], act, answer.status_code, answer.json()["code"])
