# SPDX-License-Identifier: Apache-2.0
"""One round of a campaign: load and faults together, then rest, then judgement."""
import collections
import contextlib
import json
import math
import random
import time
from datetime import datetime

from campaign.faults import FREEZE_SECONDS, SENDER
from campaign.load import PAUSE_SECONDS, Caller, Until
from client import Client, wait_until
from cluster import DATABASE, SUPERUSER
from referee import books, documents, effects, load, mails, postings, streams, told  # noqa: F401
from referee.evidence import SERVICES, Evidence, judge
from tables import events_under_way

CALLERS = 8
REST_SECONDS = 180
LEASE_SECONDS = 60  # of a mail (mail_sending.c)
SENDING_SECONDS = 59  # a sender has done with its mail by then, though it lost its session
NOTICED_SECONDS = FREEZE_SECONDS[1] + 1  # a parent that is frozen tells of it afterwards
# What waits for its next attempt needn't wait out its backoff once all is well again; what is being sent is let be.
HURRY = ("update notifications.message set due_at = now() where status in ('queued', 'held') and due_at > now() "
         "and (claimed_by is null or due_at < now() + interval '{left} seconds' "
         "and not exists (select from pg_stat_activity where pid = claimed_by))",
         "update invoicing.invoice_rendering set due_at = now() where due_at > now()")


def deaths_of_senders(stack):
    """Those of notifications' jobs that were killed one by one, as their parent told, for the referee (evidence.py)."""
    told = [json.loads(line) for line in stack.log(SENDER).splitlines() if "jobs was ended by signal" in line]
    moments = [datetime.fromisoformat(line["time"]).timestamp() for line in told]
    return [(moment - NOTICED_SECONDS, moment, "a sender died", 1) for moment in moments]


class Peace:
    """Nothing is done to the stack."""

    done, died = (), collections.Counter()


class Round:
    """A seed decides about the callers' work and the faults; what the machine does in between is chance."""

    def __init__(self, stack, seed, faults=None, callers=CALLERS, token=None, pause=PAUSE_SECONDS):
        self.stack, self.random = stack, random.Random(seed)
        token = token or Client(stack).log_in(stack.email, stack.password).session.headers["Authorization"].split()[1]
        self.until, self.pause = None, pause
        self.seeds = [self.random.randrange(1 << 30) for _ in range(callers)]
        self.token = token
        self.callers, self.faults, self.repeated = [], faults or Peace(), []

    def play(self, seconds, meanwhile=None):
        """The callers work for so long, and as long as something is done meanwhile: faults, or something else."""
        end = time.monotonic() + seconds
        self.until = Until(math.inf, pause=self.pause)
        self.callers = [Caller(self.stack.url, self.stack.ca_file, self.token, seed, self.until) for seed in self.seeds]
        for caller in self.callers:
            caller.start()
        try:
            (meanwhile or self.faults.go_on)(seconds)
        finally:
            self.until.go_on(max(0.0, end - time.monotonic()))
        for caller in self.callers:
            caller.join()
        self.rest(LEASE_SECONDS - SENDING_SECONDS)
        self.until.deadline = time.monotonic() + REST_SECONDS
        self.repeated = [finding for caller in self.callers for finding in caller.repeat()]

    def rest(self, left=LEASE_SECONDS):
        """Until nothing moves any more: events are applied everywhere, mails sent, documents rendered. That takes as
        long as it becomes less; what doesn't is the referee's to find. A mail whose sender has no session any more is sent
        again with so many seconds left of its lease: at once, where nothing but a death ends sessions. Callers stay logged
        in however long it takes."""
        waiting = math.inf
        with contextlib.suppress(AssertionError):
            while waiting:
                waiting, = wait_until(lambda before=waiting: self.fewer(before, left), REST_SECONDS)
                for caller in self.callers:
                    caller.stay()

    def fewer(self, before, left):
        """(how much still waits,) if that is less than before, by a hundredth: looking costs what the stack needs."""
        try:
            for statement in HURRY:
                self.stack.query(statement.format(left=left))
            waiting = self.waiting() + (not self.stack.is_ready())
        except Exception:  # pylint: disable=broad-except
            return None  # the database is still recovering
        return (waiting,) if waiting < before * 0.99 else None

    def waiting(self):
        """How much still waits. One statement sees one moment: what is under way is in one of its places."""
        behind = " + ".join(f"""(select coalesce(sum(h.sequence - c.sequence), 0) from {consumer}.stream_cursor c,
            {producer}.stream_head h where c.producer = '{producer}')""" for consumer in SERVICES for producer in SERVICES)
        [(waiting,)] = self.stack.query(f"""
            select {behind} + (select count(*) from ({events_under_way(self.stack.place.services())}) untold)
                + (select count(*) from notifications.message where status in ('queued', 'held'))
                + (select count(*) from invoicing.invoice_rendering)
                + (select count(*) from budgeting.project where status = 'closing')""")
        return int(waiting)

    def judge(self):
        record = self.stack.state / "record.jsonl"
        record.write_text("".join(json.dumps(write) + "\n" for caller in self.callers
                                  for write in caller.writes.values()), encoding="utf-8")
        faults = self.stack.state / "faults.jsonl"
        faults.write_text("".join(json.dumps(fault) + "\n" for fault in (*self.faults.done, *deaths_of_senders(self.stack))),
                          encoding="utf-8")
        socket = self.stack.place.sockets / "postgres"
        password = self.stack.place.secret(f"{SUPERUSER}.password")
        evidence = Evidence(f"host={socket} dbname={DATABASE} user={SUPERUSER} password={password}",
                            self.stack.maildir, record, faults, self.stack.place.audit)
        failures = [f"{caller.name}: {caller.failure!r}" for caller in self.callers if caller.failure]
        try:
            return {"Every caller was answered at last, and understood it.": failures,
                    "Every write is answered as the first time when it is repeated.": self.repeated} | judge(evidence)
        finally:
            evidence.close()

    def acknowledged(self):
        """How many writes were."""
        return sum(write["acknowledged"] is True for caller in self.callers for write in caller.writes.values())

    def summary(self):
        kinds = collections.Counter(what.split(" for ")[0] for _, _, what, _ in self.faults.done)
        writes = [write for caller in self.callers for write in caller.writes.values()]
        said = collections.Counter(str(write["acknowledged"]) for write in writes)
        lines = [f"{sum(kinds.values())} faults: " + ", ".join(f"{what} × {count}" for what, count in kinds.most_common()),
                 f"{sum(caller.count for caller in self.callers)} writes, repeated "
                 f"{sum(caller.retried for caller in self.callers)} times; named ones: {dict(said)}"]
        lines.insert(1, "died at " + (", ".join(f"{point} × {count}" for point, count in sorted(self.faults.died.items()))
                                      or "no named point"))
        return "\n".join(lines)
