# SPDX-License-Identifier: Apache-2.0
"""The processes of programs, as the kernel tells them."""
import pathlib


def children_of(pid):
    """What a process has started and not yet outlived; none when it is gone itself."""
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def descendants(pid):
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        found += children_of(parent)
    return found


def title(pid):
    """What a process calls itself; nothing when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:
        return ""


def in_role(parent, role):
    """The children of a program that have this role."""
    return [child for child in children_of(parent) if title(child).endswith(f"--role={role}")]


def processor_ns(pid):
    """How long a process's first thread has run, in nanoseconds; waiting does not count."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
