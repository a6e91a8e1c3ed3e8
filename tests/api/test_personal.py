# SPDX-License-Identifier: Apache-2.0
"""What is personal lies beside the log of events, never in it (NOT-4, ACC-3): every field that the contract says is."""
from client import new_operator
from contract import read_contract
from event_messages import message_type
from facts import wait_until_mailed
from factory import client_body, funded_client, new_project, new_session, new_training
from identifiers import new_email
from tables import tables_holding


def personal_fields(contract, full_name, message):
    """(type, field) of each personal field that is set in a message, at any depth."""
    for field, value in message.ListFields():
        if contract.messages[full_name].field(field.name).options["personal"]:
            yield full_name, field.name
        elif field.message_type:
            for item in value if field.label == field.LABEL_REPEATED else [value]:
                yield from personal_fields(contract, field.message_type.full_name, item)


def found(contract, rows):
    """The personal fields in these events: rows of (type, payload)."""
    return {(kind, *place) for kind, payload in rows
            for place in personal_fields(contract, kind, message_type(kind).FromString(bytes(payload)))}


def test_not_4_no_personal_field_is_in_a_log_of_events(stack, admin):
    contract = read_contract()
    contact, reader, trainer = new_email("contact"), new_email("reader"), f"Trainer {new_email('trainer')}"
    client = funded_client(admin, **{"billing_contact": client_body()["billing_contact"] | {"email": contact}})
    project = new_project(admin, client, mailing_list=[{"email": reader, "name": "Paul Petit"}])
    new_training(admin, new_session(admin, project), 900_000, trainers=[trainer])
    user = new_operator(stack, admin)
    stack.mail(contact)
    wait_until_mailed(stack)
    logged, beside = set(), set()
    for service in stack.place.services():
        logged |= found(contract, stack.query(f"select type, payload from {service}.event_log"))
        beside |= found(contract, stack.query(f"select l.type, p.payload from {service}.event_log l "
                                              f"join {service}.event_personal p using (event_id)"))
    assert logged == set()
    assert {place[1:] for place in beside} >= {
        ("accounts.Client", "billing_contact"), ("accounts.User", "email"), ("accounts.User", "last_name"),
        ("budgeting.Project", "mailing_list"), ("sessions.Training", "trainers"), ("notifications.Message", "to"),
        ("notifications.Message", "subject")}
    logs = {f"{service}.{table}" for service in stack.place.services() for table in ("event_log", "outbox")}
    for text in (contact, reader, trainer, user.user["email"]):
        assert tables_holding(stack, text) & logs == set()
