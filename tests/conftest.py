# SPDX-License-Identifier: Apache-2.0
"""One stack for the whole run: real PostgreSQL, broker, services, gateway and mail sink."""
import contextlib
import fcntl
import os
import pathlib
import re
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "api"), str(TESTS / "runtime"), str(TESTS / "scripts"), str(TESTS.parent / "scripts" / "lib")]

from client import Client, RunningStack, new_operator  # noqa: E402
from declared import undeclared_moves  # noqa: E402

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", ": runtime error: ")


# Files that take long: begun first, so that none of them is left when the others are done.
LONG = ("test_campaign", "test_random_operations", "test_simulation", "test_restore", "test_database", "test_rebuild",
        "test_planted_in_services", "test_ops_watch", "test_run", "test_fourth_basis", "test_new_service", "test_tour",
        "test_demo", "test_pages", "test_overload", "test_streams", "test_events", "test_restart", "test_mail_queue")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def build_folder():
    """The programs under test."""
    return pathlib.Path(os.environ.get("STACK_BUILD", TESTS.parent / "build" / "debug"))


# ASan keeps back what was freed.
QUARANTINE_KIB = 256 << 10 if build_folder().name == "asan" else 0


def sanitizer_findings(stack):
    """Lines of the programs' logs in which a sanitizer complains."""
    for log in stack.logs.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(report in line for report in SANITIZER_REPORTS):
                yield f"{log.name}: {line}"


def crashes(stack):
    """Lines of the programs' logs that tell of a process that ended itself; killing one is a test's right."""
    for log in stack.logs.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if re.search(r"was ended by signal (4|6|7|8|11);", line):
                yield f"{log.name}: {line}"


def prepared_state(tmp_path_factory):
    """The state of a stack that was started once, made by the first of this run's processes that asks for it."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "prepared"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack = RunningStack(folder, build_folder())
        if not (folder / "made").exists():
            stack.start()
            stack.stop()
            stack.place.ports_file.unlink()  # its copies choose theirs
            (folder / "made").touch()
    return stack.state


@contextlib.contextmanager
def stacks_of_its_own(tmp_path_factory):
    """A function that starts a stack; all of them are stopped at the end. That one comes up from nothing is shown by
    tests/scripts; here it goes on from a state that was."""
    stacks = []

    def start(*options, environment=None):
        stack = RunningStack(tmp_path_factory.mktemp("stack"), build_folder())
        subprocess.run(["cp", "-a", prepared_state(tmp_path_factory), stack.state], check=True)
        stacks.append(stack)
        stack.start(*options, environment=environment or {})
        return stack

    yield start
    for stack in stacks:
        stack.stop()
    assert [finding for stack in stacks for finding in sanitizer_findings(stack)] == []


@pytest.fixture(scope="module")
def start_stack(tmp_path_factory):
    """Starts another stack, of this file's own: `stack = start_stack("--brokers", "2")`."""
    with stacks_of_its_own(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """The stack that all tests share. No state has changed in it but as the contract says, and nothing
    has crashed."""
    with stacks_of_its_own(tmp_path_factory) as start:
        shared = start()
        yield shared
        assert undeclared_moves(shared) == []
        assert list(crashes(shared)) == []


@pytest.fixture(scope="session")
def admin(stack):
    """The first administrator, logged in."""
    return Client(stack).log_in(stack.email, stack.password)


@pytest.fixture(scope="session")
def operator(stack, admin):
    """An operator who took up an invitation, logged in."""
    return new_operator(stack, admin)


@pytest.fixture
def anonymous(stack):
    """Somebody without a token."""
    return Client(stack)
