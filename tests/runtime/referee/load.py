# SPDX-License-Identifier: Apache-2.0
"""What the load was answered against what is stored. Its record has a line for each write: "acknowledged" is true, false
or null, where the outcome stayed unknown; "key" its Idempotency-Key; "name" a text of its own in a "column",
"sessions.training.title"; "answer" the object as it was answered, of "service"; "if_match" the version that it changed."""
import collections

from .contract import decode, object_of
from .evidence import SERVICES, check


@check
def acknowledged(evidence):
    """Every acknowledged write is stored once, every refused one not at all, every unknown one at most once."""
    writes = collections.defaultdict(list)
    for write in evidence.requests():
        if "column" in write:
            writes[write["column"]].append(write)
    for column, made in writes.items():
        table, name = column.rsplit(".", 1)
        stored = dict(evidence.rows(f"select {name}, count(*) from {table} where {name} = any(%s) group by 1",
                                    [write["name"] for write in made]))
        for write in made:
            count = stored.get(write["name"], 0)
            if count > 1 or (write["acknowledged"] is True and count != 1) or (write["acknowledged"] is False and count):
                yield f"{column} {write['name']}: acknowledged {write['acknowledged']}, stored {count} times"


@check
def keys(evidence):
    """Every acknowledged write under a key is remembered once, every refused one not at all."""
    kept = collections.Counter()
    for service in SERVICES:
        kept.update(key for key, in evidence.rows(f"select key from {service}.idempotency_key"))
    for write in evidence.requests():
        key, said = write.get("key"), write["acknowledged"]
        if key and (kept[key] > 1 or (said is not None and kept[key] != said)):
            yield f"{key}: acknowledged {said}, remembered {kept[key]} times"


@check
def answers(evidence):
    """What was answered of an object is what its stream tells of that version."""
    wanted = collections.defaultdict(list)
    for write in evidence.requests():
        if "answer" in write:
            wanted[write["service"], write["answer"]["id"], write["answer"]["version"]].append(write["answer"])
    for service in {service for service, _, _ in wanted}:
        for kind, subject, payload in evidence.rows(
                f"select type, subject::text, payload from {service}.event_log where subject is not null order by sequence"):
            told = object_of(decode(kind, payload), subject)
            for answer in wanted.pop((service, subject, told.version), []) if told is not None else []:
                differing = [field.name for field, value in told.ListFields() if isinstance(value, (str, int)) and
                             not field.enum_type and field.name in answer and answer[field.name] != value]
                if differing:
                    yield f"{service} {subject} version {told.version} was answered with other {differing}"
    for service, subject, version in wanted:
        yield f"{service} answered version {version} of {subject}, which its stream does not tell"


@check
def lost_updates(evidence):
    """No two acknowledged changes were made of the same version."""
    changed = collections.Counter((write["answer"]["id"], write["if_match"]) for write in evidence.requests()
                                  if "if_match" in write)
    for (subject, version), count in changed.items():
        if count > 1:
            yield f"version {version} of {subject} was changed {count} times"
