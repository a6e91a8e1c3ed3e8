# SPDX-License-Identifier: Apache-2.0
"""The work of scripts/bench: what there is to measure, in which order, on which stack."""
import argparse
import os
import pathlib
import tempfile

import effects
import growth
import papers
import rates
import recovery
import replay
import resting
from figures import Table, say
from stand import Stand
from stack import REPOSITORY

# In this order: what fills the tables comes last.
PARTS = {"resting": resting.measure, "papers": papers.measure, "rates": rates.measure, "effects": effects.measure,
         "recovery": recovery.measure, "growth": growth.measure, "replay": replay.measure}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", allow_abbrev=False)
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--rounds", type=int, help="repetitions, of which the median counts (3, quick 1)")
    parser.add_argument("--seconds", type=int, help="of one measurement (5, quick 2)")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the data, short: for trying the tool")
    parser.add_argument("--build", type=pathlib.Path, default=REPOSITORY / "build" / "release")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2 if options.quick else 5)
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def main():
    options = arguments()
    table = Table()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.chmod(folder, 0o755)
        stand = Stand(folder, options)
        try:
            stand.start()
            for name, measure in PARTS.items():
                if name in options.only:
                    say(name)
                    measure(stand, table)
        finally:
            stand.stack.stop()
            table.show()


main()
