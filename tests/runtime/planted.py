# SPDX-License-Identifier: Apache-2.0
"""Faults that are planted in a copy of the sources: tests/planted/<name>.patch switches one on, in a test build only."""
import contextlib

from conftest import TESTS
from trees import copy_tree, make, run

PATCHES = TESTS / "planted"


def patch(tree, name, *options):
    """A patch that does not fit any more fails: it is to be written anew, or the fault can't be made any more."""
    done = run(tree, "patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", *options, "-i", PATCHES / f"{name}.patch")
    assert done.returncode == 0, f"{name}.patch: {done.stdout}{done.stderr}"


class Builds:
    """One copy of the tree, in which one fault at a time is built."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = copy_tree(folder / "tree")

    @contextlib.contextmanager
    def planted(self, name, goal):
        """The path of a program of build/<mode>/, with the fault in it, until the next one is planted."""
        patch(self.tree, name)
        try:
            built = make(self.tree, "{build}/" + goal)
            assert built.returncode == 0, built.stdout + built.stderr
            yield next(self.tree.glob(f"build/*/{goal}"))
        finally:
            patch(self.tree, name, "-R")
