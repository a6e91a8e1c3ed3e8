# SPDX-License-Identifier: Apache-2.0
"""Backup and restore, rehearsed: a stack is backed up while it works, lost, and put back to a moment between."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import types
from datetime import datetime, timezone

import pytest
from campaign.load import Caller, Until
from campaign.round import Round
from client import Client, RunningStack, expect, problem, wait_until
from cluster import DATABASE, SUPERUSER
from conftest import build_folder
from factory import funded_client, new_project, new_session, new_training
from identifiers import new_email
from interference import children, stopped
from stack import REPOSITORY
from streams import SERVICES

SEED, CALLERS, LOAD_SECONDS_MAX, PATIENCE = 20261128, 2, 300, 120
INVOICES = "select number from invoicing.invoice"
MESSAGES = "select message_id, status from notifications.message where direction = 'out'"
QUEUE = "/v1/ops/mail-queue"


class RememberingCaller(Caller):
    """Knows of each of its writes when it was begun and answered: what a database of some moment must hold."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.history = []

    def create(self, entity, path, body, text):
        with self.remembered(f"{self.prefix}-{self.count + 1}"):
            return super().create(entity, path, body, text)

    def remove(self, path, thing):
        with self.remembered(f"{thing['written']} removed"):
            super().remove(path, thing)

    def remembered(self, written):
        return Remembered(self, written)

    def go_back(self, moment):
        """Its record as of a moment; what was under way then may be there or not."""
        self.writes = {}
        for write, begun, ended in self.history:
            kept = self.writes.setdefault(write["name"], write | {"acknowledged": False})
            if begun <= moment:
                kept["acknowledged"] = write["acknowledged"] if ended <= moment else None


class Remembered:
    def __init__(self, caller, written):
        self.caller, self.written, self.begun = caller, written, time.time()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        write = {name: self.caller.writes[self.written][name] for name in ("name", "column", "acknowledged")}
        self.caller.history.append((write, self.begun, time.time()))


def script(name, *arguments, **environment):
    return subprocess.run([REPOSITORY / "scripts" / name, *arguments], env=os.environ | environment, capture_output=True,
                          text=True, check=False)


def restored_to(archive, state, moment, *more):
    return script("restore", "--from", archive, "--state", state, "--to-time", moment.isoformat(), "--programs",
                  build_folder() / "bin", *more)


def invite(admin, address):
    return admin.create("/v1/users", {"email": address, "first_name": "Odile", "last_name": "Perrin", "role": "operator"})


def token_of(caller):
    return caller.session.headers["Authorization"].split()[1]


