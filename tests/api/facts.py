# SPDX-License-Identifier: Apache-2.0
"""What a service holds, to prove that a refusal changed nothing, and that events have taken effect."""
from client import problem, wait_until
from tables import fingerprint_statement

# The courier moves these by itself, whatever callers do.
COURIERS = ("event_log", "event_personal", "event_actor", "outbox", "parked_event", "stream_cursor", "stream_epoch",
            "stream_head", "instance", "watched_service")


def facts(stack, service):
    """How many rows each of a service's own tables has, and which, and how many events it has told."""
    rows = stack.query(fingerprint_statement(stack, [service], COURIERS))
    told = stack.query(f"select (select count(*) from {service}.event_log) + (select count(*) from {service}.outbox)")
    return {name: (count, written) for name, count, written in rows} | {"events told": told[0][0]}


def refused(stack, service, act, status, code):
    """The problem of act(), which is refused and leaves the service's tables as they were."""
    before = facts(stack, service)
    said = problem(act(), status, code)
    assert facts(stack, service) == before
    return said


def wait_until_settled(stack, *services):
    """Waits until what these services told, and what that made them tell, has taken effect in all of them."""
    services = services or ("accounts", "budgeting", "sessions", "funding")
    head = " ".join(f"when '{name}' then (select sequence from {name}.stream_head)" for name in services)
    behind = " union all ".join(
        f"select 1 from {name}.outbox union all select 1 from {name}.stream_cursor "
        f"where consumer = 'main' and sequence < case producer {head} end" for name in services)

    def settled():
        return stack.query(f"select 1 from ({behind}) behind limit 1") == []
    wait_until(settled)
