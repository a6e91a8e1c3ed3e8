# SPDX-License-Identifier: Apache-2.0
"""scripts/new-service: what it stamps builds, migrates, is proved at its start, and passes its own test."""
import os
import sys

import pytest
from conftest import build_folder
from trees import copy_tree, make, run


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_tree(tmp_path_factory.mktemp("tree"))


def new_service(tree, *names):
    return run(tree, "scripts/new-service", *names)


@pytest.mark.parametrize("names, reason", [
    (("Catering",), "lower-case"),
    (("accounts",), "there already"),
    (("gateway", "door"), "there already"),
    (("catering",), "name its object"),
    (("catering", "user"), "an object of accounts already"),
])
def test_a_name_that_is_no_good_is_refused(tree, names, reason):
    result = new_service(tree, *names)
    assert result.returncode == 1
    assert reason in result.stderr
    assert not (tree / "services" / "catering").exists()


def test_a_stamped_service_is_whole(tree, tmp_path):
    """It is built with no other file touched, and its own test passes on a stack that has migrated and proved it."""
    stamped = new_service(tree, "catering", "allergy")
    assert stamped.returncode == 0, stamped.stderr
    assert "services/catering/allergies.c" in stamped.stdout.splitlines()
    built = make(tree)
    assert built.returncode == 0, built.stdout + built.stderr
    own_test = run(tree, sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp",
                   tmp_path / "own", "tests/api/test_allergies.py",
                   env=os.environ | {"STACK_BUILD": str(tree / "build" / build_folder().name)})
    assert own_test.returncode == 0, own_test.stdout
    assert " passed" in own_test.stdout and "skipped" not in own_test.stdout
