# SPDX-License-Identifier: Apache-2.0
"""The event streams: gapless, chained, numbered, applied by all, recorded by the audit log."""
import hashlib
import json

from .contract import decode, leaves, object_of, plain
from .evidence import SERVICES, check

GENESIS = bytes(32)
FIRST_HEAD_SECONDS_MAX = 60  # since the first entry; the head is looked at every other second
LOG = """
select l.sequence, l.epoch, l.event_id::text, l.type, l.subject::text, l.client::text, l.project::text,
       to_char(l.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), l.actor, l.applied, l.payload,
       l.personal_hash, l.actor_hash, l.previous_hash, l.hash, p.salt, p.payload, a.salt, a.payload
from {0}.event_log l left join {0}.event_personal p using (event_id) left join {0}.event_actor a using (event_id)
order by l.sequence"""


def field(value):
    """Length and bytes; what is absent has a length of its own."""
    if value is None:
        return b"\xff\xff\xff\xff"
    if isinstance(value, int):
        value = value.to_bytes(8, "big")
    elif isinstance(value, str):
        value = value.encode()
    return len(value).to_bytes(4, "big") + value


def digest(*values):
    return hashlib.sha256(b"".join(field(value) for value in values)).digest()


def faults_of(service, rows):
    expected, previous = 1, GENESIS
    for (sequence, epoch, event_id, kind, subject, client, project, occurred_at, actor, applied, payload, personal_hash,
         actor_hash, previous_hash, own, salt, personal, actor_salt, actor_personal) in rows:
        place = f"{service}:{sequence}"
        if sequence != expected:
            yield f"{place} follows {expected - 1}"
        if previous_hash != previous:
            yield f"{place} does not name the hash of the event before"
        if own != digest("escarcelle.event.1", previous_hash, service, epoch, sequence, event_id, kind, subject, client,
                         project, occurred_at, actor, applied, payload, personal_hash, actor_hash):
            yield f"{place} does not match its hash"
        if salt is not None and hashlib.sha256(salt + personal).digest() != personal_hash:
            yield f"{place}: its personal part does not match"
        if actor_salt is not None and hashlib.sha256(actor_salt + actor_personal).digest() != actor_hash:
            yield f"{place}: its actor does not match"
        expected, previous = sequence + 1, own


@check
def chains(evidence):
    """Every stream is gapless and chained, and its head is its last event."""
    for service in SERVICES:
        rows = evidence.rows(LOG.format(service))
        yield from faults_of(service, rows)
        head = evidence.rows(f"select sequence, hash from {service}.stream_head")[0]
        last = (rows[-1][0], rows[-1][14]) if rows else (0, GENESIS)
        if head != last:
            yield f"the head of {service} is {head[0]}, its last event {last[0]}"


@check
def outboxes(evidence):
    """Nothing waits in an outbox, and nothing is parked."""
    for service in SERVICES:
        for table in ("outbox", "parked_event"):
            count = evidence.value(f"select count(*) from {service}.{table}")
            if count:
                yield f"{service}.{table} holds {count} rows"


@check
def cursors(evidence):
    """Every consumer has come to the head of each stream that it follows, and no further."""
    for service in SERVICES:
        for consumer, producer, epoch, sequence, own in evidence.rows(
                f"select consumer, producer, epoch, sequence, hash from {service}.stream_cursor"):
            head = evidence.rows(f"select epoch, sequence, hash from {producer}.stream_head")[0]
            if (sequence, own) != head[1:]:
                yield f"{service} ({consumer}) is at {producer}:{epoch}:{sequence}, the head is {head[0]}:{head[1]}"


@check
def audit(evidence):
    """The audit log has each event of each stream once, in a gapless chain."""
    rows = evidence.rows("""
        select sequence::text, id::text, producer, epoch::text, stream_sequence::text, type,
               to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor_kind, actor_id, actor_role,
               subject_id::text, client_id::text, project_id::text, request_id, caused_by::text, changes,
               encode(personal_hash, 'hex'), encode(actor_hash, 'hex'), encode(event_hash, 'hex'), previous_hash, hash
        from accounts.audit_entry e order by e.sequence""")
    previous = GENESIS
    for position, row in enumerate(rows, 1):
        if int(row[0]) != position:
            yield f"audit entry {row[0]} stands at place {position}"
        own = hashlib.sha256(previous + b"".join(field(value) for value in ("escarcelle.audit.1", *row[:20]))).digest()
        if row[20] != previous or row[21] != own:
            yield f"audit entry {row[0]} does not fit the chain"
        previous = row[21]
    for service in SERVICES:
        lacking = evidence.value(f"""
            select count(*) from {service}.event_log l full join
                (select stream_sequence, event_hash from accounts.audit_entry where producer = %s) a
                on a.stream_sequence = l.sequence where a.event_hash is distinct from l.hash""", service)
        if lacking:
            yield f"{lacking} events of {service} are not in the audit log as they are in its stream"


