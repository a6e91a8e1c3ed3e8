# SPDX-License-Identifier: Apache-2.0
"""One stack for the whole run: real PostgreSQL, broker, services, gateway and mail sink."""
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "api"), str(TESTS / "runtime"), str(TESTS.parent / "scripts" / "lib")]

from client import Client, RunningStack, new_operator  # noqa: E402
from declared import undeclared_moves  # noqa: E402

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", ": runtime error: ")


def build_folder():
    """The programs under test."""
    return pathlib.Path(os.environ.get("STACK_BUILD", TESTS.parent / "build" / "debug"))


def sanitizer_findings(stack):
    """Lines of the programs' logs in which a sanitizer complains."""
    for log in stack.logs.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(report in line for report in SANITIZER_REPORTS):
                yield f"{log.name}: {line}"


@pytest.fixture(scope="session")
def start_stack(tmp_path_factory):
    """Starts another stack of its own; all are stopped at the end: `stack = start_stack("--brokers", "2")`."""
    stacks = []

    def start(*options, environment=None):
        stack = RunningStack(tmp_path_factory.mktemp("stack"), build_folder())
        stacks.append(stack)
        stack.start(*options, environment=environment or {})
        return stack

    yield start
    for stack in stacks:
        stack.stop()
    assert [finding for stack in stacks for finding in sanitizer_findings(stack)] == []


@pytest.fixture(scope="session")
def stack(start_stack):
    """The stack that all tests share. No state has changed in it but as the contract says."""
    shared = start_stack()
    yield shared
    assert undeclared_moves(shared) == []


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
