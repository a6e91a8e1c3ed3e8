# SPDX-License-Identifier: Apache-2.0
"""What the referee may look at, and the list of its checks."""
import email
import email.policy
import json
import pathlib

import psycopg2

SERVICES = ("accounts", "budgeting", "sessions", "funding", "invoicing", "notifications")
CHECKS = []


def check(function):
    """Registers a check: a generator of findings, each one sentence. Its docstring says what must hold."""
    CHECKS.append(function)
    return function


class Evidence:
    """A stack's database, its delivered mails, and what a load wrote down of its requests."""

    def __init__(self, dsn, maildir=None, record=None, crashes=0):
        self.connection = psycopg2.connect(dsn)
        # One snapshot for all checks.
        self.connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self.maildir = pathlib.Path(maildir) if maildir else None
        self.record = pathlib.Path(record) if record else None
        self.crashes = crashes

    def rows(self, statement, *parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                    for row in cursor.fetchall()]

    def value(self, statement, *parameters):
        return self.rows(statement, *parameters)[0][0]

    def mails(self):
        """The mails that the sink has, by Message-ID: how often each arrived, and the last copy."""
        found = {}
        for file in sorted((self.maildir / "new").glob("*")) if self.maildir else ():
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            copies, _ = found.get(mail["Message-ID"], (0, None))
            found[mail["Message-ID"]] = (copies + 1, mail)
        return found

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
