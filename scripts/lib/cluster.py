# SPDX-License-Identifier: Apache-2.0
"""A stack's private PostgreSQL: one cluster reached over a Unix socket only, roles and schemas.

PostgreSQL refuses to run as root; for root it runs as the Debian package's user `postgres`. This user
needs no way to the state folder: it is given the data folder as an open descriptor.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from stack import REPOSITORY
from supervisor import Failed, Program

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
DATABASE = "escarcelle"
SUPERUSER = "postgres"
CONFIGURATION = """
# Written by scripts/run.
listen_addresses = ''
max_connections = 200
fsync = on
full_page_writes = on
synchronous_commit = on
password_encryption = 'scram-sha-256'
# Statements are short; compiling them, or starting processes for them, takes longer than they do.
jit = off
max_parallel_workers_per_gather = 0
# A backup that nobody streams any more must not fill the disk with WAL.
max_slot_wal_keep_size = '10GB'
log_timezone = 'UTC'
timezone = 'UTC'
log_checkpoints = off
log_line_prefix = '%m [%p] %q%u '
"""
# Makes the database and each service's roles and schema, here as in real life.
PROVIDE = REPOSITORY / "deploy" / "database" / "provide"


def server_user():
    """Who runs PostgreSQL: nobody else unless we are root."""
    return "postgres" if os.geteuid() == 0 else None


def mark_complete(data):
    """Says that a data folder is no half made one; the server reads the mark when it is backed up."""
    (data / "complete").touch()
    if server_user():
        shutil.chown(data / "complete", server_user(), server_user())


class Cluster:
    """The cluster of one stack; `stack` knows the places."""

    def __init__(self, stack):
        self.stack = stack
        self.data = stack.state / "database"
        self.sockets = stack.sockets / "postgres"
        self.descriptor = None

    def folder(self):
        """The data folder as the server sees it."""
        if self.descriptor is None:
            self.descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self.descriptor}"

    def own(self, path):
        path.mkdir(mode=0o700, exist_ok=True)
        if server_user():
            shutil.chown(path, server_user(), server_user())

    def create(self, supervisor):
        """Makes the cluster unless it is there; one left half made is made anew."""
        if (self.data / "complete").exists():
            mark_complete(self.data)
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.own(self.data)
        password = self.stack.secret(f"{SUPERUSER}.password")
        reader, writer = os.pipe()
        if server_user():
            os.fchown(reader, pwd.getpwnam(server_user()).pw_uid, -1)
        os.write(writer, password.encode() + b"\n")
        os.close(writer)
        try:
            supervisor.run(
                [BINARIES / "initdb", "--pgdata", self.folder(), "--username", SUPERUSER, "--encoding", "UTF8",
                 "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", f"/dev/fd/{reader}"],
                self.stack.environment(), what="making the PostgreSQL cluster",
                inherit=(self.descriptor, reader), user=server_user())
        finally:
            os.close(reader)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        mark_complete(self.data)

    def program(self):
        self.own(self.sockets)
        self.sockets.chmod(0o711)
        return Program("postgres", [BINARIES / "postgres", "-D", self.folder(), "-k", self.sockets],
                       self.stack.environment(), user=server_user(), inherit=(self.descriptor,),
                       stop_signal=signal.SIGINT)

    def start(self, supervisor):
        """Starts the server and waits until it takes connections.

        No process of this stack is left by now, so its lock is nobody's; the server would take the number of a dead one
        that was not yet reaped for a running one.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        supervisor.start(self.program())
        ready = [BINARIES / "pg_isready", "-q", "-h", self.sockets]
        if not supervisor.tend(lambda: subprocess.run(ready, check=False).returncode == 0, timeout=120):
            raise Failed("PostgreSQL does not start; its log ends with\n" + supervisor.log_tail("postgres"))

    def provide(self, services):
        """Makes the database, and for each service its schema, owner role and application role."""
        for service in services:
            for role in (f"{service}_owner", service):
                self.stack.secret(f"{role}.password")
        line = f"*:*:*:{SUPERUSER}:{self.stack.secret(f'{SUPERUSER}.password')}\n"
        passwords = self.stack.secrets / "superuser.pgpass"
        passwords.write_text(line, encoding="utf-8")
        passwords.chmod(0o600)
        psql = [BINARIES / "psql", "-h", self.sockets, "-U", SUPERUSER, "-d", "postgres"]
        result = subprocess.run(
            [PROVIDE, self.stack.secrets, *psql], text=True, capture_output=True, check=False,
            env=self.stack.environment() | {"PGPASSFILE": str(passwords),
                                            "PGOPTIONS": "-c client_min_messages=warning"})
        if result.returncode != 0:
            raise Failed(f"making roles and schemas failed:\n{result.stderr.strip()}")
