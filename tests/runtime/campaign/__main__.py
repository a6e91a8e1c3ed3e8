# SPDX-License-Identifier: Apache-2.0
"""`scripts/test faults [--minutes N] [--seed S]`: kills under load, heals, and judges."""
import argparse
import pathlib
import random
import shutil
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS), str(TESTS / "api"), str(TESTS / "runtime"), str(TESTS.parent / "scripts" / "lib")]

from campaign.faults import Faults  # noqa: E402
from campaign.round import Round  # noqa: E402
from campaign.stand import Stand  # noqa: E402


def main():
    options = argparse.ArgumentParser(prog="test faults", description=__doc__)
    options.add_argument("--minutes", type=float, default=2)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options.add_argument("--build", default=str(TESTS.parent / "build" / "debug"))
    options.add_argument("--brokers", type=int, default=1, help="how many brokers the stack has")
    options.add_argument("--keep", action="store_true", help="leave the stack's folder for a look")
    given = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="faults-"))
    stand = Stand(folder, pathlib.Path(given.build).resolve(), given.brokers, given.seed)
    print(f"seed {given.seed}, {given.minutes:g} minutes, state in {folder}", flush=True)
    try:
        stand.start()
        played = Round(stand.stack, given.seed, Faults(stand, random.Random(given.seed)), pause=0)
        played.play(given.minutes * 60)
        findings = {"The same command starts everything again.": stand.failures} | played.judge()
    finally:
        stand.stop()
    print(played.summary())
    if played.faults.missed():
        print(f"not hit in so short a time: {', '.join(played.faults.missed())}")
    for what, found in findings.items():
        for finding in found:
            print(f"FAULT  {what} {finding}")
    bad = sum(map(len, findings.values()))
    if not given.keep and not bad:
        shutil.rmtree(folder)
    print(f"{len(findings) - sum(map(bool, findings.values()))} passed, {sum(map(bool, findings.values()))} failed")
    return 1 if bad else 0


sys.exit(main())
