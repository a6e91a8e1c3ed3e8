# SPDX-License-Identifier: Apache-2.0
"""Which tests prove which rule. A test names its rules at the start of its name: test_inv_8_a_credit_note_…,
test_bud_6_bud_10_… for two; in C without `test_`. tests/rules.tsv lists the rules."""
import pathlib
import re

RULES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "rules.tsv"
NAMED = re.compile(r"^(?:test_)?((?:[a-z]{3}_\d+_)+)")


def rules():
    """The titles by rule."""
    lines = RULES.read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def named_by(test):
    """The rules that a test's name says it proves."""
    match = NAMED.match(test)
    return [f"{area.upper()}-{number}" for area, number in re.findall(r"([a-z]{3})_(\d+)_", match.group(1))] if match else []


def report(tests):
    """(lines, how many failures): each rule with its number of tests; one without a test, or unknown, is a failure."""
    known, counts, unknown = rules(), {}, set()
    for test in tests:
        for rule in named_by(test):
            counts[rule] = counts.get(rule, 0) + 1
            unknown |= {rule} - set(known)
    lines = [f"{rule:7}{counts.get(rule, 0):4}  {title}{'' if counts.get(rule) else '  WITHOUT A TEST'}"
             for rule, title in known.items()]
    lines += [f"{rule:7}      named by a test, but not in tests/rules.tsv" for rule in sorted(unknown)]
    return ["rule  tests", *lines], sum(rule not in counts for rule in known) + len(unknown)
