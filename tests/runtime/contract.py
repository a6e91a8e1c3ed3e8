# SPDX-License-Identifier: Apache-2.0
"""The contract as tests read it: message classes and event types, from the descriptors of the build."""
import functools
import os
import pathlib

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
