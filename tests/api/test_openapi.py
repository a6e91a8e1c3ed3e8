# SPDX-License-Identifier: Apache-2.0
"""The published contract: fresh, complete, and refused when it contradicts itself."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest
from test_dry_run import ELSEWHERE, EXAMPLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def document():
    return json.loads((ROOT / "gateway" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture
def copied_contract(tmp_path):
    """A copy of what the document is made from, to be spoiled."""
    for name in ("proto", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "gateway").mkdir()
    shutil.copy(ROOT / "gateway" / "openapi.json", tmp_path / "gateway")
    return tmp_path


def openapi(root, *arguments):
    command = [PYTHON, root / "scripts" / "openapi", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def operations(document):
    return [(verb, path, operation) for path, verbs in document["paths"].items() for verb, operation in verbs.items()]


def test_committed_document_is_fresh():
    result = openapi(ROOT, "--check")
    assert result.returncode == 0, result.stderr


def test_changed_contract_makes_the_document_stale(copied_contract):
    replace(copied_contract / "proto" / "sessions.proto", "// Plans a session.", "// Plans one session.")
    result = openapi(copied_contract, "--check")
    assert result.returncode == 1
    assert "stale" in result.stderr


def test_every_operation_says_what_it_is(document):
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for verb, path, operation in operations(document):
        assert operation["operationId"] and operation["summary"] and operation["description"], (verb, path)
        assert set(operation["tags"]) <= tags, (verb, path)
        assert any(status.startswith("4") for status in operation["responses"]), (verb, path)


def test_every_v1_operation_is_secured_unless_public(document):
    public = {path for _, path, operation in operations(document) if operation.get("security") == []}
    assert document["security"] == [{"bearer": []}]
    assert {path for path in public if path.startswith("/v1/")} == {
        "/v1/auth/login", "/v1/auth/password-resets", "/v1/auth/password-resets/{token}", "/v1/funding-reviews/{token}"}


def test_every_operation_that_writes_has_an_example_of_its_dry_run(document):
    """A row of EXAMPLES in tests/api/test_dry_run.py, where each of them is tried."""
    writes = {f"{verb.upper()} {path}" for verb, path, _ in operations(document) if verb != "get"}
    assert writes == set(EXAMPLES) | ELSEWHERE


def test_state_changes_say_their_states_in_409(document):
    text = document["paths"]["/v1/sessions/{id}/complete"]["post"]["responses"]["409"]["description"]
    assert text == "The session must be `planned`; it becomes `completed`. Or the same Idempotency-Key is under way."


def test_every_reference_has_its_target(document):
    for reference in set(re.findall(r'"\$ref": "#/components/([^"]+)"', json.dumps(document))):
        kind, name = reference.split("/")
        assert name in document["components"][kind], reference


@pytest.mark.parametrize("old, new, complaint", [
    ('get: "/v1/sessions/{id}" role: OPERATOR', 'get: "/v1/sessions/{id}"', "has no role"),
    ('get: "/v1/sessions" role', 'get: "/v1/projects/{project_id}/sessions" role', "are both GET"),
    ("  // Last day.\n", "\n", "has no comment"),
    ('from: "planned" to: "completed"', 'from: "planned" to: "done"', "has no value done"),
    ('from: "planned" to: "completed"', 'from: "planned" to: "cancelled"', "nothing moves an object to completed"),
    ('needs: {object: "Session" in: "planned"}', 'needs: {object: "Session"}', "in no state"),
    ('callers: "budgeting"', 'callers: "funding"', "among its callers"),
])
def test_contract_that_contradicts_itself_is_refused(copied_contract, old, new, complaint):
    assert_refused(copied_contract, "sessions.proto", old, new, complaint)


@pytest.mark.parametrize("old, new, complaint", [
    ('only_if: "source=envelope"', 'only_if: "sauce=envelope"', "by sauce, which its request does not have"),
    ('id: "client_id" found_by: "find_client_of_call" only_if: "source=envelope"', 'id: "client_id"',
     "by client_id, which its request does not have"),
])
def test_an_ask_by_a_field_that_is_not_there_is_refused(copied_contract, old, new, complaint):
    assert_refused(copied_contract, "funding.proto", old, new, complaint)


def assert_refused(copied_contract, file, old, new, complaint):
    replace(copied_contract / "proto" / file, old, new)
    result = openapi(copied_contract)
    assert result.returncode != 0
    assert complaint in result.stderr
