# SPDX-License-Identifier: Apache-2.0
"""What the referee may look at, and the list of its checks."""
import collections
import email
import email.policy
import json
import pathlib
import typing

import psycopg2

SERVICES = ("accounts", "budgeting", "sessions", "funding", "invoicing", "notifications")
CHECKS = []


def check(function):
    """Registers a check: a generator of findings, each one sentence. Its docstring says what must hold."""
    CHECKS.append(function)
    return function


def parsed(content):
    """A mail from its bytes."""
    return email.message_from_bytes(content, policy=email.policy.default)


class Interruption(typing.NamedTuple):
    """A fault, with its moments in seconds since 1970. `mails` is how many mails it may have cut off on their way from
    their sender into its books: one for each sender or connection that it ended; 0 if it made senders or the server wait,
    None if it had nothing to do with them."""

    began: float
    ended: float
    what: str
    mails: typing.Optional[int] = 0


class Evidence:
    """A stack's database, its delivered mails, and what a load wrote down of its requests."""

    def __init__(self, dsn, maildir=None, record=None, faults=None, audit=None):
        self.connection = psycopg2.connect(dsn)
        self.arrived = None
        # One snapshot for all checks.
        self.connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self.maildir = pathlib.Path(maildir) if maildir else None
        self.record = pathlib.Path(record) if record else None
        self.faults = pathlib.Path(faults) if faults else None
        self.audit = pathlib.Path(audit) if audit else None

    def rows(self, statement, *parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                    for row in cursor.fetchall()]

    def value(self, statement, *parameters):
        return self.rows(statement, *parameters)[0][0]

    def mails(self):
        """{Message-ID: its arrivals as (when, bytes), in order} of the mails that the server has."""
        if self.arrived is None:
            self.arrived = collections.defaultdict(list)
            for file in sorted((self.maildir / "new").glob("*")) if self.maildir else ():
                content = file.read_bytes()
                self.arrived[parsed(content)["Message-ID"]].append((file.stat().st_mtime, content))
        return self.arrived

    def interruptions(self):
        """What was killed, cut or stalled."""
        if self.faults is None:
            return []
        return [Interruption(*json.loads(line)) for line in self.faults.read_text(encoding="utf-8").splitlines() if line]

    def requests(self):
        """The load's record: one object per logical write, with its key and what came of it at last."""
        if self.record is None:
            return []
        return [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines() if line]

    def close(self):
        self.connection.close()


def judge(evidence):
    """{what must hold: findings} of every check, in order."""
    return {function.__doc__.strip(): list(function(evidence)) for function in CHECKS}