def start_callers(kind, stack, token, until):
    callers = [kind(stack.url, stack.ca_file, token, SEED + number, until) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    return callers


def join(callers):
    for caller in callers:
        caller.join()
        assert caller.failure is None


def bill(stack, admin):
    """The number of the invoice that a completed session makes, once it is in the mail."""
    client = funded_client(admin, commission={"basis": "consumed_value", "rate_bp": 500, "triggers": ["session_completed"]})
    project = new_project(admin, client)
    session = new_session(admin, project)
    new_training(admin, session, 405_000)
    admin.act(f"/v1/sessions/{session['id']}/complete")
    (number,), = wait_until(lambda: stack.query(
        "select i.number from invoicing.invoice i join notifications.message m on m.document_id = i.id "
        "where i.project_id = %s", project["id"]), PATIENCE)
    return number


class Lost:
    """The stack that was lost, as far as others remember it: it worked while it was backed up, and until its end."""

    def __init__(self, stack, archive):
        self.place, self.maildir, self.archive = stack.place, stack.maildir, archive
        self.read_mails = {}
        self.admin = Client(stack).log_in(stack.email, stack.password)
        self.token = token_of(self.admin)
        self.user = invite(self.admin, new_email("odile"))
        until = Until(LOAD_SECONDS_MAX, PATIENCE)
        self.callers = start_callers(RememberingCaller, stack, self.token, until)
        result = script("backup", "--state", stack.state, "--to", archive)
        assert result.returncode == 0, result.stderr
        self.said = result.stdout
        self.known = bill(stack, self.admin)
        senders, begun = children(stack, "notifications", "jobs"), time.time()
        with stopped(*senders):
            self.go_on_around_the_moment(stack)
        self.stalls = [(begun, time.time(), f"freeze {sender}") for sender in senders]
        until.end = time.monotonic()
        join(self.callers)
        self.settle(stack)
        os.kill(stack.pid("supervisor"), signal.SIGKILL)
        stack.stop()

    def go_on_around_the_moment(self, stack):
        """A mail waits at the moment and goes out after it; after it an invoice is issued and a user disabled."""
        self.late, self.held = (self.waiting(stack, invite(self.admin, new_email(name))["email"]) for name in ("late", "held"))
        stack.query("update notifications.message set status = 'held' where message_id = %s", self.held)
        self.moment = stack.query("select clock_timestamp()")[0][0].astimezone(timezone.utc)
        stack.query("update notifications.message set status = 'queued' where message_id = %s", self.held)
        expect(self.admin.delete(f"/v1/users/{self.user['id']}"), 204)
        self.unknown = bill(stack, self.admin)

    def waiting(self, stack, recipient):
        """The Message-ID of the mail to somebody, which waits."""
        (message_id,), = wait_until(lambda: stack.query(
            "select message_id from notifications.message where recipient = %s", recipient), PATIENCE)
        return message_id

    def settle(self, stack):
        """Until all mails are out, and what is kept beside the WAL has come as far as the stack."""
        wait_until(lambda: not stack.query("select 1 from notifications.message where status = 'queued'"), PATIENCE)
        self.numbers = {number for number, in stack.query(INVOICES)}
        kept = self.archive / "kept" / "issued.tsv"
        wait_until(lambda: self.numbers <= {line.split("\t")[0] for line in
                                            kept.read_text(encoding="utf-8").splitlines()}, PATIENCE)
        heads = self.archive / "kept" / "heads"
        (restored,), = stack.query("select max(sequence) from accounts.audit_entry where recorded_at <= %s", self.moment)
        wait_until(lambda: int(heads.read_text(encoding="ascii").splitlines()[-1].split()[0]) > restored, PATIENCE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pathlib.Path(tmp_path_factory.mktemp("restore"))


@pytest.fixture(scope="module")
def lost(start_stack, folder):
    return Lost(start_stack(), folder / "backups")


@pytest.fixture(scope="module")
def restored(lost, folder):
    """The stack as it was at the moment, running again; `report` is what the restore said."""
    stack = RunningStack(folder / "new", build_folder())
    stack.state.parent.mkdir()
    result = restored_to(lost.archive, stack.state, lost.moment)
    assert result.returncode == 0, result.stdout + result.stderr
    stack.report = (stack.state / "restored.txt").read_text(encoding="utf-8")
    stack.epoch = int(re.search(r"Epoch (\d+)\.", stack.report).group(1))
    stack.start("--port", "0")
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def admin(restored):
    return Client(restored).log_in(restored.email, restored.password)


def test_a_base_backup_is_whole_verified_and_closed_to_others(lost):
    base, = (lost.archive / "base").iterdir()
    assert "verified" in lost.said and (base / "data" / "backup_manifest").exists()
    for name in ("secrets", "keys", "tls", "audit"):
        source = lost.place.state / name
        assert {file.name for file in (base / name).iterdir()} == {file.name for file in source.iterdir()}
        assert all(file.stat().st_mode & 0o077 == 0 for file in (base / name).glob("*.[ks]e*"))
    assert (lost.archive.stat().st_mode & 0o777, base.stat().st_mode & 0o777) == (0o700, 0o700)


@pytest.mark.parametrize("moment, said", [
    (datetime(2020, 1, 1, tzinfo=timezone.utc), "nothing earlier can be restored"),
    (datetime(2099, 1, 1, tzinfo=timezone.utc), "leave --to-time out"),
])
def test_a_moment_that_the_archive_does_not_hold_is_refused(lost, folder, moment, said):
    result = restored_to(lost.archive, folder / "never", moment)
    assert result.returncode == 1 and said in result.stderr
    assert not (folder / "never").exists()


def test_half_a_base_backup_is_none_and_nothing_is_overwritten(lost, folder):
    half = folder / "half"
    base, = (lost.archive / "base").iterdir()
    (half / "base" / ".part-1").mkdir(parents=True)
    shutil.copy(base / "backup.json", half / "base" / ".part-1")
    (half / "base" / "20990101T000000Z").mkdir()
    result = restored_to(half, folder / "never", lost.moment)
    assert result.returncode == 1 and "holds no base backup" in result.stderr
    result = restored_to(lost.archive, lost.place.state, lost.moment)
    assert result.returncode == 1 and "is there already" in result.stderr


def test_every_stream_goes_on_in_a_new_epoch(restored, admin):
    """A consumer elsewhere that had read more than is there now notices; one that had not goes on."""
    for service in SERVICES:
        (epoch, first, previous), = restored.query(
            f"select epoch, first_sequence, previous_hash from {service}.stream_epoch order by epoch desc limit 1")
        (last,), = restored.query(f"select hash from {service}.event_log where sequence = %s", first - 1)
        assert (epoch, bytes(previous)) == (restored.epoch, bytes(last))
        wait_until(lambda s=service, f=first: restored.query(
            f"select epoch, type from {s}.event_log where sequence >= %s and type = 'ops.DatabaseRestored'", f)
            == [(restored.epoch, "ops.DatabaseRestored")])


def test_what_was_lost_is_said(lost, restored):
    """Which events, which entries of the audit log, which numbers and which mails the database no longer knows."""
    known = {number for number, in restored.query(INVOICES) if "-R" not in number}
    assert lost.known in known and lost.unknown not in known and known <= lost.numbers
    for number in lost.numbers:
        assert (f"{number}: issued" in restored.report) == (number not in known)
    messages = dict(restored.query(MESSAGES))
    gone = {mail["Message-ID"].strip("<>") for mail in RunningStack.mails(lost)}
    assert gone - set(messages)
    assert {key for key in gone if f"<{key}>" in restored.report} == gone - set(messages)
    assert re.search(r"invoicing: \d+ to \d+, told until", restored.report)
    assert re.search(r"entries \d+ to \d+; the last one restored was recorded at 20", restored.report)


def test_the_audit_log_verifies_and_tells_of_the_restore(restored, admin):
    """ACC-7: the chain goes on from where it was; the heads beyond are kept apart, and the log says so itself."""
    assert admin.read("/v1/audit-entries/verification")["verified"]
    told = wait_until(lambda: (found := admin.read("/v1/audit-entries", type="ops.DatabaseRestored")["audit_entries"])
                      and len(found) == len(SERVICES) and found)
    changes = {change["field"]: change["after"] for entry in told for change in entry["changes"]}
    heads = (restored.place.audit / f"heads.lost-{restored.epoch}").read_text(encoding="ascii").split("\n")
    assert int(changes["audit_lost_through"]) == int(heads[-2].split()[0]) > int(changes["audit_sequence"])
    assert int(changes["epoch"]) == restored.epoch


def test_everybody_logs_in_anew(lost, restored, admin):
    """ACC-5: a token that was ended after the moment must not come back to life, hence none does."""
    old = Client(restored)
    old.session.headers["Authorization"] = f"Bearer {lost.token}"
    assert old.get("/v1/me").status_code == 401
    assert restored.query("select 1 from accounts.password_link where used_at is null") == []
    assert admin.read(f"/v1/users/{lost.user['id']}")["status"] == "invited"


def test_no_mail_goes_before_the_queue_is_released(lost, restored, admin):
    """What waited at the moment and went out after it is noted as sent; what comes now waits."""
    statuses = dict(restored.query(MESSAGES))
    assert statuses[lost.late] == statuses[lost.held] == "sent"
    invite(admin, "waits@escarcelle.example")
    wait_until(lambda: restored.query("select 1 from notifications.message where status = 'queued' "
                                      "and recipient = 'waits@escarcelle.example'"))
    queue = admin.read(QUEUE)
    assert queue["status"] == "paused" and queue["waiting"] >= 1
    assert [alert["audience"] for alert in admin.read("/v1/alerts")["alerts"] if alert["kind"] == "mails_paused"] == [
        "administrators"]
    found, = (program for program in admin.read("/v1/ops/services")["services"] if program["program"] == "notifications")
    failed, = (check for check in found["checks"] if not check["ok"])
    assert failed["name"] == "mails" and QUEUE in failed["detail"]
    assert restored.mails() == []
    tried = admin.act(QUEUE + "/release", headers={"Prefer": "dry-run"})
    assert [event["type"] for event in tried["events"]] == ["notifications.MailQueueReleased"]
    assert admin.read(QUEUE)["status"] == "paused" and restored.mails() == []
    assert admin.act(QUEUE + "/release")["status"] == "running"
    restored.mail("waits@escarcelle.example", timeout=PATIENCE)
    problem(admin.post(QUEUE + "/release"), 409, "wrong_state")


def test_an_administrator_pauses_the_mails(restored, admin):
    """By hand too: what comes waits, the reason is shown, and the release sends it."""
    paused = admin.act(QUEUE + "/pause", {"reason": "The mail server moves."})
    assert (paused["status"], paused["reason"]) == ("paused", "The mail server moves.")
    problem(admin.post(QUEUE + "/pause", {"reason": "again"}), 409, "wrong_state")
    invite(admin, "waits.too@escarcelle.example")
    wait_until(lambda: restored.query("select 1 from notifications.message where status = 'queued' "
                                      "and recipient = 'waits.too@escarcelle.example'"), PATIENCE)
    assert restored.mails("waits.too@escarcelle.example") == []
    admin.act(QUEUE + "/release")
    restored.mail("waits.too@escarcelle.example", timeout=PATIENCE)


def test_work_goes_on_and_the_referee_finds_nothing(lost, restored, admin):
    """New numbers are of a new series; of the old world all is there that was acknowledged before the moment."""
    known = set(dict(restored.query(MESSAGES)))
    rounds = Round(restored, SEED, token=token_of(admin))
    rounds.callers = start_callers(Caller, restored, rounds.token, Until(2, PATIENCE))
    join(rounds.callers)
    series = f"-R{restored.epoch}-"
    assert series in bill(restored, admin)
    rounds.rest()
    for number, in restored.query(INVOICES):
        assert (series in number) == (number not in lost.numbers)
    assert f"FA-{lost.unknown[3:7]}{series}000001" in {number for number, in restored.query(INVOICES)}
    for file in (lost.maildir / "new").iterdir():
        key = re.search(rb"(?im)^Message-ID:\s*<([^>]+)>", file.read_bytes()).group(1).decode()
        if key in known:
            shutil.copy(file, restored.maildir / "new" / file.name)
    for caller in lost.callers:
        caller.go_back(lost.moment.timestamp())
    rounds.callers += lost.callers
    rounds.faults = types.SimpleNamespace(done=lost.stalls)
    assert {what: found for what, found in rounds.judge().items() if found} == {}


# ── clusters that scripts/run did not start ─────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def unlisted(lost, folder):
    """The archive as if nobody had kept lists beside the WAL."""
    archive = folder / "unlisted"
    (archive / "kept").mkdir(parents=True)
    for name in ("base", "wal"):
        (archive / name).symlink_to(lost.archive / name)
    return archive


@pytest.fixture(scope="module")
def maildir(lost, folder):
    """The archive of mails, and in it one that no database knows."""
    copy = folder / "maildir"
    shutil.copytree(lost.maildir, copy)
    (copy / "new" / "stranger").write_text("Message-ID: <stranger@escarcelle.example>\nSubject: Invoice FA-2026-999999\n\n",
                                           encoding="ascii")
    return copy


def told(report, sentence):
    """The number that a sentence of a report holds."""
    return int(re.search(sentence, report).group(1))


def test_mails_that_no_list_names_are_found_in_their_archive(lost, restored, unlisted, maildir, folder):
    """They are told of and not sent again. The cluster is put back by its folders: secrets that are there stay, of the
    heads the newer ones count."""
    target, heads = folder / "any", lost.archive / "kept" / "heads"
    (target / "secrets").mkdir(parents=True)
    (target / "secrets" / "administrator.password").write_text("another", encoding="ascii")
    result = script("restore", "--from", unlisted, "--to-time", lost.moment.isoformat(), "--data", target / "data",
                    "--secrets", target / "secrets", "--audit", target / "audit", "--maildir", maildir, "--heads", heads,
                    "--programs", build_folder() / "bin")
    assert result.returncode == 0, result.stdout + result.stderr
    for sentence, more in ((r"Mails that went out and that this database does not know \((\d+)\)", 1),
                           (r"No mail is sent: (\d+) wait", 0)):
        assert told(result.stdout, sentence) == told(restored.report, sentence) + more
    assert all(f"\n  {number}: mailed\n" in result.stdout for number in (lost.unknown, "FA-2026-999999"))
    assert told(result.stdout, r"entries \d+ to (\d+); the last one restored") == int(
        heads.read_text(encoding="ascii").splitlines()[-1].split()[0])
    assert (target / "data" / "PG_VERSION").exists()
    assert {file.name for file in (target / "secrets").iterdir()} == {
        file.name for file in restored.place.secrets.iterdir()}
    assert (target / "secrets" / "administrator.password").read_text(encoding="ascii") == "another"


def test_any_cluster_is_backed_up_by_its_name_and_its_folders(restored, folder):
    """Its WAL and what leaves the house are kept by a process of its own; of its folders those that were named are in
    the backup."""
    place, archive = restored.place, folder / "elsewhere"
    source = ("--database", f"host={place.sockets / 'postgres'} user={SUPERUSER} dbname={DATABASE} "
              f"passfile={place.secrets / 'superuser.pgpass'}", "--secrets", place.secrets, "--audit", place.audit,
              "--to", archive)
    follower = subprocess.Popen([REPOSITORY / "scripts" / "backup", *source, "--follow"])
    try:
        wait_until(lambda: (archive / "kept" / "streams.json").exists()
                   and restored.query("select 1 from pg_replication_slots where active"))
        result = script("backup", *source)
        assert result.returncode == 0 and "verified" in result.stdout, result.stderr
        base, = (archive / "base").iterdir()
        assert {path.name for path in base.iterdir()} == {"data", "secrets", "audit", "backup.json"}
        sent = {row for row, in restored.query("select message_id from notifications.message where status = 'sent' "
                                               "and direction = 'out'")}
        assert sent
        wait_until(lambda: {line.split("\t")[0] for line in (archive / "kept" / "sent.tsv").read_text(
            encoding="utf-8").splitlines()} >= sent)
        assert any((archive / "wal").iterdir()) and (archive / "kept" / "heads").exists()
    finally:
        follower.terminate()
        follower.wait()


# ── heads that don't fit ────────────────────────────────────────────────────────────────────────────


def refused_epoch(restored, epoch, **configuration):
    """What a service says that refuses to go on in an epoch; nothing has changed then."""
    environment = restored.place.service_environment("accounts", 1, 0) | configuration
    result = subprocess.run([build_folder() / "bin" / "accounts", "--restored", str(epoch)],
                            env=os.environ | environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert restored.query("select epoch from accounts.stream_head") == [(restored.epoch,)]
    return result.stdout + result.stderr


def refused_heads(restored, audit):
    """The same of one that would go on if it were not for these heads."""
    before = (audit / "heads").read_bytes()
    said = refused_epoch(restored, restored.epoch + 1, ESCARCELLE_AUDIT_DIR=str(audit))
    assert (audit / "heads").read_bytes() == before
    return said


def test_a_log_that_is_not_the_one_whose_heads_were_kept_is_refused(lost, restored, admin, folder):
    """What was lost was signed by the same key, but where it had come the log has gone on in another way."""
    last = (lost.archive / "kept" / "heads").read_text(encoding="ascii").splitlines()[-1].split()[0]

    def gone_on():
        for days in (3, 4) * 10:
            admin.change("/v1/settings", {"review_link_days": days})
        return restored.query("select 1 from accounts.audit_entry where sequence = %s", last)
    wait_until(gone_on)
    other = folder / "other"
    other.mkdir()
    shutil.copy(lost.archive / "kept" / "heads", other)
    assert f"head {last} in {other}/heads: the restored log is not the one whose head was kept" in refused_heads(restored, other)


def test_a_head_that_we_did_not_sign_is_refused(restored, folder):
    forged = folder / "forged"
    forged.mkdir()
    sequence, digest, signature = (restored.place.audit / "heads").read_text(encoding="ascii").splitlines()[0].split()
    (forged / "heads").write_text(f"{sequence} {digest[::-1]} {signature}\n", encoding="ascii")
    assert f"head {sequence} in {forged}/heads: its signature is not ours" in refused_heads(restored, forged)


def test_a_line_that_is_no_head_is_refused(restored, folder):
    """What is behind it would otherwise be left out of the new file."""
    spoilt = folder / "spoilt"
    spoilt.mkdir()
    head, *others = (restored.place.audit / "heads").read_text(encoding="ascii").splitlines()
    (spoilt / "heads").write_text("\n".join([head, "x", *others]) + "\n", encoding="ascii")
    assert f"line 2 of {spoilt}/heads is no head" in refused_heads(restored, spoilt)


# ── another restore in the same minute ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("earlier", [0, 1])
def test_an_epoch_that_a_service_has_lived_in_is_not_begun_again(restored, admin, earlier):
    """Nothing would be held back that the second restore brings back to life."""
    assert f"the stream is in epoch {restored.epoch} already; name a later one" in refused_epoch(
        restored, restored.epoch - earlier)


@pytest.fixture(scope="module")
def first_minute(restored, folder):
    """An environment whose clock still shows the minute of the first restore."""
    clock = folder / "clock"
    clock.mkdir()
    then = datetime.strptime(f"{restored.epoch}+0000", "%y%m%d%H%M%z").timestamp()
    (clock / "sitecustomize.py").write_text(
        f"import time\nreal = time.gmtime\ntime.gmtime = lambda *at: real(*at or ({then},))\n", encoding="ascii")
    return {"PYTHONPATH": str(clock)}


def test_a_restore_in_the_minute_of_another_begins_an_epoch_of_its_own(restored, folder, first_minute):
    """Of all streams, of the numbers, and in what it says; each service does again what it does after a restore."""
    archive, again = folder / "same minute", RunningStack(folder / "again", build_folder())
    result = script("backup", "--state", restored.state, "--to", archive)
    assert result.returncode == 0, result.stderr
    result = script("restore", "--from", archive, "--state", again.state, "--programs", build_folder() / "bin", **first_minute)
    assert result.returncode == 0, result.stdout + result.stderr
    epoch = restored.epoch + 1
    assert f"Epoch {epoch}." in result.stdout and f"-R{epoch}-000001" in result.stdout
    try:
        again.start("--port", "0")
        caller = Client(again).log_in(again.email, again.password)
        assert caller.read(QUEUE)["status"] == "paused"
        assert again.query("select distinct epoch from invoicing.invoice_series") == [(epoch,)]
        for service in SERVICES:
            assert again.query(f"select epoch from {service}.stream_head") == [(epoch,)]
    finally:
        again.stop()
