# SPDX-License-Identifier: Apache-2.0
"""The folder of a cluster's backups: base backups, WAL, and lists kept of what has left the house since.

    base/<instant>/   data/ as pg_basebackup made it, secrets/ keys/ tls/ audit/, backup.json; never half a one
    wal/              WAL as pg_receivewal streams it; what is not full yet ends in .partial
    kept/             heads (signed, of the audit log), sent.tsv, issued.tsv, streams.json
    cluster.json      whose backups these are
"""
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from cluster import BINARIES, DATABASE, SUPERUSER
from supervisor import Failed, die_with_parent, replace_text

SLOT = "escarcelle_backup"
KEEP_SECONDS = 2
ACTIVE_SECONDS_MAX = 30
# What was committed late still comes: each look goes back so far.
OVERLAP = datetime.timedelta(minutes=10)
INSTANT = "YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\""
LEFT_THE_HOUSE = f"""
select 'sent', message_id, to_char(sent_at at time zone 'UTC', '{INSTANT}'), kind,
       coalesce((select string_agg(a ->> 'name', ' ') from jsonb_array_elements(attachments) a), '')
from notifications.message where status = 'sent' and direction = 'out' and sent_at >= '{{sent}}' order by sent_at;
select 'issued', number, to_char(created_at at time zone 'UTC', '{INSTANT}'), kind, gross_cents::text
from invoicing.invoice where created_at >= '{{issued}}' order by created_at;"""
HEADS = "select 'stream', nspname, (xpath('//epoch/text()', head))[1], (xpath('//sequence/text()', head))[1], " \
        "to_char(now() at time zone 'UTC', '" + INSTANT + "') from (select nspname, query_to_xml(format(" \
        "'select epoch, sequence from %I.stream_head', nspname), false, true, '') as head from pg_namespace n " \
        "where exists (select from pg_class c where c.relnamespace = n.oid and relname = 'stream_head')) heads;"


def say(text):
    print(text, flush=True)


def sync(path):
    """Makes a file, or a folder's list of files, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder):
    """Makes the file system durable that the folder lies on: for many files that is sooner done than one by one."""
    subprocess.run(["sync", "--file-system", folder], check=True)


class Source:
    """A running cluster, and the folders that are backed up with it: {name in the backup: folder}."""

    def __init__(self, conninfo, folders, stack=None):
        self.conninfo, self.folders, self.stack = conninfo, folders, stack

    @classmethod
    def of_stack(cls, stack):
        return cls(f"host={stack.sockets / 'postgres'} user={SUPERUSER} dbname={DATABASE} "
                   f"passfile={stack.secrets / 'superuser.pgpass'}",
                   {"secrets": stack.secrets, "keys": stack.keys, "tls": stack.tls, "audit": stack.audit}, stack)

    def environment(self):
        return self.stack.environment() if self.stack else dict(os.environ)

    def rows(self, statements):
        """The rows of all statements, as lists of texts."""
        result = subprocess.run([BINARIES / "psql", "-X", "-q", "-A", "-t", "-w", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                                 "-d", self.conninfo, "-c", statements], capture_output=True, text=True, check=False,
                                env=self.environment())
        if result.returncode != 0:
            raise Failed(f"the database does not answer as it should:\n{result.stderr.strip()}")
        return [line.split("\t") for line in result.stdout.splitlines()]

    def make_slot(self):
        """From now on the server keeps the WAL that is not yet in the archive."""
        self.rows(f"do $$ begin perform pg_create_physical_replication_slot('{SLOT}', true); "
                  "exception when duplicate_object then null; end $$")

    def streams_wal(self):
        return self.rows(f"select active from pg_replication_slots where slot_name = '{SLOT}'") == [["t"]]

    def identity(self):
        (system, timeline), = self.rows("select system_identifier, timeline_id from pg_control_system(), "
                                        "pg_control_checkpoint()")
        return {"system_identifier": system, "timeline": int(timeline)}


class Base:
    """A base backup that is whole."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = json.loads((folder / "backup.json").read_text(encoding="utf-8"))
        self.completed_at = datetime.datetime.fromisoformat(self.facts["completed_at"])

    def first_segment(self):
        label = (self.folder / "data" / "backup_label").read_text(encoding="utf-8")
        return re.search(r"\(file ([0-9A-F]{24})\)", label).group(1)


