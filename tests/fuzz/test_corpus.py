# SPDX-License-Identifier: Apache-2.0
"""Every fuzz target over its corpus: what was once found stays mended."""
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS_DIR", HERE.parents[1] / "build" / "debug" / "bin")) / "fuzz"
TARGETS = sorted(file.stem for file in HERE.glob("fuzz_*.c"))


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_is_played_without_a_fault(target):
    corpus = HERE / "corpus" / target
    played = subprocess.run([PROGRAMS / target, corpus], capture_output=True, text=True, errors="replace", check=False)
    lines = played.stdout.splitlines()
    assert played.returncode == 0, f"{lines[-1] if lines else target}\n{played.stderr}"
    assert lines[-1] == f"{len(list(corpus.iterdir()))} inputs" and len(lines) > 1
