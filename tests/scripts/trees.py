# SPDX-License-Identifier: Apache-2.0
"""A copy of the repository and of what is built of it, for tests that change sources."""
import os
import subprocess

from conftest import TESTS, build_folder
from stack import REPOSITORY

MAKE_SECONDS_MAX = 600
TREE = ("Makefile", ".clang-format", "proto", "services", "gateway", "scripts", "deploy")
LEFT_OUT = "fuzz"  # of tests/: thousands of files that no such test reads
# What make goes on from, so that only what the test changes is built.
BUILT = ("gen", "obj", ".flags", "libescarcelle.a")


def run(folder, *command, **options):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)


def make(tree, *goals):
    """Builds in the copy what its changes ask for."""
    build = build_folder().name
    return run(tree, "make", f"-j{len(os.sched_getaffinity(0))}", f"BUILD=build/{build}",
               f"MODE={build.split('-')[0]}", *[goal.format(build=f"build/{build}") for goal in goals],
               timeout=MAKE_SECONDS_MAX)


def copy_tree(folder):
    """The repository and what is built of it, in an empty folder."""
    built = folder / "build" / build_folder().name
    built.mkdir(parents=True)
    (folder / "tests").mkdir()
    copy((REPOSITORY / name for name in TREE), folder)
    copy((source for source in TESTS.iterdir() if source.name != LEFT_OUT), folder / "tests")
    copy((build_folder() / name for name in BUILT), built)
    return folder


def copy(sources, folder):
    """With their times, by which make goes."""
    subprocess.run(["cp", "-a", *sources, folder], check=True)


def add(tree, name, after, text):
    """Puts a text behind another one, which is there once."""
    path = tree / name
    source = path.read_text(encoding="utf-8")
    assert source.count(after) == 1
    path.write_text(source.replace(after, after + text), encoding="utf-8")
