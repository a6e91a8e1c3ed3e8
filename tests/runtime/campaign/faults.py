# SPDX-License-Identifier: Apache-2.0
"""What is done to a stack by chance: single processes, whole programs and all of them at once are killed, frozen and
restarted, the wires between them fail."""
import collections
import os
import pathlib
import shlex
import signal
import struct
import time

import psycopg2
from campaign.network import TROUBLES
from processes import descendants

SINK, DATABASE = "smtp-sink", "postgres"
FREEZE_SECONDS = (0.05, 4.0)  # the courier's lease is 2
TROUBLE_SECONDS = (0.1, 5.0)
PAUSE_SECONDS = (0.05, 1.5)
# Between two moments at which everything is killed: starting again takes its time.
POWER_CUT_SECONDS = 45


# Where a program dies (tests/runtime/preload/deadly.c), and how many pass before the one that does.
POINTS = ("commit", "commit sent", "committed", "outbox", "numbering", "head", "cursor", "kept reply", "publish",
          "published", "reply", "smtp", "smtp accepted")
PASSES_MAX = 30
PLAN = struct.Struct("32sii")


def deadly_programs(build, folder):
    """Programs that die where a plan says: (their folder, the plan's file)."""
    plan, programs = folder / "deadly.plan", folder / "deadly" / "bin"
    plan.write_bytes(bytes(PLAN.size))
    programs.mkdir(parents=True)
    for program in (build / "bin").iterdir():
        if program.is_file():
            wrapper = programs / program.name
            # ASan wants to come first, unless it is told that what comes before it is meant.
            wrapper.write_text(f"#!/bin/sh\nexport DEADLY_PLAN={shlex.quote(str(plan))}\n"
                               "export ASAN_OPTIONS=\"$ASAN_OPTIONS:verify_asan_link_order=0\"\n"
                               f"export LD_PRELOAD={shlex.quote(str(build / 'bin' / 'runtime' / 'deadly.so'))}\n"
                               f"exec {shlex.quote(str(program))} \"$@\"\n", encoding="utf-8")
            wrapper.chmod(0o755)
    return programs.parent, plan


