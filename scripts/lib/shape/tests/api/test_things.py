# SPDX-License-Identifier: Apache-2.0
"""Things: created, read, listed, changed, and told to the audit log."""
import uuid

import pytest
from client import problem, wait_until


@pytest.fixture
def thing(operator):
    return operator.create("/v1/things", {"name": f"Thing {uuid.uuid4()}", "note": "Kept in the cellar"})


def test_a_new_thing_is_read_as_it_was_written(operator, thing):
    assert (thing["note"], thing["version"]) == ("Kept in the cellar", 1)
    assert operator.read(f"/v1/things/{thing['id']}") == thing


def test_a_thing_is_found_by_its_name(operator, thing):
    assert operator.read("/v1/things", q=thing["name"].upper())["things"] == [thing]


def test_a_change_leaves_what_it_does_not_name(operator, thing):
    changed = operator.change(f"/v1/things/{thing['id']}", {"note": None})
    assert "note" not in changed
    assert (changed["name"], changed["version"]) == (thing["name"], 2)


def test_a_stale_change_is_refused(operator, thing):
    operator.change(f"/v1/things/{thing['id']}", {"note": "Kept in the attic"}, if_match='"1.0"')
    problem(operator.patch(f"/v1/things/{thing['id']}", {"note": None}, if_match='"1.0"'), 412, "precondition_failed")


def test_a_name_is_taken_once(operator, thing):
    problem(operator.post("/v1/things", {"name": thing["name"]}), 409, "conflict")


def test_an_unknown_thing_is_not_found(operator):
    problem(operator.get(f"/v1/things/{uuid.uuid4()}"), 404, "not_found")


def test_the_audit_log_tells_of_it(admin, thing):
    def recorded():
        return admin.read("/v1/audit-entries", subject_id=thing["id"])["audit_entries"]
    assert [entry["type"] for entry in wait_until(recorded)] == ["shape.ThingCreated"]
