# SPDX-License-Identifier: Apache-2.0
"""scripts/demo: projects and funding calls in every state, once, however often it runs; on a stack that scripts/run
brought up from nothing, in the foreground, with --demo."""
import signal
import subprocess

import pytest
from client import Client
from conftest import build_folder, sanitizer_findings
from facts import facts, wait_until_settled
from foreground import ForegroundStack
from stack import REPOSITORY, free_port

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
def port():
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, port):
    """One in which nothing else goes on, begun in a folder that is there and empty."""
    stack = ForegroundStack(tmp_path_factory.mktemp("demo"), build_folder())
    stack.state.mkdir()
    stack.start("--demo", "--port", str(port))
    yield stack
    stack.stop()
    assert list(sanitizer_findings(stack)) == []


@pytest.fixture(scope="module")
def admin(stack):
    return Client(stack).log_in(stack.email, stack.password)


def found(admin):
    projects = [project for name in PROJECTS for project in admin.read("/v1/projects", q=name)["projects"]]
    return [(project["name"], (project["status"], project["budget"]["state"], [
        call["status"] for call in admin.read(f"/v1/projects/{project['id']}/funding-calls")["funding_calls"]]))
            for project in projects]


def test_run_tells_each_step_and_how_to_get_in(stack, port):
    printed = stack.printed()
    places = [printed.index(words) for words in (
        "Ctrl-C stops everything", "starting PostgreSQL", "migrating the schemas", "starting the programs",
        "writing the settings", "loading demo data", "Escarcelle is ready")]
    assert places == sorted(places)
    told = dict(line.split(None, 1) for line in printed[places[-1]:].splitlines() if line.startswith("  "))
    assert (told["URL"].split()[0], told["administrator"], told["password"]) == (
        f"https://127.0.0.1:{port}", stack.email, stack.password)
    assert told["certificate"] == stack.ca_file and f"--state {stack.state}" in told["mail"]
    assert told["mail"].split()[2] == str(stack.maildir) and list((stack.maildir / "new").iterdir())
    assert printed.rstrip().endswith("Ctrl-C")


def test_demo_has_projects_in_every_state(admin):
    assert found(admin) == list(PROJECTS.items())


def test_demo_leaves_a_client_that_lacks_something(admin):
    client, = admin.read("/v1/clients", q="Ormeau")["clients"]
    assert client["status"] == "pending"


def test_demo_loaded_again_changes_nothing(stack):
    wait_until_settled(stack)
    before = [facts(stack, service) for service in ("budgeting", "sessions", "funding", "invoicing")]
    clients = stack.query("select * from accounts.client order by id")
    load(stack)
    wait_until_settled(stack)
    assert [facts(stack, service) for service in ("budgeting", "sessions", "funding", "invoicing")] == before
    assert stack.query("select * from accounts.client order by id") == clients


# Lists of every service.
LISTS = {"/v1/clients": "clients", "/v1/projects": "projects", "/v1/invoices": "invoices", "/v1/messages": "messages",
         "/v1/alerts": "alerts"}
BY_PROJECT = {"sessions": "sessions", "funding-calls": "funding_calls", "ledger": "ledger_transactions"}


def everything(admin):
    """What the API shows of every service, list by list."""
    seen = {path: admin.read(path, page_size=200)[name] for path, name in LISTS.items()}
    seen["/v1/settings"] = [admin.read("/v1/settings")]
    for project in seen["/v1/projects"]:
        for part, name in BY_PROJECT.items():
            seen.setdefault(part, []).append(admin.read(f"/v1/projects/{project['id']}/{part}", page_size=200)[name])
    return seen


def test_ctrl_c_stops_all_and_the_next_run_goes_on_with_the_same_data(stack, admin):
    wait_until_settled(stack)
    before, url = everything(admin), stack.url
    assert all(any(rows) for rows in before.values())
    assert stack.end(signal.SIGINT) == 0
    assert stack.printed().splitlines()[-1] == "stopped"
    assert stack.left_behind() == ([], [], False)
    stack.start("--demo")
    assert stack.url == url
    assert "has data already; no demo data is loaded" in stack.printed()
    assert everything(Client(stack).log_in(stack.email, stack.password)) == before
