# SPDX-License-Identifier: Apache-2.0
"""From a folder of backups to a cluster that may go on: recovery on a server that nobody else reaches, then what each
service does after a restore, then the comparison with what was kept outside the database."""
import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from archive import say, sync, sync_all
from cluster import BINARIES, DATABASE, SUPERUSER, mark_complete, server_user
from stack import Stack
from supervisor import Failed, Program, Supervisor, replace_text

# No limit of ours on how long recovery takes; but it ends.
RECOVERY_SECONDS_MAX = 24 * 3600
NUMBER = re.compile(r"\b(?:FA|AV)-\d{4}-(?:R\d+-)?\d{6,}\b")
SHOWN = 50
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
hba_file = '{folder}/hba'
ident_file = '{folder}/ident'
hot_standby = off
recovery_init_sync_method = 'syncfs'
archive_mode = off
restore_command = 'false'
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
log_timezone = 'UTC'
timezone = 'UTC'
"""


class Target:
    """Where a cluster is restored to: its data folder, its secrets, the folder of audit heads."""

    def __init__(self, data, secrets, audit, stack=None):
        self.data, self.secrets, self.audit = (pathlib.Path(path).absolute() for path in (data, secrets, audit))
        self.stack = stack

    @classmethod
    def of_state(cls, state):
        """A state folder that takes its name when all is done: half a one is never started."""
        stack = Stack(state)
        half = stack.state.with_name(stack.state.name + ".restoring")
        return cls(half / "database", half / "secrets", half / "audit", stack)

    def claim(self):
        if self.stack:
            if self.stack.state.exists():
                raise Failed(f"{self.stack.state} is there already; name a new folder")
            shutil.rmtree(self.data.parent, ignore_errors=True)
        if self.data.exists() and any(self.data.iterdir()):
            raise Failed(f"{self.data} is not empty; restoring never overwrites: move it away, or name another one")
        for folder in (self.data, self.secrets, self.audit):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def finish(self, report):
        """Everything durable, then in its place."""
        if self.stack:
            mark_complete(self.data)
            replace_text(self.data.parent / "restored.txt", report)
            (self.data.parent / "filled").touch()
        sync_all(self.data)
        if self.stack:
            os.rename(self.data.parent, self.stack.state)
            sync(self.stack.state.parent)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────

def choose(archive, moment):
    """The newest base backup that was complete at this moment."""
    bases = archive.bases()
    fitting = [base for base in bases if moment is None or base.completed_at <= moment]
    if not bases:
        raise Failed(f"{archive.folder} holds no base backup")
    if not fitting:
        raise Failed(f"the oldest base backup is of {bases[0].completed_at.isoformat()}: nothing earlier can be restored")
    return fitting[-1]


def place_data(archive, base, target):
    """The base backup's data folder, and the WAL since then in it: the server's user has no way to the archive."""
    subprocess.run(["cp", "--archive", "--no-target-directory", base.folder / "data", target.data], check=True)
    (target.data / "complete").unlink(missing_ok=True)
    first = base.first_segment()
    for file in sorted(archive.wal.iterdir()):
        if re.fullmatch(r"[0-9A-F]{24}(\.partial)?", file.name) and file.name >= first:
            shutil.copyfile(file, target.data / "pg_wal" / file.name.removesuffix(".partial"))
    (target.data / "recovery.signal").touch()
    if server_user():
        subprocess.run(["chown", "-R", f"{server_user()}:", target.data], check=True)


def place_rest(archive, base, options, target):
    """Secrets and keys, but those that are there; the newest signed heads."""
    for folder in base.folder.iterdir():
        into = {"secrets": target.secrets, "audit": target.audit}.get(folder.name, target.data.parent / folder.name)
        if folder.name in ("data", "audit") or not folder.is_dir():
            continue
        into.mkdir(mode=0o700, exist_ok=True)
        for file in folder.iterdir():
            if not (into / file.name).exists():
                shutil.copy2(file, into / file.name)
    heads = options.heads or archive.kept / "heads"
    if not heads.exists():
        heads = base.folder / "audit" / "heads"
    if heads.exists():
        shutil.copyfile(heads, target.audit / "heads")


# ── the private server ───────────────────────────────────────────────────────────────────────────────

class Server:
    """PostgreSQL on the restored data, reached through a folder that only its user and root enter."""

    def __init__(self, supervisor, folder, data):
        self.supervisor, self.folder, self.data = supervisor, folder, data
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/"} | {
            key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}

    def configure(self, moment):
        text = CONFIGURATION.format(folder=self.folder, sockets=self.folder)
        if moment:
            text += f"recovery_target_time = '{moment.isoformat()}'\n"
        for name, content in (("conf", text), ("hba", "local all all trust\n"), ("ident", "")):
            (self.folder / name).write_text(content, encoding="utf-8")
        if server_user():
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, server_user(), server_user())

    def start(self):
        descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        program = Program("postgres", [BINARIES / "postgres", "-D", f"/proc/self/fd/{descriptor}", "-c",
                                       f"config_file={self.folder}/conf"],
                          self.environment, user=server_user(), inherit=(descriptor,), stop_signal=2)
        self.supervisor.start(program)
        ready = [BINARIES / "pg_isready", "-q", "-h", self.folder]

        def settled():
            return program.deaths or subprocess.run(ready, check=False).returncode == 0
        if not self.supervisor.tend(settled, RECOVERY_SECONDS_MAX) or program.deaths:
            raise Failed("the cluster can't be recovered; when the WAL ends before the moment, leave --to-time out. "
                         "PostgreSQL said\n" + self.supervisor.log_tail("postgres"))

    def last_commit(self):
        """When the last transaction that was recovered had been committed, as the server tells it; or None."""
        said = re.findall(r"last completed transaction was at log time (.*)",
                          (self.supervisor.logs / "postgres.log").read_text(encoding="utf-8"))
        return said[-1] if said else None

    def rows(self, statement):
        result = subprocess.run([BINARIES / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h",
                                 self.folder, "-U", SUPERUSER, "-d", DATABASE, "-c", statement],
                                capture_output=True, text=True, check=False, env=self.environment)
        if result.returncode != 0:
            raise Failed(f"the restored database does not answer:\n{result.stderr.strip()}")
        return [line.split("\t") for line in result.stdout.splitlines()]


def new_epoch(server):
    """Named by this minute; a later one when an earlier restore has taken it."""
    present = server.rows("select oid::regclass from pg_class where relname = 'stream_epoch'")
    begun = [int(server.rows(f"select max(epoch) from {table}")[0][0]) for table, in present]
    return max(int(time.strftime("%y%m%d%H%M", time.gmtime())), max(begun) + 1)


def make_ready(server, target, options, epoch, gone):
    """Schemas brought up to the programs, then what each service does after a restore."""
    present = {name for name, in server.rows("select nspname from pg_namespace")}
    audit_key = next((file for file in (target.secrets / "audit.key", target.secrets / "accounts-audit.key")
                      if file.exists()), "")
    for program in sorted(options.programs.iterdir()):
        service = program.name
        if service not in present or not os.access(program, os.X_OK):
            continue
        environment = server.environment | {
            "ESCARCELLE_DATABASE_HOST": str(server.folder),
            "ESCARCELLE_DATABASE_PASSWORD_FILE": str(target.secrets / f"{service}.password"),
            "ESCARCELLE_DATABASE_OWNER_PASSWORD_FILE": str(target.secrets / f"{service}_owner.password"),
            "ESCARCELLE_AUDIT_DIR": str(target.audit), "ESCARCELLE_AUDIT_KEY_FILE": str(audit_key)}
        server.supervisor.run([program, "--migrate"], environment, what=f"migrating the schema of {service}")
        mails = [gone] if service == "notifications" else []
        server.supervisor.run([program, "--restored", str(epoch), *mails], environment, what=f"making {service} ready")


# ── what was kept outside ────────────────────────────────────────────────────────────────────────────

def archived_mails(maildir):
    """{Message-ID: (date, subject, numbers in it)} of a Maildir."""
    found = {}
    for file in (path for part in ("new", "cur") for path in sorted((maildir / part).glob("*"))):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        names = " ".join(part.get_filename() or "" for part in mail.walk())
        found[str(mail["Message-ID"]).strip("<> ")] = (str(mail["Date"]), str(mail["Subject"]),
                                                       set(NUMBER.findall(f"{mail['Subject']} {names}")))
    return found


def mails_gone_out(archive, maildir):
    """The same of the kept list and of the Maildir, which knows more of each."""
    listed = {row[0]: (row[1], row[2], set(NUMBER.findall(row[3]))) for row in archive.lines("sent.tsv")}
    return listed | (archived_mails(maildir) if maildir else {})


def written(report, shown=None):
    """The report as text: (sentence, lines) each, of which so many are shown; what has no lines to show is left out."""
    text = []
    for sentence, lines in report:
        if lines is None:
            text.append(sentence)
        elif lines:
            more = [f"  … and {len(lines) - shown} more"] if shown and len(lines) > shown else []
            text += ["", f"{sentence} ({len(lines)}):", *(f"  {line}" for line in lines[:shown]), *more]
    return "\n".join(text) + "\n"


def lost_events(archive, server):
    file = archive.kept / "streams.json"
    streams = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for service, kept in sorted(streams.items()):
        (sequence,), = server.rows(f"select first_sequence - 1 from {service}.stream_epoch order by epoch desc limit 1")
        if kept["sequence"] > int(sequence):
            yield f"{service}: {int(sequence) + 1} to {kept['sequence']}, told until {kept['at']}"


def lost_audit(server, target, epoch):
    file = target.audit / f"heads.lost-{epoch}"
    text = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    if text:
        (sequence, at), = server.rows("select h.sequence, coalesce(max(recorded_at)::text, 'never') from accounts.audit_head h "
                                      "left join accounts.audit_entry e using (sequence) group by 1")
        yield f"entries {int(sequence) + 1} to {text[-1].split()[0]}; the last one restored was recorded at {at}"


def compare(archive, server, target, epoch, gone, moment):
    """What the restored database does not know of, and what comes next."""
    known = {key for key, in server.rows("select message_id from notifications.message")}
    issued = {key for key, in server.rows("select number from invoicing.invoice")}
    lost = {key: mail for key, mail in gone.items() if key not in known}
    numbers = {number: "mailed" for mail in lost.values() for number in mail[2]} | {
        row[0]: f"issued {row[1]}, {int(row[3]) / 100:.2f} EUR" for row in archive.lines("issued.tsv")}
    (waiting,), = server.rows("select count(*) from notifications.message where status = 'queued'")
    return [
        (f"Restored to {moment.isoformat() if moment else 'the end of the archive'}; the last transaction is of "
         f"{server.last_commit() or 'before the end of the base backup'}. Epoch {epoch}.", None),
        ("Events that are lost, by stream", list(lost_events(archive, server))),
        ("Audit log that is lost", list(lost_audit(server, target, epoch))),
        ("Numbers that were given and that this database does not know; they are not given again",
         [f"{number}: {what}" for number, what in sorted(numbers.items()) if number not in issued]),
        ("Mails that went out and that this database does not know",
         [f"<{key}> {when} {subject}" for key, (when, subject, _) in lost.items()]),
        (f"\nNew invoices are numbered FA-{time.strftime('%Y')}-R{epoch}-000001 and so on.\n"
         "Everybody logs in anew; look at users, roles and settings that were changed since.\n"
         f"No mail is sent: {waiting} wait. Look at them (/v1/messages?status=queued), then release them:\n"
         "POST /v1/ops/mail-queue/release", None)]


def restore(archive, target, options):
    """All of it; says what was lost."""
    base = choose(archive, options.to_time)
    maildir = options.maildir or (pathlib.Path(base.facts["mail_archive"]) if base.facts["mail_archive"] else None)
    if maildir and not maildir.is_dir():
        raise Failed(f"the archive of mails {maildir} is not there; name it with --maildir")
    if not (options.programs / "accounts").exists():
        raise Failed(f"{options.programs} does not hold the programs; run make MODE=release, or name them with --programs")
    target.claim()
    say(f"copying {base.folder}")
    place_data(archive, base, target)
    place_rest(archive, base, options, target)
    # Not where TMPDIR says: the server's user must be able to get there.
    with tempfile.TemporaryDirectory(prefix="escarcelle-restore-", dir="/tmp") as folder:
        private = pathlib.Path(folder) / "server"
        private.mkdir(mode=0o700)
        os.chmod(folder, 0o711)
        with Supervisor(pathlib.Path(folder) / "pids", pathlib.Path(folder) / "log") as supervisor:
            server = Server(supervisor, private, target.data)
            server.configure(options.to_time)
            say("recovering")
            server.start()
            epoch = new_epoch(server)
            gone = mails_gone_out(archive, maildir)
            ids = pathlib.Path(folder) / "mails"
            ids.write_text("".join(f"{key}\n" for key in gone), encoding="utf-8")
            say("making the services ready to go on")
            make_ready(server, target, options, epoch, ids)
            report = compare(archive, server, target, epoch, gone, options.to_time)
    target.finish(written(report))
    say("\n" + written(report, SHOWN))
    if target.stack:
        say(f"The same in {target.stack.state}/restored.txt. Next: ./scripts/run --state {target.stack.state}")
