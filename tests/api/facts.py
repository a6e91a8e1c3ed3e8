# SPDX-License-Identifier: Apache-2.0
"""What a service holds, to prove that a refusal changed nothing, and that events have taken effect."""
from client import problem, wait_until
from tables import events_under_way, fingerprint_statement, work_under_way

# The courier moves these by itself, whatever callers do.
COURIERS = ("event_log", "event_personal", "event_actor", "outbox", "parked_event", "stream_cursor", "stream_epoch",
            "stream_head", "instance", "watched_service")
USE_NOTED = "accounts.access_token"  # whose rows are written once a minute by whatever their bearer asks


def facts(stack, service, settled=True):
    """How many rows each of a service's own tables has, and which, and how many events it has told: once all that was
    told before has taken effect, unless a courier is kept from it."""
    if settled:
        wait_until_mailed(stack)
    rows = stack.query(fingerprint_statement(stack, [service], COURIERS))
    told = stack.query(f"select (select count(*) from {service}.event_log) + (select count(*) from {service}.outbox)")
    return {name: (count, name != USE_NOTED and written) for name, count, written in rows} | {"events told": told[0][0]}


def refused(stack, service, act, status, code, settled=True):
    """The problem of act(), which is refused and leaves the service's tables as they were."""
    before = facts(stack, service, settled)
    said = problem(act(), status, code)
    assert facts(stack, service, settled) == before
    return said


def told(stack, service, column, value):
    """Types of the events a service told about the one whose id stands in this column, numbered or not yet, in order."""
    return [kind for (kind,) in stack.query(
        f"select type from (select sequence, type from {service}.event_log where {column} = %s union all "
        f"select 1000000000 + position, type from {service}.outbox where {column} = %s) e order by sequence",
        value, value)]


class Nothing(list):
    """True when it is empty; else it says what there is."""

    def __bool__(self):
        return len(self) == 0


def is_settled(stack):
    """Whether every event is numbered and has been applied by all who follow it, the audit log included."""
    return Nothing(stack.query(f"{events_under_way(stack.place.services())} limit 5"))


def wait_until_settled(stack):
    """Waits until what the services told, and what that made them tell, has taken effect in all of them."""
    wait_until(lambda: is_settled(stack))


def wait_until_mailed(stack):
    """Waits until, besides, every mail was tried, every document is rendered, and what that told has taken effect."""
    wait_until(lambda: Nothing(stack.query(f"{work_under_way(stack.place.services())} limit 5")))
