# SPDX-License-Identifier: Apache-2.0
"""How fast a long stream is numbered, replayed, applied, recorded and rebuilt from: each consumer alone, the others'
couriers stopped."""
import contextlib
import os
import signal
import subprocess
import time

from chain import append
from figures import say
from interference import child, down, stopped

EVENTS = 1_000_000
SLOW_EVENTS = 50_000  # of what does more than a copy for each event
COUNT_SECONDS_MAX = 1800
POLL_SECONDS = 0.05
OUTBOX = """
insert into sessions.outbox (event_id, type, subject, client, project, occurred_at, applied, actor, payload, actor_salt,
    actor_personal)
select gen_random_uuid(), l.type, l.subject, l.client, l.project, l.occurred_at, l.applied, l.actor, l.payload, a.salt,
    a.payload from sessions.event_log l join sessions.event_actor a using (event_id)
where l.sequence > (select sequence - %s from sessions.stream_head) order by l.sequence"""


class Watch:
    """Looks how far something has come, over one connection."""

    def __init__(self, stand, statement):
        self.stand = stand
        self.connection = stand.stack.connect()
        self.cursor = self.connection.cursor()
        self.statement = statement

    def value(self):
        self.cursor.execute(self.statement)
        row = self.cursor.fetchone()
        return row[0] if row else None

    def rate(self, begin, end):
        """Events a second between the first move and the end."""
        started = time.monotonic()
        while (first := self.value()) in (None, begin) and time.monotonic() < started + COUNT_SECONDS_MAX:
            time.sleep(POLL_SECONDS)
        started, before = time.monotonic(), self.stand.cpu_by_program()
        while (now := self.value()) != end and time.monotonic() < started + COUNT_SECONDS_MAX:
            time.sleep(POLL_SECONDS)
        passed, after = time.monotonic() - started, self.stand.cpu_by_program()
        self.connection.close()
        assert now == end, f"stuck at {now}, not {end}"
        count = abs(end - first)
        say("  CPU of an event in µs: " + ", ".join(
            f"{name} {(spent - before.get(name, 0)) / count * 1e6:.0f}" for name, spent in sorted(after.items())
            if spent - before.get(name, 0) > 0.02 * passed))
        return count / max(passed, POLL_SECONDS)


def place(consumer, kind):
    return (f"select sequence from {consumer}.stream_cursor where consumer = '{kind}' and producer = 'sessions'")


def couriers(stand, *programs):
    return [child(stand.stack, program, "courier") for program in programs]


@contextlib.contextmanager
def alone(stand, program):
    """Only this program's courier works; the others are stopped."""
    others = [name for name in stand.stack.place.services() if name != program]
    with stopped(*couriers(stand, *others)):
        yield


def replay(stand, table, count):
    """The projections of invoicing, emptied and asked for from the start."""
    with alone(stand, "invoicing"):
        with down(stand.stack, "invoicing"):
            started = time.monotonic()
            first, last, _ = append(stand.stack, count)
            say(f"  {count} events made in {time.monotonic() - started:.0f} s")
            stand.stack.query("truncate invoicing.training, invoicing.session")
            stand.stack.query("delete from invoicing.stream_cursor where producer = 'sessions'")
        rate = Watch(stand, place("invoicing", "main")).rate(0, last)
        table.add("replay into an empty service", rate, "events/s", least=20_000,
                  note=f"projections of invoicing, {last} events")
        assert stand.stack.query("select count(*) from invoicing.training") == [(len(stand.trainings) + extra(stand)
                                                                                 + count,)]
        rebuild(stand, table, last)


def extra(stand):
    """Trainings that the other parts of the run made."""
    return stand.stack.query("select count(*) from sessions.event_log where type = 'sessions.TrainingAdded' and "
                             "event_id::text < '01a30000'")[0][0] - len(stand.trainings)


def rebuild(stand, table, count):
    place_ = stand.stack.place
    started = time.monotonic()
    subprocess.run([place_.binary("invoicing"), "--rebuild"], env=place_.migrate_environment("invoicing"), check=True,
                   capture_output=True)
    table.add("--rebuild of the same", count / (time.monotonic() - started), "events/s",
              note="beside the running service")


def go_back(stand, consumer, kind, count):
    """The consumer's cursor to a place `count` events before the head, and a fresh courier that begins there."""
    stand.stack.query(
        f"update {consumer}.stream_cursor c set sequence = l.sequence, hash = l.hash from sessions.event_log l "
        f"where c.consumer = '{kind}' and c.producer = 'sessions' and "
        f"l.sequence = (select sequence - %s from sessions.stream_head)", count)
    victim = child(stand.stack, consumer, "courier")
    os.kill(victim, signal.SIGKILL)
    return stand.stack.query("select sequence from sessions.stream_head")[0][0]


def follow(stand, table, consumer, kind, count, what):
    with alone(stand, ""):
        end = go_back(stand, consumer, kind, count)
        rate = Watch(stand, place(consumer, kind)).rate(end - count, end)
        table.add(what, rate, "events/s", note=f"{consumer}, {count} events")


def number(stand, table, count):
    with alone(stand, ""):
        stand.stack.query(OUTBOX, count)
        victim = child(stand.stack, "sessions", "courier")
        os.kill(victim, signal.SIGCONT)
        rate = Watch(stand, "select count(*) from sessions.outbox").rate(count, 0)
        table.add("events numbered and published", rate, "events/s", note=f"{count} events")


def measure(stand, table):
    stand.prepare()
    count, slow = (EVENTS // 20, SLOW_EVENTS // 20) if stand.options.quick else (EVENTS, SLOW_EVENTS)
    replay(stand, table, count)
    follow(stand, table, "budgeting", "main", slow, "events applied by a reaction (ledger)")
    follow(stand, table, "accounts", "audit", slow, "events recorded in the audit log")
    number(stand, table, slow)
