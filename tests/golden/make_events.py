#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Adds to events.tsv an example of each event type that has none with all of its present fields.

What is there stays for ever: these are bytes that lie in event logs. Run it after adding an event or a field to
one, and commit the lines it adds."""
import base64
import json
import pathlib
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "runtime"))
from event_messages import as_json, event_types, message_type  # noqa: E402

GOLDEN = pathlib.Path(__file__).with_name("events.tsv")
ITEMS = 2  # in every list


def value(field, path):
    """A value that no other field of the example has."""
    number = zlib.crc32(path.encode())
    if field.enum_type:
        return field.enum_type.values[number % len(field.enum_type.values)].number
    if field.cpp_type == field.CPPTYPE_STRING:
        return path.encode() if field.type == field.TYPE_BYTES else f"é {path}"
    if field.cpp_type == field.CPPTYPE_BOOL:
        return True
    return number if field.cpp_type == field.CPPTYPE_INT64 else number % 1000


def fill(message, path):
    """Sets every field, in messages within messages too."""
    for field in message.DESCRIPTOR.fields:
        here = f"{path}.{field.name}"
        if field.label == field.LABEL_REPEATED:
            for item in range(ITEMS):
                if field.message_type:
                    fill(getattr(message, field.name).add(), f"{here}.{item}")
                else:
                    getattr(message, field.name).append(value(field, f"{here}.{item}"))
        elif field.message_type:
            fill(getattr(message, field.name), here)
        else:
            setattr(message, field.name, value(field, here))
    return message


def example(name):
    """The line of a type: its name, the bytes, what they say."""
    message = fill(message_type(name)(), name)
    said = json.dumps(as_json(message), ensure_ascii=False, separators=(",", ":"))
    return f"{name}\t{base64.b64encode(message.SerializeToString(deterministic=True)).decode()}\t{said}"


def golden_lines():
    return GOLDEN.read_text(encoding="utf-8").splitlines() if GOLDEN.exists() else []


def missing_lines():
    """What is to be added."""
    there = set(golden_lines())
    return [line for line in map(example, event_types()) if line not in there]


def main():
    added = missing_lines()
    with GOLDEN.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in added)
    print(f"{len(added)} lines added to {GOLDEN}")


if __name__ == "__main__":
    main()
