# SPDX-License-Identifier: Apache-2.0
"""Faults planted in the event core: the simulation finds each, by the check that is meant for it."""
import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest
from planted import Builds

SIMULATE = "bin/simulation/simulate"
SEED, STEPS = 1, 5_000_000  # as far as the sound one goes in test_simulation.py
EVENT = "[0-9a-f-]{36}"
# What breaks, and what the simulation must say.
FAULTS = {
    # Consumers apply what is rolled back afterwards, and diverge for ever.
    "publish_before_commit": r"\w+:\d+ is published before it is stored",
    # A crash between the two loses the effect.
    "cursor_outside_transaction": r"event \d+ of \w+ took effect 0 times in \w+",
    # A transaction that is given up leaves a gap, one that commits late comes before others.
    "sequence_from_serial": r"\w+:\d+ is numbered behind \d+",
    # A courier that was stopped goes on numbering although another one does.
    "fence_forgotten": r"\w+ is numbered by a courier that has lost the lease to another one",
    # A project's closing overtakes the completion that it counted.
    "causal_wait_forgotten": rf"{EVENT} is applied in \w+ before \w+:\d+",
    # What follows a parked event is applied before it.
    "parked_order_ignored": rf"{EVENT} is applied in \w+ before a parked one of its project",
    # Two couriers apply the same event, or one does so again whose answer was lost.
    "moved_cursor_unnoticed": r"event \d+ took effect twice in \w+",
    # A database that is away for a moment stops a project until an administrator comes.
    "transient_error_parked": rf"{EVENT} is parked in \w+ although nothing is wrong with it: .*",
    # A lost publication is never asked for.
    "gap_passed_over": r"event \d+ of \w+ took effect 0 times in \w+|\w+ goes from \S+ to \d+, which is on another chain",
    # A producer that was restored alone is followed, by consumers that know what it has forgotten.
    "epoch_adopted_unseen": r"\w+ goes from \w+:\d+:\d+ to \d+, which is on another chain",
}


def simulate(program):
    return subprocess.run([program, "--seed", str(SEED), "--steps", str(STEPS)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{fault: its simulation, under way}; one is built while others run."""
    folder = tmp_path_factory.mktemp("planted")
    builds = Builds(folder)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        under_way = {}
        for fault in FAULTS:
            with builds.planted(fault, SIMULATE) as program:
                under_way[fault] = pool.submit(simulate, shutil.copy2(program, folder / fault))
        yield under_way
    shutil.rmtree(folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_simulation_finds_what_is_planted(runs, fault):
    found = runs[fault].result()
    assert found.returncode == 1, found.stdout + found.stderr
    assert re.fullmatch(rf"seed \d+, step \d+: (?:{FAULTS[fault]})", found.stdout.strip()), found.stdout
