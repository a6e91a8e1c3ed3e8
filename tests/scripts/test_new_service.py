# SPDX-License-Identifier: Apache-2.0
"""scripts/new-service: what it stamps builds, migrates, is proved at its start, and passes its own test."""
import os
import shutil
import subprocess
import sys

import pytest
from conftest import build_folder
from stack import REPOSITORY

MAKE_SECONDS_MAX = 600
TREE = ("Makefile", ".clang-format", "proto", "services", "gateway", "scripts", "tests")
# What make goes on from, so that only what the new service changes is built.
BUILT = ("gen", "obj", ".flags", "libescarcelle.a")


def copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.exists():
        shutil.copy2(source, target)


def run(folder, *command, **options):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The repository and what is built of it, to be added to."""
    folder = tmp_path_factory.mktemp("tree")
    built = folder / "build" / build_folder().name
    built.mkdir(parents=True)
    for name in TREE:
        copy(REPOSITORY / name, folder / name)
    for name in BUILT:
        copy(build_folder() / name, built / name)
    return folder


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
    build = build_folder().name
    make = run(tree, "make", f"-j{len(os.sched_getaffinity(0))}", f"BUILD=build/{build}", f"MODE={build.split('-')[0]}",
               timeout=MAKE_SECONDS_MAX)
    assert make.returncode == 0, make.stdout + make.stderr
    own_test = run(tree, sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp",
                   tmp_path / "own", "tests/api/test_allergies.py",
                   env=os.environ | {"STACK_BUILD": str(tree / "build" / build)})
    assert own_test.returncode == 0, own_test.stdout
    assert " passed" in own_test.stdout and "skipped" not in own_test.stdout
