# SPDX-License-Identifier: Apache-2.0
"""Faults planted in services: each needs one moment, which is made to come; the referee finds what it bends."""
import contextlib
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import threading
import types

import pytest
import requests
from campaign.faults import Faults, deadly_programs
from campaign.round import Round
from client import Client, RunningStack, new_operator, wait_until
from conftest import build_folder
from factory import funded_client, new_project, new_session, new_training
from planted import PATCHES, Builds
from processes import descendants, title
from tables import Fingerprints
from test_planted_in_events import FAULTS as FAULTS_IN_EVENTS

# Holds the first row with version 1 back until it is opened: what its owner said grows old meanwhile.
GATE = """
create sequence sessions.gate; grant usage on sequence sessions.gate to sessions;
create table sessions.gate_open (at timestamptz); grant select on sessions.gate_open to sessions;
create function sessions.wait_at_gate() returns trigger language plpgsql as $$ begin
    if new.version = 1 and nextval('sessions.gate') = 1 then
        while not exists (select from sessions.gate_open) loop perform pg_sleep(0.02); end loop;
    end if;
    return new;
end $$;
create trigger gate before insert on sessions.project for each row execute function sessions.wait_at_gate()"""
NO_GATE = """
drop trigger gate on sessions.project; drop function sessions.wait_at_gate; drop table sessions.gate_open;
drop sequence sessions.gate"""


class Scene:
    """A stack whose programs die where they are told and can be replaced, and what a scenario leaves to judge."""

    def __init__(self, folder):
        self.programs, plan = deadly_programs(build_folder().resolve(), folder)
        self.stack = RunningStack(folder, self.programs)
        self.stack.start()
        self.admin = Client(self.stack).log_in(self.stack.email, self.stack.password)
        faults = Faults(types.SimpleNamespace(stack=self.stack, plan=plan), random.Random(1))
        self.round = Round(self.stack, 1, faults, callers=0)
        self.known, self.rewritten = set(), set()

    def replace(self, program, built):
        """From now on this build of a program runs."""
        wrapper = self.programs / "bin" / program
        last = wrapper.read_text(encoding="utf-8").splitlines()
        wrapper.write_text("\n".join([*last[:-1], f"exec {shlex.quote(str(built))} \"$@\"\n"]), encoding="utf-8")
        before = self.stack.pid(program)
        os.kill(before, signal.SIGTERM)
        wait_until(lambda: self.stack.pid(program) != before and self.stack.is_ready(), 60)

    def die_at(self, point, act):
        """Repeats an act until it is acknowledged, and somebody has died at the point."""
        self.round.faults.arm(point, 1)

        def acknowledged():
            with contextlib.suppress(requests.ConnectionError):
                answer = act()
                assert answer.status_code in (201, 409, 503, 504), answer.text
                return answer.status_code == 201
        wait_until(acknowledged, 60)
        wait_until(lambda: self.round.faults.deaths(point))
        self.round.faults.arm("", 0)

    def judge(self):
        """Everything that the referee finds once all has come to rest."""
        self.round.rest()
        return {finding for findings in self.round.judge().values() for finding in findings}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    scene = Scene(pathlib.Path(tmp_path_factory.mktemp("scene")))
    yield scene
    scene.stack.stop()


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    yield Builds(folder)
    shutil.rmtree(folder)


# ── the moments ──────────────────────────────────────────────────────────────────────────────────


def plan_a_training(scene, _):
    """The worker dies before it keeps its reply; the caller asks again under the same key."""
    session = new_session(scene.admin, new_project(scene.admin, funded_client(scene.admin)))
    name = f"training-{random.getrandbits(64):x}"
    body = {"title": name, "provider": "Formatys", "cost_cents": 100, "vat_rate_bp": 2000, "date": session["start_date"]}
    scene.die_at("kept reply", lambda: scene.admin.post(f"/v1/sessions/{session['id']}/trainings", body, key=name))
    write = {"name": name, "column": "sessions.training.title", "acknowledged": True}
    scene.round.callers.append(types.SimpleNamespace(writes={name: write}, failure=None, stay=lambda: None))


def invite(scene, _):
    """The one who sends dies before the mail server is asked."""
    address = f"user-{random.getrandbits(64):x}@escarcelle.example"
    scene.die_at("smtp", lambda: scene.admin.post("/v1/users", {
        "email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"}, key=address))


