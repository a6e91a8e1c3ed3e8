# SPDX-License-Identifier: Apache-2.0
"""Several that back up the same cluster, or keep what is beside it, at once; what a backup is worth is in test_restore.py."""
import concurrent.futures
import fcntl
import os
import subprocess
import sys

from archive import Archive, Source, copy_heads
from stack import REPOSITORY


def in_processes(count, work):
    """The exit codes of so many forks that do the same at the same time."""
    def fork():
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(sys.exc_info()[0] is not None)
        return pid
    return [os.waitpid(pid, 0)[1] for pid in [fork() for _ in range(count)]]


def test_heads_are_kept_by_a_backup_and_by_who_follows_at_once(tmp_path):
    """Neither takes away the file that the other is writing, and what they leave is whole."""
    heads, kept = tmp_path / "signed" / "heads", tmp_path / "shared" / "kept"
    for file in (heads, kept):
        file.parent.mkdir()
    kept.mkdir()
    heads.write_text("1 2 3\n" * 1000 + "4 5", encoding="ascii")
    source, archive = Source("", {"audit": heads.parent}), Archive(kept.parent)
    assert in_processes(4, lambda: [copy_heads(source, archive) for _ in range(50)]) == [0] * 4
    assert [(file.name, file.read_text(encoding="ascii")) for file in kept.iterdir()] == [("heads", "1 2 3\n" * 1000)]


def test_a_slot_is_made_by_several_at_once(stack, monkeypatch):
    """Who comes second finds it there."""
    monkeypatch.setattr("archive.SLOT", "several_at_once")
    source = Source.of_stack(stack.place)
    for _ in range(10):
        with concurrent.futures.ThreadPoolExecutor(16) as several:
            for made in [several.submit(source.make_slot) for _ in range(16)]:
                made.result()
        stack.query("select pg_drop_replication_slot('several_at_once')")


def test_a_backup_leaves_another_one_alone(stack, tmp_path):
    """The half that it would tidy away may be the other's."""
    (tmp_path / "base" / ".part-1").mkdir(parents=True)
    other = os.open(tmp_path / "base", os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = subprocess.run([REPOSITORY / "scripts" / "backup", "--state", stack.state, "--to", tmp_path], capture_output=True,
                                text=True, check=False)
    finally:
        os.close(other)
    assert result.returncode == 1 and "another backup" in result.stderr
    assert [path.name for path in (tmp_path / "base").iterdir()] == [".part-1"]
