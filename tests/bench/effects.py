# SPDX-License-Identifier: Apache-2.0
"""From the commit of a write to the commit of its effect in another service, at a steady 500 writes a second: both
moments are PostgreSQL's own (track_commit_timestamp)."""
import json
import socket
import ssl
import threading
import time
import urllib.parse

from facts import is_settled
from figures import percentile, say

WRITES_PER_SECOND = 500
# One write a second into each, so that a session has some ten trainings, as in a client's project.
SESSIONS = 500
CALLERS = 8
SETTLE_SECONDS_MAX = 120
DELAYS = """
select extract(epoch from pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(t.xmin)) * 1000
from sessions.training t join budgeting.ledger_transaction l on l.reference = t.id and l.kind = 'training_added'
where t.created_at > %s"""


class Caller(threading.Thread):
    """Writes on one connection, each at its moment; one that is late doesn't shift the next ones."""

    def __init__(self, stand, sessions, number, started, until):
        super().__init__()
        self.stand, self.sessions, self.number, self.started, self.until = stand, sessions, number, started, until
        self.failures = self.writes = 0

    def connect(self):
        url = urllib.parse.urlsplit(self.stand.stack.url)
        context = ssl.create_default_context(cafile=self.stand.stack.ca_file)
        raw = socket.create_connection((url.hostname, url.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(raw, server_hostname=url.hostname)

    def request(self, number):
        session = self.sessions[number % len(self.sessions)]
        body = json.dumps({"title": "Negotiating with suppliers", "provider": "Formatys", "cost_cents": 1,
                           "vat_rate_bp": 2000, "date": session["start_date"]})
        return (f"POST /v1/sessions/{session['id']}/trainings HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {self.stand.token}\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: effects-{self.started}-{number}\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

    def run(self):
        connection = self.connect()
        number = self.number
        while (due := self.started + number / WRITES_PER_SECOND) < self.until:
            time.sleep(max(0.0, due - time.monotonic()))
            connection.sendall(self.request(number))
            self.failures += not answered(connection).startswith(b"HTTP/1.1 201")
            self.writes += 1
            number += CALLERS
        connection.close()


def answered(connection):
    """An answer, read to the end of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65536)
    return head


def settle(stand):
    """Waits until every event is applied by everybody."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not is_settled(stand.stack) and time.monotonic() < deadline:
        time.sleep(0.2)


def track_commits(stand):
    if stand.stack.query("show track_commit_timestamp") == [("off",)]:
        stand.stack.query("alter system set track_commit_timestamp = on")
        stand.restart()


def measure(stand, table):
    track_commits(stand)
    sessions = [stand.new_session() for _ in range(SESSIONS)]
    settle(stand)
    since = stand.stack.query("select clock_timestamp()")[0][0]
    started = time.monotonic() + 0.1
    seconds = stand.options.seconds * stand.options.rounds
    callers = [Caller(stand, sessions, number, started, started + seconds) for number in range(CALLERS)]
    cpu = stand.cpu_seconds()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    passed = time.monotonic() - started
    cpu, writes = stand.cpu_seconds() - cpu, sum(caller.writes for caller in callers)
    settle(stand)
    delays = [float(delay) for (delay,) in stand.stack.query(DELAYS, since)]
    failures = sum(caller.failures for caller in callers)
    say(f"  {writes} writes in {passed:.1f} s, {failures} refused, {len(delays)} effects; "
        f"the platform used {cpu / passed:.2f} cores")
    note = f"{writes / passed:.0f} writes/s for {passed:.0f} s, from commit to commit"
    table.add("commit to effect in another service, p50", percentile(delays, 50), "ms", most=6, note=note)
    table.add("commit to effect in another service, p99", percentile(delays, 99), "ms", most=25, note=note)