def bill(scene, _):
    """The worker dies after it took a number; the caller asks again."""
    project = new_project(scene.admin, funded_client(scene.admin, commission={
        "basis": "consumed_value", "rate_bp": 500, "triggers": ["project_closed"]}))
    session = new_session(scene.admin, project)
    new_training(scene.admin, session, 100_000)
    scene.admin.act(f"/v1/sessions/{session['id']}/complete")
    wait_until(lambda: scene.stack.query("select 1 from invoicing.session where id = %s and status = 'completed'", session["id"]))
    scene.die_at("kept reply", lambda: scene.admin.post(f"/v1/projects/{project['id']}/invoices", key=project["id"]))


def courier_of(stack, program):
    """None while there is none."""
    return next((pid for pid in descendants(stack.pid(program)) if title(pid).endswith("--role=courier")), None)


def refer_to_a_project_that_changes(scene, _):
    """A worker asks the owner, and keeps the answer after the stream has brought something newer."""
    stack, project = scene.stack, None
    client = funded_client(scene.admin)
    courier = wait_until(lambda: courier_of(stack, "sessions"))
    stack.query(GATE)
    os.kill(courier, signal.SIGSTOP)
    try:
        project = new_project(scene.admin, client)
        asking = threading.Thread(target=lambda: scene.admin.post(f"/v1/projects/{project['id']}/sessions", {
            "title": "Negotiation", "start_date": "2026-12-01", "end_date": "2026-12-02"}))
        asking.start()
        wait_until(lambda: stack.query("select is_called from sessions.gate")[0][0])
        scene.admin.change(f"/v1/projects/{project['id']}", {"name": "Sales academy II"})
    finally:
        os.kill(courier, signal.SIGCONT)
    wait_until(lambda: stack.query("select 1 from sessions.project where id = %s and version > 1", project["id"]))
    stack.query("insert into sessions.gate_open values (now())")
    asking.join()
    stack.query(NO_GATE)


def rebuild(scene, program):
    """Projections are filled anew while all runs."""
    new_operator(scene.stack, scene.admin)
    scene.admin.delete(f"/v1/projects/{new_project(scene.admin, funded_client(scene.admin))['id']}")
    before = Fingerprints(scene.stack).settled()
    result = subprocess.run([program, "--rebuild"], env=scene.stack.place.migrate_environment("notifications"),
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    after = Fingerprints(scene.stack).settled()
    scene.rewritten = {table for table in before if before[table] != after[table]} - {
        f"notifications.{table}" for table in ("client", "project", "settings", "funding_call", "invoice")}


# Where it is planted, the moment, and the finding.
FAULTS = {
    # A crash in between lets the same request be done again.
    "key_kept_after_commit": ("sessions", plan_a_training, r"sessions.training.title training-\w+: acknowledged True, stored 2 times"),
    # A crash in between loses the mail.
    "mail_sent_before_answer": ("notifications", invite, r"<.*> is sent but did not arrive"),
    # A crash in between leaves a gap, which no auditor accepts.
    "number_outside_transaction": ("invoicing", bill, r"FA-\d{4}-\d{6} stands where FA-\d{4}-\d{6} should"
                                                      r"|trigger [0-9a-f-]+ is billed with 0 invoices"),
    # What an owner said once replaces what its stream has said since.
    "projection_without_guard": ("sessions", refer_to_a_project_that_changes,
                                 r"budgeting.project [0-9a-f-]+ has version 2, in sessions.project 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_referee_finds_what_is_planted(scene, builds, fault):
    """The same moment comes twice: nothing is found before the fault is planted, it is found afterwards."""
    program, moment, finding = FAULTS[fault]
    moment(scene, program)
    assert scene.judge() == scene.known
    with builds.planted(fault, f"bin/{program}") as built:
        scene.replace(program, built)
        moment(scene, program)
        found = scene.judge() - scene.known
    scene.known |= found
    assert found and all(re.fullmatch(finding, one) for one in found), found
    scene.replace(program, (build_folder() / "bin" / program).resolve())


def test_a_rebuild_that_reacts_is_seen_in_the_tables(scene, builds):
    rebuild(scene, build_folder().resolve() / "bin" / "notifications")
    assert scene.rewritten == set()
    with builds.planted("rebuild_that_reacts", "bin/notifications") as built:
        rebuild(scene, built)
    assert "notifications.message" in scene.rewritten


def test_every_fault_is_looked_for():
    assert {file.stem for file in PATCHES.glob("*.patch")} == {*FAULTS_IN_EVENTS, *FAULTS, "rebuild_that_reacts"}
