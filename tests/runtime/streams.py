# SPDX-License-Identifier: Apache-2.0
"""The event streams of a stack: their chains, computed anew from the layout in events.h, what the ledger made
of them, and publications with a program's own key."""
import contextlib
import datetime
import hashlib

import zmq
from client import expect, wait_until
from event_messages import message_type

SERVICES = ("accounts", "budgeting", "sessions", "funding", "invoicing", "notifications")
LOG = ("select l.sequence, l.epoch, event_id::text, l.type, l.subject::text, l.client::text, l.project::text, "
       "l.occurred_at, l.applied, l.actor, l.payload, l.personal_hash, l.actor_hash, l.previous_hash, l.hash, p.salt, "
       "p.payload, a.salt, a.payload from {0}.event_log l left join {0}.event_personal p using (event_id) "
       "left join {0}.event_actor a using (event_id) order by l.sequence")
NAMES = ("sequence", "epoch", "event_id", "type", "subject", "client", "project", "occurred_at", "applied", "actor",
         "payload", "personal_hash", "actor_hash", "previous_hash", "hash", "personal_salt", "personal", "actor_salt",
         "actor_personal")
GENESIS = bytes(32)


@contextlib.contextmanager
def connected(stack):
    """stack.query on one connection, which sees the tables as they are at its first statement."""
    with contextlib.closing(stack.connect()) as connection, connection.cursor() as open_cursor:
        connection.set_session(isolation_level="REPEATABLE READ", autocommit=False)
        def query(statement, *parameters):
            open_cursor.execute(statement, parameters)
            return open_cursor.fetchall()
        yield query


