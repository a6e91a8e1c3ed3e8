# SPDX-License-Identifier: Apache-2.0
"""What a service holds, to prove that a refusal changed nothing, and that events have taken effect."""
from client import problem, wait_until
from tables import fingerprint_statement

# The courier moves these by itself, whatever callers do.
COURIERS = ("event_log", "event_personal", "event_actor", "outbox", "parked_event", "stream_cursor", "stream_epoch",
            "stream_head", "instance", "watched_service")


def facts(stack, service, settled=True):
    """How many rows each of a service's own tables has, and which, and how many events it has told: once all that was
    told before has taken effect, unless a courier is kept from it."""
    if settled:
        wait_until_settled(stack)
    rows = stack.query(fingerprint_statement(stack, [service], COURIERS))
    told = stack.query(f"select (select count(*) from {service}.event_log) + (select count(*) from {service}.outbox)")
    return {name: (count, written) for name, count, written in rows} | {"events told": told[0][0]}


def refused(stack, service, act, status, code, settled=True):
    """The problem of act(), which is refused and leaves the service's tables as they were."""
    before = facts(stack, service, settled)
    said = problem(act(), status, code)
    assert facts(stack, service, settled) == before
    return said


def wait_until_settled(stack):
    """Waits until what the services told, and what that made them tell, has taken effect in all of them."""
    services = stack.place.services()
    head = " ".join(f"when '{name}' then (select sequence from {name}.stream_head)" for name in services)
    behind = " union all ".join(
        f"select 1 from {name}.outbox union all select 1 from {name}.stream_cursor "
        f"where consumer = 'main' and sequence < case producer {head} end" for name in services)

    def is_settled():
        return stack.query(f"select 1 from ({behind}) behind limit 1") == []
    wait_until(is_settled)
