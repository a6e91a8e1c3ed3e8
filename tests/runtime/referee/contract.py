# SPDX-License-Identifier: Apache-2.0
"""The messages of the contract, to read what lies in event logs; from proto/ and nothing else."""
import pathlib
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
