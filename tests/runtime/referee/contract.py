# SPDX-License-Identifier: Apache-2.0
"""The messages of the contract, to read what lies in event logs; from proto/ and nothing else."""
import pathlib
import re
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
pool = None


def loaded():
    global pool
    if pool is None:
        pool = descriptor_pool.DescriptorPool()
        with tempfile.NamedTemporaryFile() as output:
            subprocess.run(["protoc", f"-I{PROTO}", "-I/usr/include", "--include_imports",
                            f"--descriptor_set_out={output.name}", *map(str, sorted(PROTO.glob("*.proto")))], check=True)
            files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(output.name).read_bytes())
        for file in files.file:
            pool.Add(file)
    return pool


def decode(name, payload):
    """An event's message without its personal part."""
    return message_factory.MessageFactory(loaded()).GetPrototype(loaded().FindMessageTypeByName(name)).FromString(payload)


def object_of(event, subject):
    """The object that an event is about, with its version; None when it tells of none."""
    for field, value in event.ListFields():
        if field.message_type and field.label != field.LABEL_REPEATED and {"id", "version"} <= set(
                field.message_type.fields_by_name) and value.id == subject and value.HasField("version"):
            return value
    return None


def word(field, number):
    """A value of an enum as the API writes it: in small letters, without the enum's own name."""
    own = re.sub("(?<!^)([A-Z])", r"_\1", field.enum_type.name).upper() + "_"
    return field.enum_type.values_by_number[number].name.removeprefix(own).lower()


def plain(message):
    """A message as JSON would have it: {field: value} of what is set, enums in words."""
    def value_of(field, value):
        return plain(value) if field.message_type else word(field, value) if field.enum_type else value
    return {field.name: [value_of(field, item) for item in value] if field.label == field.LABEL_REPEATED
            else value_of(field, value) for field, value in message.ListFields()}


def leaves(tree, prefix=""):
    """{path: value} of a plain message; lists are values."""
    found = {}
    for name, value in tree.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
