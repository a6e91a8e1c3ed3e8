# SPDX-License-Identifier: Apache-2.0
"""scripts/demo: projects and funding calls in every state, once, however often it runs."""
import subprocess

import pytest
from client import Client
from facts import facts, wait_until_settled
from stack import REPOSITORY

DEMO_SECONDS_MAX = 120
# (status, state of the budget, states of the funding calls)
PROJECTS = {
    "Bureautique 2026": ("closed", "alert", []),
    "Académie commerciale": ("open", "ok", ["accepted"]),
    "Sécurité au travail": ("open", "alert", ["sent"]),
    "Langues": ("open", "overrun", ["sent"]),
    "Conduite de chantier": ("open", "alert", ["declined"]),
    "Accueil du public": ("open", "ok", ["draft"]),
    "Leadership programme": ("open", "ok", []),
    "Change management": ("closed", "alert", ["accepted"]),
}


def load(stack):
    subprocess.run([REPOSITORY / "scripts" / "demo", stack.place.access_file], check=True, timeout=DEMO_SECONDS_MAX)


@pytest.fixture(scope="module")
def stack(start_stack):
    """One in which nothing else goes on."""
    return start_stack()


@pytest.fixture(scope="module")
def admin(stack):
    return Client(stack).log_in(stack.email, stack.password)


@pytest.fixture(scope="module")
def demo(stack):
    load(stack)


def found(admin):
    projects = [project for name in PROJECTS for project in admin.read("/v1/projects", q=name)["projects"]]
    return [(project["name"], (project["status"], project["budget"]["state"], [
        call["status"] for call in admin.read(f"/v1/projects/{project['id']}/funding-calls")["funding_calls"]]))
            for project in projects]


def test_demo_has_projects_in_every_state(admin, demo):
    assert found(admin) == list(PROJECTS.items())


def test_demo_leaves_a_client_that_lacks_something(admin, demo):
    client, = admin.read("/v1/clients", q="Ormeau")["clients"]
    assert client["status"] == "pending"


def test_demo_loaded_again_changes_nothing(stack, admin, demo):
    wait_until_settled(stack)
    before = [facts(stack, service) for service in ("budgeting", "sessions", "funding", "invoicing")]
    clients = stack.query("select * from accounts.client order by id")
    load(stack)
    wait_until_settled(stack)
    assert [facts(stack, service) for service in ("budgeting", "sessions", "funding", "invoicing")] == before
    assert stack.query("select * from accounts.client order by id") == clients
