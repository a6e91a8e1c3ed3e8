# SPDX-License-Identifier: Apache-2.0
"""`python3 -m referee --dsn DSN [--maildir DIR] [--record FILE] [--faults FILE] [--audit DIR]`: prints what each check
found; exits with 1 when one of them found something."""
import argparse
import sys

from . import books, documents, effects, load, mails, postings, streams, told  # noqa: F401  (they register their checks)
from .evidence import Evidence, judge

FINDINGS_SHOWN = 20


def main():
    options = argparse.ArgumentParser(prog="referee", description=__doc__)
    options.add_argument("--dsn", required=True, help="of the database, as a role that reads every schema")
    options.add_argument("--maildir", help="where the mail sink puts what arrives")
    options.add_argument("--record", help="what the load wrote down, one JSON object a line")
    options.add_argument("--faults", help="what was killed or stalled: one [from, until, what, mails cut off] a line (evidence.py)")
    options.add_argument("--audit", help="the folder that keeps the signed heads of the audit log")
    given = options.parse_args()
    evidence = Evidence(given.dsn, given.maildir, given.record, given.faults, given.audit)
    found = 0
    for what, findings in judge(evidence).items():
        print(f"{'FAULT' if findings else 'holds'}  {what}")
        for finding in findings[:FINDINGS_SHOWN]:
            print(f"       {finding}")
        if len(findings) > FINDINGS_SHOWN:
            print(f"       … and {len(findings) - FINDINGS_SHOWN} more")
        found += len(findings)
    evidence.close()
    return 1 if found else 0


sys.exit(main())
