# SPDX-License-Identifier: Apache-2.0
"""Whether all that happened in a stack is what the contract says: each change of a state in the audit log, and who told it."""
import json

from contract import read_contract, states_left

# Their rows come with the schema: nothing tells the state that they begin in.
BORN = {"MailQueue": "running"}


def changes_of(package):
    """(moves, events) of each operation, reaction and job."""
    yield from ((method.rpc.moves, method.rpc.emits) for method in package.methods)
    yield from ((subscription.moves, subscription.emits) for subscription in package.subscriptions)
    yield from ((job.moves, job.emits) for job in package.jobs)


def is_declared(contract, event, name, before, after):
    """Whether who tells this event moves such an object so; what was moved silently before counts too."""
    package = contract.packages[event.split(".")[0]]
    steps = [(state, move.to, [f"{package.name}.{told}" for told in emits]) for moves, emits in changes_of(package)
             for move in moves if move.object == name for state in states_left(move) or [None]]
    froms = {before} | {to for state, to, _ in steps if state == before}
    return any(state in froms and to == after and event in told for state, to, told in steps)


def observed_moves(stack, contract):
    """(event, object, state before or None, state after) of what the audit log holds of each event's own object."""
    objects = {}
    for event in contract.events:
        field = event.field((event.event.subject or "").split(".")[0])
        objects[event.full_name] = field.message.name if field is not None and field.message is not None else None
    entries = stack.query("select distinct type, c ->> 'before', c ->> 'after' from accounts.audit_entry, "
                          "jsonb_array_elements(changes::jsonb) c where c ->> 'field' = 'status'")
    for kind, before, after in entries:
        if after is not None and objects[kind] is not None:
            yield kind, objects[kind], BORN.get(objects[kind]) if before is None else json.loads(before), json.loads(after)


def undeclared_moves(stack):
    contract = read_contract()
    return sorted((move for move in observed_moves(stack, contract) if not is_declared(contract, *move)), key=str)