def read_log(query, service):
    """The events of a service as {column: value}, in order."""
    events = []
    for row in query(LOG.format(service)):
        event = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in zip(NAMES, row)}
        event["producer"] = service
        event["occurred_at"] = event["occurred_at"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        events.append(event)
    return events


def log(stack, service):
    return read_log(stack.query, service)


def head(stack, service):
    return stack.query(f"select sequence from {service}.stream_head")[0][0]


def cursor(stack, consumer, producer):
    """How far a service has applied another's stream."""
    return stack.query(f"select sequence from {consumer}.stream_cursor where consumer = 'main' and producer = %s",
                       producer)[0][0]


def followers(stack, producer):
    """The services that follow a stream, for their own use or for the audit log."""
    return [service for service in SERVICES if stack.query(
        f"select 1 from {service}.stream_cursor where consumer in ('main', 'audit') and producer = %s", producer)]


def begin_epoch(stack, service, lost=0):
    """What restoring a service's schema does to its stream: the last events are gone, a new epoch begins. Returns the
    last place that is left."""
    place = head(stack, service) - lost
    stack.query(f"""
        with cut as (delete from {service}.event_log where sequence > %s),
        last as (select sequence, hash from {service}.event_log where sequence = %s),
        begun as (insert into {service}.stream_epoch (epoch, first_sequence, previous_hash)
            select (select max(epoch) + 1 from {service}.stream_epoch), sequence + 1, hash from last returning epoch)
        update {service}.stream_head set epoch = begun.epoch, sequence = last.sequence, hash = last.hash
        from begun, last""", place, place)
    return place


def set_back(stack, consumer, producer, place):
    """What restoring a consumer does to its cursors of a stream."""
    stack.query(f"update {consumer}.stream_cursor c set epoch = l.epoch, sequence = l.sequence, hash = l.hash "
                f"from {producer}.event_log l where c.producer = %s and l.sequence = %s", producer, place)


# ── the chain ───────────────────────────────────────────────────────────────────────────────────


def encoded(value):
    """A field as the chain hashes it: length, bytes; absence is a length of its own."""
    if value is None:
        return b"\xff\xff\xff\xff"
    if isinstance(value, int):
        value = value.to_bytes(8, "big")
    if isinstance(value, str):
        value = value.encode()
    return len(value).to_bytes(4, "big") + value


def event_hash(event, previous):
    fields = ["escarcelle.event.1", previous, event["producer"], event["epoch"], event["sequence"], event["event_id"],
              event["type"], event["subject"], event["client"], event["project"], event["occurred_at"],
              event["actor"], event["applied"], event["payload"], event["personal_hash"], event["actor_hash"]]
    return hashlib.sha256(b"".join(map(encoded, fields))).digest()


def assert_chain(query, service):
    """The log has no gap, every hash is right, what lies beside is what was hashed, the head is the last event."""
    previous, place, epoch = GENESIS, 0, 0
    begins = {first: number for number, first in query(f"select epoch, first_sequence from {service}.stream_epoch")}
    for event in read_log(query, service):
        place += 1
        epoch = begins.get(place, epoch)
        assert (event["epoch"], event["sequence"]) == (epoch, place), f"{service} has a gap"
        assert event["previous_hash"] == previous, f"{service}:{place} does not follow"
        assert event["hash"] == event_hash(event, previous), f"{service}:{place} has a wrong hash"
        for part, whose in (("personal", "personal"), ("actor_personal", "actor")):
            if event[part] is not None:
                expected = hashlib.sha256(event[f"{whose}_salt"] + event[part]).digest()
                assert event[f"{whose}_hash"] == expected, f"{service}:{place} has a wrong {part} part"
        previous = event["hash"]
    [(newest, sequence, last)] = query(f"select epoch, sequence, hash from {service}.stream_head")
    assert (newest, sequence, bytes(last)) == (max(begins.values()), place, previous), \
        f"{service}'s head is not its last event"


def assert_chains(stack):
    """All chains are right, and every consumer stands on them."""
    with connected(stack) as query:
        for service in SERVICES:
            assert_chain(query, service)
        start = f"decode('{GENESIS.hex()}', 'hex')"
        places = " union all ".join(f"select '{service}', sequence, hash from {service}.event_log "
                                    f"union all select '{service}', 0, {start}" for service in SERVICES)
        for consumer in SERVICES:
            strays = query(f"select producer, sequence from {consumer}.stream_cursor "
                           f"where consumer in ('main', 'audit') and (producer, sequence, hash) not in ({places})")
            assert strays == [], f"{consumer} left a chain"


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────


def costs_posted(stack, project):
    """What the ledger has of a project's added trainings: [(training, cents)], one for each posting."""
    return sorted(stack.query(
        "select t.reference::text, sum(e.amount_cents)::bigint from budgeting.ledger_transaction t "
        "join budgeting.ledger_entry e on e.transaction_id = t.id and e.account = 'planned' "
        "where t.kind = 'training_added' and t.project_id = %s group by t.id, t.reference", project["id"]))


def costs_of(trainings):
    """The same from what the API answered."""
    return sorted((training["id"], training["cost_cents"]) for training in trainings)


def wait_until_posted(stack, project, trainings):
    """Waits until the ledger has these trainings; then it has each once and no other."""
    wait_until(lambda: len(costs_posted(stack, project)) >= len(trainings))
    assert costs_posted(stack, project) == costs_of(trainings)


def tell_budgeting_something_else(stack, admin, project):
    """An event of another stream, applied by budgeting after all that was delivered to it before."""
    expect(admin.post(f"/v1/projects/{project['id']}/funding-calls",
                      {"requested_cents": 100_00, "call_date": "2027-01-15"}), 201)
    wait_until(lambda: stack.query("select 1 from funding.outbox") == []
               and cursor(stack, "budgeting", "funding") == head(stack, "funding"))


def projections(stack, service):
    """The rows of a service's projections by table."""
    tables = stack.query("select table_name from information_schema.columns where table_schema = %s "
                         "and column_name = 'deleted' order by 1", service)
    return {table: sorted(stack.query(f"select t::text from {service}.{table} t")) for (table,) in tables}


# ── publications ────────────────────────────────────────────────────────────────────────────────


def published(*events):
    """A publication's bytes from events of a log."""
    message = message_type("wire.Events")()
    for event in events:
        message.events.add(**{name: value for name, value in event.items() if value is not None})
    return message.SerializeToString()


class Wire:
    """Publishes as one program and hears what the broker forwards of it, with the program's own key."""

    def __init__(self, stack, program):
        self.program = program
        keys, address = stack.place.keys, stack.place.broker_addresses(1)[0]
        self.heard = self._connect(zmq.SUB, keys, f"{address}-subscribe")
        self.heard.setsockopt(zmq.SUBSCRIBE, f"{program}:E".encode())
        self.said = self._connect(zmq.PUB, keys, f"{address}-publish")

    def _connect(self, kind, keys, address):
        socket = zmq.Context.instance().socket(kind)
        socket.linger = 0
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.curve_secretkey = (keys / f"{self.program}.secret").read_bytes().strip()
        socket.curve_publickey = (keys / f"{self.program}.public").read_bytes().strip()
        socket.curve_serverkey = (keys / "broker.public").read_bytes().strip()
        socket.connect(address)
        return socket

    def publish(self, body):
        """Returns when the broker has forwarded it to all who listen."""
        def forwarded():
            self.said.send_multipart([f"{self.program}:E".encode(), body])
            return self.heard.poll(200) and self._hears(body)
        wait_until(forwarded)

    def flood(self, body, times):
        """So many publications of the same; returns when the broker has forwarded the last."""
        chunk = 500
        for begun in range(0, times, chunk):
            for _ in range(chunk):
                self.said.send_multipart([f"{self.program}:E".encode(), body])
            self.publish(f"{begun} until now".encode())

    def _hears(self, body):
        with contextlib.suppress(zmq.Again):
            while True:
                if self.heard.recv_multipart(zmq.NOBLOCK)[1] == body:
                    return True
        return False

    def close(self):
        self.heard.close()
        self.said.close()


@contextlib.contextmanager
def wire(stack, program):
    connected = Wire(stack, program)
    try:
        yield connected
    finally:
        connected.close()
