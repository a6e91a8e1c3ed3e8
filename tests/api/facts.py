# SPDX-License-Identifier: Apache-2.0
"""What a service holds, to prove that a refusal changed nothing, and that its events have arrived."""
from client import problem, wait_until

# The courier moves these by itself, whatever callers do.
COURIERS = ("event_log", "outbox", "parked_event", "stream_cursor", "stream_epoch", "stream_head")


def facts(stack, service):
    """Every row of a service's own tables, and how many events it has told."""
    tables = stack.tables(service)
    for name in COURIERS:
        del tables[f"{service}.{name}"]
    told = stack.query(f"select (select count(*) from {service}.event_log) + (select count(*) from {service}.outbox)")
    return tables | {"events told": told}


def refused(stack, service, act, status, code):
    """The problem of act(), which is refused and leaves the service's tables as they were."""
    before = facts(stack, service)
    said = problem(act(), status, code)
    assert facts(stack, service) == before
    return said


def wait_until_settled(stack):
    """Waits until every event told so far, and every event that these caused, has taken effect everywhere."""
    services = [name for name in stack.place.services() if name != "notifications"]
    behind = " union all ".join(
        [f"select 1 from {name}.outbox" for name in services] +
        [f"select 1 from {name}.stream_cursor c join (values {heads(services)}) h (producer) using (producer) "
         f"where c.consumer = 'main' and c.sequence < case c.producer {sequences(services)} end" for name in services])

    def settled():
        return stack.query(f"select 1 from ({behind}) b limit 1") == []
    wait_until(settled)


def heads(services):
    return ", ".join(f"('{name}')" for name in services)


def sequences(services):
    return " ".join(f"when '{name}' then (select sequence from {name}.stream_head)" for name in services)
