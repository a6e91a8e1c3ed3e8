# SPDX-License-Identifier: Apache-2.0
"""The contract as tests read it: message classes and event types, from the descriptors of the build."""
import base64
import functools
import os
import pathlib
import re

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

BUILD = pathlib.Path(os.environ.get("STACK_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build" / "debug"))
DESCRIPTORS = BUILD / "gen" / "descriptors.pb"


@functools.cache
def pool():
    descriptors = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        descriptors.Add(file)
    return descriptors


@functools.cache
def message_type(name):
    """The class of a message: message_type("wire.Event")."""
    return message_factory.MessageFactory(pool()).GetPrototype(pool().FindMessageTypeByName(name))


@functools.cache
def event_types():
    """The names of all event types, in the order of the contract."""
    event = pool().FindExtensionByName("event")
    files = message_type("google.protobuf.FileDescriptorSet").FromString(DESCRIPTORS.read_bytes()).file
    return [f"{file.package}.{message.name}" for file in files for message in file.message_type
            if message.options.HasExtension(event)]


def as_json(message):
    """A message as the API writes it, with what it keeps to itself; fields that are not set are left out."""
    return {field.name: [_word(field, item) for item in value] if field.label == field.LABEL_REPEATED
            else _word(field, value) for field, value in message.ListFields()}


def _word(field, value):
    if field.message_type:
        return as_json(value)
    if field.enum_type:
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", field.enum_type.name).upper() + "_"
        return field.enum_type.values_by_number[value].name.removeprefix(prefix).lower()
    if field.type == field.TYPE_BYTES:
        return base64.b64encode(value).decode()
    return value
