# SPDX-License-Identifier: Apache-2.0
"""What is done to a stack by chance: single processes and whole programs are killed, frozen and restarted."""
import os
import pathlib
import signal
import time

PROGRAMS = ("accounts", "budgeting", "sessions", "funding", "invoicing", "notifications", "broker", "gateway")
FREEZE_SECONDS = (0.05, 4.0)  # the courier's lease is 2
PAUSE_SECONDS = (0.05, 1.5)


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

    def __init__(self, stack, chance):
        self.stack, self.random = stack, chance
        self.done, self.frozen = [], []

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
        program = self.random.choice(PROGRAMS)
        parent = self.pid(program)
        children = descendants(parent)[1:] if parent else []
        if children:
            self.send(self.random.choice(children), signal.SIGKILL)
        return f"kill a child of {program}"

    def kill_program(self):
        program = self.random.choice((*PROGRAMS, "smtp-sink"))
        parent = self.pid(program)
        if parent:
            self.send(parent, signal.SIGKILL)
        return f"kill {program}"

    def restart_program(self):
        program = self.random.choice(PROGRAMS)
        parent = self.pid(program)
        if parent:
            self.send(parent, signal.SIGTERM)
        return f"restart {program}"

    def freeze(self):
        program = self.random.choice((*PROGRAMS, "smtp-sink"))
        parent = self.pid(program)
        victims = descendants(parent) if parent else []
        if not victims:
            return f"nothing to freeze of {program}"
        victim, seconds = self.random.choice(victims), self.random.uniform(*FREEZE_SECONDS)
        self.send(victim, signal.SIGSTOP)
        self.frozen.append((time.monotonic() + seconds, victim))
        return f"freeze a process of {program} for {seconds:.1f} s"

    def break_database(self):
        parent = self.pid("postgres")
        children = descendants(parent)[1:] if parent else []
        if children and self.random.random() < 0.7:
            self.send(self.random.choice(children), signal.SIGKILL)  # the server ends all sessions and recovers
            return "kill a backend of PostgreSQL"
        if parent:
            self.send(parent, signal.SIGQUIT)
        return "stop PostgreSQL at once"

    def cut_sessions(self):
        rows = self.stack.query("select pg_terminate_backend(pid) from pg_stat_activity "
                                "where usename = %s", self.random.choice(PROGRAMS[:6]))
        return f"cut {len(rows)} database sessions"

    # ── by chance ────────────────────────────────────────────────────────────────────────────────

    def one(self):
        fault = self.random.choices(
            (self.kill_child, self.kill_program, self.restart_program, self.freeze, self.break_database, self.cut_sessions),
            (8, 4, 3, 5, 1, 2))[0]
        try:
            what = fault()
        except Exception as failure:  # pylint: disable=broad-except
            what = f"{fault.__name__} failed: {failure}"  # the database is away, for one
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