class Archive:
    """The folder of backups."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.wal, self.kept, self.base = self.folder / "wal", self.folder / "kept", self.folder / "base"

    def prepare(self, identity):
        """Makes the folders; refuses the backups of another cluster, or of this one before it was restored."""
        for folder in (self.folder, self.wal, self.kept, self.base):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self.folder / "cluster.json"
        if not known.exists():
            replace_text(known, json.dumps(identity) + "\n")
            sync(self.folder)
        if json.loads(known.read_text(encoding="utf-8")) != identity:
            raise Failed(f"{self.folder} holds the backups of another cluster, or of this one before it was restored; "
                         "choose another folder with --to")

    def bases(self):
        """The base backups, oldest first."""
        return [Base(folder) for folder in sorted(self.base.glob("[0-9]*Z")) if (folder / "backup.json").exists()]

    def lines(self, name):
        """The rows of a kept list; a last line that was cut off does not count."""
        file = self.kept / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [line.split("\t") for line in text[:text.rfind("\n") + 1].splitlines()]


# ── base backups ─────────────────────────────────────────────────────────────────────────────────────

def start_following(source, archive):
    """Sees to it that WAL is streamed: by a process of the stack's, elsewhere by a unit that is running already."""
    if source.stack:
        replace_text(source.stack.backup_file, json.dumps({"to": str(archive.folder)}) + "\n")
        if not source.streams_wal():
            with open(source.stack.logs / "backup.log", "ab") as log:
                subprocess.Popen(source.stack.backup_program().command, env=source.environment(),
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
    deadline = time.monotonic() + ACTIVE_SECONDS_MAX
    while not source.streams_wal():
        if time.monotonic() >= deadline:
            where = source.stack.logs / "backup.log" if source.stack else "journalctl -u escarcelle-wal"
            raise Failed(f"no WAL is streamed into {archive.wal}; see {where}" + (
                "" if source.stack else "; start it: systemctl start escarcelle-wal"))
        time.sleep(0.1)


def run(command, environment, what):
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        raise Failed(f"{what} failed:\n{(result.stderr or result.stdout).strip()}")


def copy_heads(source, archive):
    """The kept heads, whole lines only: one may be being written."""
    file = source.folders["audit"] / "heads"
    if not file.exists():
        return
    text = file.read_text(encoding="ascii")
    replace_text(archive.kept / "heads", text[:text.rfind("\n") + 1], durable=True)


def take_base(source, archive, keep):
    """A base backup, verified, with everything beside the database; older ones go when there are too many."""
    archive.prepare(source.identity())
    busy = os.open(archive.base, os.O_RDONLY)
    try:
        fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        copy_base(source, archive, keep)
    except BlockingIOError:
        raise Failed(f"another backup to {archive.folder} is under way") from None
    finally:
        os.close(busy)


def copy_base(source, archive, keep):
    source.make_slot()
    start_following(source, archive)
    for half in archive.base.glob(".part-*"):
        shutil.rmtree(half)
    part = archive.base / f".part-{os.getpid()}"
    part.mkdir(mode=0o700)
    say(f"copying the cluster to {archive.base}")
    run([BINARIES / "pg_basebackup", "-d", source.conninfo, "-w", "-D", part / "data", "-X", "stream", "-c", "fast"],
        source.environment(), "pg_basebackup")
    run([BINARIES / "pg_verifybackup", "-q", part / "data"], source.environment(), "verifying the backup")
    for name, folder in source.folders.items():
        shutil.copytree(folder, part / name)
    copy_heads(source, archive)
    (completed_at,), = source.rows(f"select to_char(clock_timestamp() at time zone 'UTC', '{INSTANT}')")
    facts = {"completed_at": completed_at.replace("Z", "+00:00"),
             "mail_archive": str(source.stack.maildir) if source.stack else None}
    replace_text(part / "backup.json", json.dumps(facts) + "\n")
    sync_all(part)
    whole = archive.base / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    os.rename(part, whole)
    sync(archive.base)
    forget_older(archive, keep)
    say(f"done: {whole}, verified; WAL is streamed to {archive.wal}")


def forget_older(archive, keep):
    """Keeps the newest base backups, and the WAL from the oldest of them on."""
    bases = archive.bases()
    for base in bases[:-keep]:
        shutil.rmtree(base.folder)
    run([BINARIES / "pg_archivecleanup", archive.wal, bases[-keep:][0].first_segment()], dict(os.environ),
        "removing old WAL")


# ── following ────────────────────────────────────────────────────────────────────────────────────────

class Keeper:
    """Keeps beside the WAL what a database that goes back in time no longer knows: mails that went out, invoices that
    were issued, how far the streams and the audit log had come."""

    def __init__(self, source, archive):
        self.source, self.archive = source, archive
        for file in archive.kept.glob("*.tsv"):
            os.truncate(file, file.read_bytes().rfind(b"\n") + 1)
        self.known = {name: {row[0]: row[1] for row in archive.lines(f"{name}.tsv")} for name in ("sent", "issued")}

    def since(self, name):
        """From when on something may be new; what is older needn't be remembered."""
        known = self.known[name]
        if not known:
            return "-infinity"
        since = datetime.datetime.fromisoformat(max(known.values()).replace("Z", "+00:00")) - OVERLAP
        text = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.known[name] = {key: at for key, at in known.items() if at >= text}
        return text

    def keep(self):
        copy_heads(self.source, self.archive)
        streams = {}
        for what, key, *rest in self.source.rows(
                HEADS + LEFT_THE_HOUSE.format(sent=self.since("sent"), issued=self.since("issued"))):
            if what == "stream":
                streams[key] = {"epoch": int(rest[0]), "sequence": int(rest[1]), "at": rest[2]}
            elif key not in self.known[what]:
                self.known[what][key] = rest[0]
                with open(self.archive.kept / f"{what}.tsv", "a", encoding="utf-8") as file:
                    file.write("\t".join([key, *rest]) + "\n")
        replace_text(self.archive.kept / "streams.json", json.dumps(streams) + "\n")


def follow(source, archive):
    """Streams WAL and keeps the lists until a signal comes; what fails is tried again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    archive.prepare(source.identity())
    lock = open(archive.folder / "lock", "w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    source.make_slot()
    parent, receiver, keeper = os.getpid(), None, Keeper(source, archive)
    try:
        while True:
            if receiver is None or receiver.poll() is not None:
                receiver = subprocess.Popen(
                    [BINARIES / "pg_receivewal", "-d", source.conninfo, "-w", "-D", archive.wal, "-S", SLOT, "--synchronous"],
                    env=source.environment(), preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent))
            try:
                keeper.keep()
            except Failed as failure:
                print(f"the kept lists wait: {failure}", file=sys.stderr, flush=True)
            time.sleep(KEEP_SECONDS)
    finally:
        if receiver is not None:
            receiver.send_signal(signal.SIGINT)
            receiver.wait()

