# SPDX-License-Identifier: Apache-2.0
"""The event core in simulated worlds, millions of steps of crashes, stalls and losses."""
import concurrent.futures
import pathlib
import re
import subprocess

import pytest
from conftest import TESTS, build_folder

STEPS = 10_000_000
HALVES = 2
SEEDS = [line.split()[0] for line in (TESTS / "simulation" / "seeds.txt").read_text(encoding="utf-8").splitlines()
         if not line.startswith("#")]


def simulate(*options):
    """What the program says in the end."""
    program = pathlib.Path(build_folder()) / "bin" / "simulation" / "simulate"
    result = subprocess.run([program, *map(str, options)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_event_takes_effect_once_in_causal_order_whatever_fails():
    """A failing seed is in the output: keep it in tests/simulation/seeds.txt."""
    with concurrent.futures.ThreadPoolExecutor(HALVES) as halves:
        said = list(halves.map(lambda half: simulate("--seed", 1 + 1000 * half, "--steps", STEPS // HALVES), range(HALVES)))
    assert sum(int(re.search(r"(\d+) steps", text).group(1)) for text in said) >= STEPS


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_that_failed_once_is_whole(seed):
    simulate("--seed", seed, "--steps", 1)


def test_the_same_seed_is_the_same_world():
    assert simulate("--seed", 7, "--steps", 1) == simulate("--seed", 7, "--steps", 1)