class Faults:
    """Does one fault after the other; `done` lists them: from when, until when, what."""

    def __init__(self, stand, chance):
        self.stand, self.stack, self.random, self.plan = stand, stand.stack, chance, stand.plan
        stack = self.stack
        self.done, self.frozen, self.died = [], [], collections.Counter()
        self.power_cut_at = time.monotonic()
        self.services = stack.place.services()
        apart = ("supervisor", SINK, DATABASE)
        self.programs = sorted(file.stem for file in stack.place.pids.glob("*.pid") if file.stem not in apart)

    def pid(self, program):
        """None while it is being started again; its number may be another's by then."""
        try:
            pid, supervisor = self.stack.pid(program), self.stack.pid("supervisor")
        except (OSError, ValueError):
            return None
        return pid if pid in descendants(supervisor) else None

    def send(self, pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    # ── the faults ───────────────────────────────────────────────────────────────────────────────

    def kill_child(self):
        program = self.random.choice(self.programs)
        parent = self.pid(program)
        children = descendants(parent)[1:] if parent else []
        if children:
            self.send(self.random.choice(children), signal.SIGKILL)
        return f"kill a child of {program}"

    def kill_program(self):
        program = self.random.choice((*self.programs, SINK))
        parent = self.pid(program)
        if parent:
            self.send(parent, signal.SIGKILL)
        return f"kill {program}"

    def restart_program(self):
        program = self.random.choice(self.programs)
        parent = self.pid(program)
        if parent:
            self.send(parent, signal.SIGTERM)
        return f"restart {program}"

    def freeze(self):
        program = self.random.choice((*self.programs, SINK))
        parent = self.pid(program)
        victims = descendants(parent) if parent else []
        if not victims:
            return f"nothing to freeze of {program}"
        victim, seconds = self.random.choice(victims), self.random.uniform(*FREEZE_SECONDS)
        self.send(victim, signal.SIGSTOP)
        self.frozen.append((time.monotonic() + seconds, victim))
        return f"freeze a process of {program} for {seconds:.1f} s"

    def freeze_all(self):
        """A whole program at once: nobody of it notices that time passes."""
        program = self.random.choice((*self.programs, DATABASE, "supervisor"))
        parent, seconds = self.pid(program), self.random.uniform(*FREEZE_SECONDS)
        for victim in [parent] if program == "supervisor" else descendants(parent) if parent else []:
            if victim:
                self.send(victim, signal.SIGSTOP)
                self.frozen.append((time.monotonic() + seconds, victim))
        return f"freeze {program} for {seconds:.1f} s"

    def kill_programs(self):
        """All that are ours, at times with PostgreSQL, at the same moment; their supervisor starts them again."""
        programs = [*self.programs, SINK, *self.random.choice(([], [DATABASE]))]
        for pid in filter(None, map(self.pid, programs)):
            self.send(pid, signal.SIGKILL)
        if DATABASE in programs:
            return "kill all programs and PostgreSQL"
        return "kill all programs"

    def cut_power(self):
        """Everything ends at once and is started again, at times to end a second time on its way up. At times only the
        supervisor dies, and what it ran is asked to end."""
        if time.monotonic() - self.power_cut_at < POWER_CUT_SECONDS:
            return self.kill_programs()
        alone, again = self.random.random() < 0.3, self.random.random() < 0.3
        moment = self.random.uniform(0.2, 4.0)
        self.frozen.clear()
        self.stand.network.heal()
        self.arm("", 0)
        self.stand.cut_power(alone)
        if again:
            self.stand.start_in_vain(moment)
        self.stand.run()
        self.power_cut_at = time.monotonic()
        return "kill the supervisor" if alone else "cut the power" + (" twice" if again else "")

    def trouble_wire(self):
        wire, kind = self.random.choice(sorted(self.stand.network.ports)), self.random.choice(TROUBLES)
        seconds = self.random.uniform(*TROUBLE_SECONDS)
        self.stand.network.trouble(wire, kind, seconds)
        return f"{kind} {wire} for {seconds:.1f} s"

    def break_database(self):
        parent = self.pid(DATABASE)
        children = descendants(parent)[1:] if parent else []
        if children and self.random.random() < 0.7:
            self.send(self.random.choice(children), signal.SIGKILL)  # the server ends all sessions and recovers
            return "kill a backend of PostgreSQL"
        number, how = self.random.choice(((signal.SIGQUIT, "stop PostgreSQL at once"), (signal.SIGINT, "restart PostgreSQL"),
                                          (signal.SIGKILL, "kill PostgreSQL")))
        if parent:
            self.send(parent, number)
        return how

    def cut_sessions(self):
        frozen = {pid for _, pid in self.frozen}
        if frozen & set(descendants(self.pid(DATABASE) or 0)):
            return "no session to cut: PostgreSQL is frozen"  # and would answer only when this thread thaws it
        rows = self.stack.query("select pg_terminate_backend(pid) from pg_stat_activity "
                                "where usename = %s", self.random.choice(self.services))
        return f"cut {len(rows)} database sessions"

    def die_at(self):
        point, passes = self.random.choice(POINTS), self.random.randint(1, PASSES_MAX)
        self.arm(point, passes)
        return f"die at {point}"

    def arm(self, point, passes):
        """Written in place: every process of the stack has the file mapped. Notes who died at the point before."""
        with open(self.plan, "r+b") as file:
            before, _, deaths = PLAN.unpack(file.read(PLAN.size))
            if deaths:
                self.died[before.rstrip(b"\0").decode()] += deaths
            file.seek(0)
            file.write(PLAN.pack(point.encode(), passes, 0))

    def deaths(self, point):
        """How often somebody died at the point that was armed last."""
        armed, _, deaths = PLAN.unpack(self.plan.read_bytes())
        return deaths if armed.rstrip(b"\0").decode() == point else 0

    # ── by chance ────────────────────────────────────────────────────────────────────────────────

    def one(self):
        fault = self.random.choices(
            (self.die_at, self.kill_child, self.kill_program, self.restart_program, self.freeze, self.freeze_all,
             self.trouble_wire, self.break_database, self.cut_sessions, self.kill_programs, self.cut_power),
            (10, 5, 3, 3, 4, 2, 8, 1, 2, 1, 1))[0]
        began = time.time()
        try:
            what = fault()
        except psycopg2.Error:
            what = f"{fault.__name__}: the database was away already"
        self.done.append((began, time.time(), what))

    def thaw(self, all_of_them=False):
        now = time.monotonic()
        for due, pid in list(self.frozen):
            if all_of_them or now >= due:
                self.send(pid, signal.SIGCONT)
                self.frozen.remove((due, pid))

    def go_on(self, seconds):
        """One fault after the other for so long; in the end everything runs again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.one()
            resume = time.monotonic() + self.random.uniform(*PAUSE_SECONDS)
            while time.monotonic() < resume:
                self.thaw()
                time.sleep(0.02)
        self.thaw(all_of_them=True)
        self.stand.network.heal()
        self.arm("", 0)
