# SPDX-License-Identifier: Apache-2.0
"""A long stream, quickly: events of trainings added, chained as the courier chains them, straight into the log."""
import hashlib
import io
import struct
import uuid

from streams import encoded, event_hash, read_log

LINES = 20_000
COLUMNS = ("sequence", "epoch", "event_id", "type", "subject", "client", "project", "occurred_at", "applied", "actor",
           "payload", "actor_hash", "previous_hash", "hash")


class Template:
    """A real event; what is new in its copies is the training, its own id and its place."""

    def __init__(self, event):
        self.event = event
        self.parts = event["payload"].split(event["subject"].encode())
        last = [event["project"], event["occurred_at"], event["actor"], event["applied"]]
        self.owners = encoded(event["client"]) + b"".join(map(encoded, last))
        self.head = encoded("escarcelle.event.1")
        self.actor = event["actor"].hex()

    def payload(self, training):
        return training.encode().join(self.parts)

    def hash(self, previous, sequence, event_id, training, payload, actor_hash):
        event = self.event
        return hashlib.sha256(b"".join((
            self.head, encoded(previous), encoded(event["producer"]), encoded(1), encoded(sequence), encoded(event_id),
            encoded(event["type"]), encoded(training), self.owners, encoded(payload), encoded(None),
            encoded(actor_hash)))).digest()


def templates(query):
    """The last training added to each session."""
    events = {event["project"]: Template(event) for event in read_log(query, "sessions")
              if event["type"] == "sessions.TrainingAdded"}
    for template in events.values():
        event = template.event
        again = template.hash(event["previous_hash"], event["sequence"], event["event_id"], event["subject"],
                              event["payload"], event["actor_hash"])
        assert again == event_hash(event, event["previous_hash"]) == event["hash"], "the layout of hashes has changed"
    return list(events.values())


def new_id(number):
    """A UUID of version 7 that sorts by its number."""
    return str(uuid.UUID(bytes=struct.pack(">IHHQ", 0x01A30000 + (number >> 16), number & 0xFFFF, 0x7000,
                                           0x8000000000000000 | number)))


def lines(query, count, first, previous):
    """(rows of event_log, rows of event_actor, hash of the last) for a stretch of the stream."""
    kinds = templates(query)
    log, actors = [], []
    for number in range(first, first + count):
        kind = kinds[number % len(kinds)]
        event = kind.event
        training, event_id = new_id(2 * number), new_id(2 * number + 1)
        payload = kind.payload(training)
        digest = kind.hash(previous, number, event_id, training, payload, event["actor_hash"])
        log.append("\t".join((
            str(number), "1", event_id, event["type"], training, event["client"], event["project"],
            event["occurred_at"], event["applied"], "\\\\x" + kind.actor, "\\\\x" + payload.hex(),
            "\\\\x" + event["actor_hash"].hex(), "\\\\x" + previous.hex(), "\\\\x" + digest.hex())))
        actors.append("\t".join((event_id, "\\\\x" + event["actor_salt"].hex(),
                                 "\\\\x" + event["actor_personal"].hex())))
        previous = digest
        if len(log) == LINES:
            yield log, actors, previous
            log, actors = [], []
    if log:
        yield log, actors, previous


def append(stack, count):
    """Appends to the stream of sessions, whose courier must not be at work; returns (first, last, hash of the last)."""
    connection = stack.connect()
    connection.autocommit = False
    cursor = connection.cursor()

    def query(statement, *parameters):
        cursor.execute(statement, parameters)
        return cursor.fetchall()

    [(head, previous)] = query("select sequence, hash from sessions.stream_head for update")
    previous = bytes(previous)
    for log, actors, previous in lines(query, count, head + 1, previous):
        cursor.copy_expert(f"copy sessions.event_log ({', '.join(COLUMNS)}) from stdin", io.StringIO("\n".join(log)))
        cursor.copy_expert("copy sessions.event_actor (event_id, salt, payload) from stdin",
                           io.StringIO("\n".join(actors)))
    cursor.execute("update sessions.stream_head set sequence = %s, hash = %s", (head + count, previous))
    connection.commit()
    connection.close()
    stack.query("vacuum (analyze) sessions.event_log, sessions.event_actor")
    return head + 1, head + count, previous