@check
def kept_heads(evidence):
    """Every signed head of the audit log that is kept outside the database is on its chain."""
    if evidence.audit is None:
        return
    heads = evidence.audit / "heads"
    if not heads.exists():  # a log just begun has none yet
        if evidence.value(f"select min(recorded_at) < now() - interval '{FIRST_HEAD_SECONDS_MAX} s' from accounts.audit_entry"):
            yield f"no head of the audit log is kept in {evidence.audit}"
        return
    kept = [line.split() for line in heads.read_text(encoding="ascii").splitlines()]
    chain = dict(evidence.rows("select sequence, hash from accounts.audit_entry where sequence = any(%s)",
                               [int(sequence) for sequence, *_ in kept]))
    for sequence, head, _ in kept:
        if chain.get(int(sequence), b"").hex() != head:
            yield f"the kept head {sequence} is not on the chain"


@check
def personal_kept(evidence):
    """What is personal lies beside its event until it is forgotten, and only then it does not."""
    for service in SERVICES:
        for sequence, kind in evidence.rows(f"""
                select l.sequence, l.type from {service}.event_log l where l.personal_hash is not null
                and not exists (select from {service}.event_personal p where p.event_id = l.event_id)
                and not exists (select from {service}.erased_client e where e.client = l.client)"""):
            yield f"{service}:{sequence} ({kind}) has lost its personal part"
        for event, in evidence.rows(f"select event_id from {service}.event_personal p join {service}.erased_client e using (client)"):
            yield f"the personal part of {service}'s event {event} outlived its client"


@check
def told_in_order(evidence):
    """An object's versions rise in its stream, one by one."""
    for service in SERVICES[:5]:
        last = {}
        for sequence, kind, subject, payload in evidence.rows(
                f"select sequence, type, subject, payload from {service}.event_log where subject is not null order by sequence"):
            told = object_of(decode(kind, payload), subject)
            if told is None:
                continue
            before = last.get((told.DESCRIPTOR.name, subject))
            if before is not None and told.version not in (before, before + 1):
                yield f"{service}:{sequence} {kind} tells version {told.version} of {subject} after {before}"
            last[told.DESCRIPTOR.name, subject] = told.version


def full(value):
    """A value of JSON without the lists that are empty: an event does not have them."""
    if isinstance(value, dict):
        return {name: full(item) for name, item in value.items() if item != []}
    return [full(item) for item in value] if isinstance(value, list) else value


# What every change moves is not said each time.
BOOKKEEPING = {"version", "revision", "updated_at"}


@check
def before_and_after(evidence):
    """The audit log says of each event what its object was like before, and what the event made of it."""
    told = {}
    for service in SERVICES:
        for event, kind, subject, payload in evidence.rows(
                f"select event_id, type, subject, payload from {service}.event_log where subject is not null"):
            found = object_of(decode(kind, payload), subject)
            if found is not None:
                told[event] = found.DESCRIPTOR.full_name, leaves(plain(found))
    known = {}
    for sequence, event, kind, subject, changes in evidence.rows(
            "select sequence, id, type, subject_id, changes from accounts.audit_entry order by sequence"):
        if event not in told:
            continue
        name, now = told[event]
        before = known.get((name, subject), {})
        said = {change["field"]: change for change in json.loads(changes)}
        now = {field: value for field, value in now.items() if field.split(".")[-1] not in BOOKKEEPING}
        for field in sorted(set(before) | set(now)):
            sides = tuple(full(json.loads(said[field][side])) if side in said.get(field, {}) else None
                          for side in ("before", "after"))
            expected = (None, None) if before.get(field) == now.get(field) else (before.get(field), now.get(field))
            if sides != expected:
                yield f"audit entry {sequence} ({kind}) says {field} went from {sides[0]} to {sides[1]}, not from {expected}"
        known[name, subject] = now
