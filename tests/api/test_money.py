# SPDX-License-Identifier: Apache-2.0
"""MON-1 over the whole contract: whole cents of one currency, wherever money stands."""
from client import pointers
from contract import field_kind, read_contract
from factory import new_client, project_body
from google.protobuf import descriptor_pb2

CONTRACT = read_contract()
FLOATING = {descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE, descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT}


def within(message, seen):
    """A message and all that it holds."""
    if message not in seen:
        seen.append(message)
        for field in message.fields:
            if field.message is not None:
                within(field.message, seen)
    return seen


def test_mon_1_no_field_of_any_message_is_floating():
    """MON-1: what holds no fraction can't round one."""
    assert [(message.full_name, field.name) for message in CONTRACT.messages.values() for field in message.fields
            if field.proto.type in FLOATING] == []


def test_mon_1_every_amount_is_a_whole_number_of_cents():
    """MON-1: an amount of the API ends in _cents, is a 64-bit integer, and is held to MON-4's bound."""
    seen = []
    for method in CONTRACT.methods.values():
        if method.verb:
            within(CONTRACT.messages[method.input], seen)
            within(CONTRACT.messages[method.output], seen)
    amounts = [(message.full_name, field) for message in seen for field in message.fields
               if field.options["format"] == "MONEY" or field.name.endswith("_cents")]
    assert amounts
    for name, field in amounts:
        assert field.name.endswith("_cents") and field_kind(field) == "integer", (name, field.name)
        assert field.options["format"] == "MONEY", (name, field.name)


def test_mon_1_every_object_with_an_amount_says_its_currency():
    """MON-1: what an operation answers with an amount carries `currency`."""
    for method in CONTRACT.methods.values():
        reply = CONTRACT.messages[method.output]
        if method.verb and any(field.name.endswith("_cents") for field in reply.fields):
            assert reply.field("currency") is not None, (method.full_name, reply.full_name)


def test_mon_1_another_currency_is_refused(admin):
    """MON-1: an amount without a currency is one in euros; in dollars it is none."""
    body = project_body(new_client(admin))
    assert pointers(admin.post("/v1/projects", body | {"currency": "USD"})) == ["/currency"]
