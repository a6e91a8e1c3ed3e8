# SPDX-License-Identifier: Apache-2.0
"""What is done to a stack by chance: single processes and whole programs are killed, frozen and restarted."""
import collections
import os
import pathlib
import shlex
import signal
import struct
import time

import psycopg2

SINK, DATABASE = "smtp-sink", "postgres"
FREEZE_SECONDS = (0.05, 4.0)  # the courier's lease is 2
PAUSE_SECONDS = (0.05, 1.5)


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
            wrapper.write_text(f"#!/bin/sh\nexport DEADLY_PLAN={shlex.quote(str(plan))}\n"
                               f"export LD_PRELOAD={shlex.quote(str(build / 'bin' / 'runtime' / 'deadly.so'))}\n"
                               f"exec {shlex.quote(str(program))} \"$@\"\n", encoding="utf-8")
            wrapper.chmod(0o755)
    return programs.parent, plan


def descendants(pid):
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        try:
            text = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += map(int, text.split())
    return found


class Faults:
    """Does one fault after the other; `done` lists them."""

    def __init__(self, stack, chance, plan):
        self.stack, self.random, self.plan = stack, chance, plan
        self.done, self.frozen, self.died = [], [], collections.Counter()
        self.services = stack.place.services()
        apart = ("supervisor", SINK, DATABASE)
        self.programs = sorted(file.stem for file in stack.place.pids.glob("*.pid") if file.stem not in apart)

    def pid(self, program):
        """None while it is being started again."""
        try:
            pid = self.stack.pid(program)
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return None

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

    def break_database(self):
        parent = self.pid(DATABASE)
        children = descendants(parent)[1:] if parent else []
        if children and self.random.random() < 0.7:
            self.send(self.random.choice(children), signal.SIGKILL)  # the server ends all sessions and recovers
            return "kill a backend of PostgreSQL"
        if parent:
            self.send(parent, signal.SIGQUIT)
        return "stop PostgreSQL at once"

    def cut_sessions(self):
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
            (self.die_at, self.kill_child, self.kill_program, self.restart_program, self.freeze, self.break_database,
             self.cut_sessions), (10, 5, 3, 3, 5, 1, 2))[0]
        try:
            what = fault()
        except psycopg2.Error:
            what = f"{fault.__name__}: the database was away already"
        self.done.append((time.time(), what))

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
        self.arm("", 0)
