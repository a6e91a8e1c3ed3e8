# SPDX-License-Identifier: Apache-2.0
"""What is done to a stack: single processes, whole programs and all of them at once are killed, frozen and restarted, the
wires between them fail. First a round of all that there is, in an order by chance, then whatever chance brings."""
import collections
import itertools
import os
import shlex
import signal
import struct
import time

import psycopg2
from campaign.network import MAIL, TROUBLES
from processes import children_of, descendants, title

SINK, DATABASE, SUPERVISOR, SENDER = "smtp-sink", "postgres", "supervisor", "notifications"
FREEZE_SECONDS = (0.05, 4.0)  # the courier's lease is 2
TROUBLE_SECONDS = (0.1, 5.0)
PAUSE_SECONDS = (0.05, 1.5)
DRAIN_SECONDS = 10  # a program that is asked to end may take so long
POWER_CUTS = ("cut the power", "cut the power twice", "kill the supervisor")
# Between two of them by chance: starting again takes its time.
POWER_CUT_SECONDS = 45
DATABASE_BREAKS = {"kill a backend of PostgreSQL": signal.SIGKILL, "kill PostgreSQL": signal.SIGKILL,
                   "stop PostgreSQL at once": signal.SIGQUIT, "restart PostgreSQL": signal.SIGINT}

# Where a program dies (tests/runtime/preload/deadly.c), and how many pass before the one that does.
POINTS = ("commit", "commit sent", "committed", "outbox", "numbering", "head", "cursor", "kept reply", "publish",
          "published", "reply", "smtp", "smtp accepted")
PASSES_MAX, ROUND_PASSES_MAX = 30, 5
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
    """Does one fault after the other. `done` lists those that hit something, as the referee reads them (evidence.py);
    `hit` counts them by what they are and by whom they hit."""

    def __init__(self, stand, chance):
        self.stand, self.stack, self.random, self.plan = stand, stand.stack, chance, stand.plan
        stack = self.stack
        self.done, self.hit, self.died = [], collections.Counter(), collections.Counter()
        self.deck, self.points = [], []  # what is still to be done, and where somebody is still to die, of the round of all
        self.frozen = []  # (until, process, what stands in `done` of it)
        self.draining = []  # (until, senders that were asked to end)
        self.troubled = []  # not known yet to have struck anything
        self.power_cut_at = time.monotonic()
        self.services = stack.place.services()
        apart = (SUPERVISOR, SINK, DATABASE)
        self.programs = sorted(file.stem for file in stack.place.pids.glob("*.pid") if file.stem not in apart)

    def pid(self, program):
        """None while it is being started again; its number may be another's by then."""
        try:
            pid, supervisor = self.stack.pid(program), self.stack.pid(SUPERVISOR)
        except (OSError, ValueError):
            return None
        return pid if pid in descendants(supervisor) else None

    def processes(self, program):
        """The parent first."""
        parent = self.pid(program)
        return descendants(parent) if parent else []

    def senders(self):
        """The processes that hand over mails, and what has died a moment ago."""
        parent = self.pid(SENDER)
        return [child for child in children_of(parent) if title(child).endswith("--role=jobs") or not title(child)] \
            if parent else []

    @staticmethod
    def send(pid, number):
        """Whether it was there."""
        try:
            os.kill(pid, number)
            return True
        except ProcessLookupError:
            return False

    def note(self, what, *classes, began=None, until=None, mails=None):
        """What was hit; `mails` as in evidence.py. True."""
        now = time.time()
        self.hit.update(classes)
        self.done.append([now if began is None else began, now if until is None else until, what, mails])
        return True

    # ── the faults: each says whether it hit anybody ─────────────────────────────────────────────

    def strike(self, what, number, victims, *classes):
        """Sends a signal to all of them at the same moment."""
        began, mails = time.time(), None
        # Every sender has a mail in hand, and the mail server those of all. One that dies alone is in its parent's log.
        if number == signal.SIGKILL and set(victims) & {self.pid(SENDER), self.pid(SINK)}:
            mails = len(self.senders()) or None
        hit = [self.send(victim, number) for victim in victims]
        return any(hit) and self.note(what, *classes, began=began, mails=mails)

    def one_of(self, processes):
        return [self.random.choice(processes)] if processes else []

    def kill_child(self, program):
        victims = self.one_of(self.processes(program)[1:])
        return self.strike(f"kill a child of {program}", signal.SIGKILL, victims, "kill a child", program)

    def kill_program(self, program):
        return self.strike(f"kill {program}", signal.SIGKILL, self.processes(program)[:1], "kill a program", program)

    def restart_program(self, program):
        if program == SENDER:
            self.draining.append((time.monotonic() + DRAIN_SECONDS - 0.5, self.senders()))
        return self.strike(f"restart {program}", signal.SIGTERM, self.processes(program)[:1], "restart a program", program)

    def stop(self, what, victims, *classes):
        """Freezes them for some time."""
        seconds, mails = self.random.uniform(*FREEZE_SECONDS), None
        if set(victims) & {*self.senders(), self.pid(SINK)}:
            mails = 0
        victims = [victim for victim in victims if self.send(victim, signal.SIGSTOP)]
        if victims:
            self.note(f"{what} for {seconds:.1f} s", *classes, mails=mails)
            self.frozen += [(time.monotonic() + seconds, victim, self.done[-1]) for victim in victims]
        return bool(victims)

    def freeze(self, program):
        return self.stop(f"freeze a process of {program}", self.one_of(self.processes(program)), "freeze a process", program)

    def freeze_all(self, program):
        """A whole program at once: nobody of it notices that time passes."""
        victims = self.processes(program)[:1 if program == SUPERVISOR else None]
        return self.stop(f"freeze {program}", victims, "freeze a program", program)

    def kill_programs(self, database):
        """All that are ours, with or without PostgreSQL, at the same moment; their supervisor starts them again."""
        what = "kill all programs" + (" and PostgreSQL" if database else "")
        there = [program for program in (*self.programs, SINK, *([DATABASE] if database else [])) if self.pid(program)]
        return self.strike(what, signal.SIGKILL, list(filter(None, map(self.pid, there))), what, *there)

    def cut_power(self, how):
        """Everything ends at once and is started again, or ends a second time on its way up. Or only the supervisor dies,
        and what it ran is asked to end, which the mail server does at once."""
        self.look_at_wires(all_of_them=True)
        self.stand.network.heal()
        for _, _, fault in self.frozen:
            fault[1] = time.time()
        self.frozen.clear()
        self.arm("", 0)
        mails, moment, began = len(self.senders()) or None, self.random.uniform(0.2, 4.0), time.time()
        self.stand.cut_power(how == "kill the supervisor")
        ended = time.time()
        if how == "cut the power twice":
            started = self.starts_of_senders()
            self.stand.start_in_vain(moment)
            if self.starts_of_senders() > started:
                self.note("cut the power on the way up", began=ended, mails=mails)
        self.stand.run()
        if how == "kill the supervisor":  # the next one begins when nothing of it is left
            ended = (self.stack.place.pids / f"{SUPERVISOR}.pid").stat().st_mtime
        self.power_cut_at = time.monotonic()
        self.arm_next()
        return self.note(how, how, SUPERVISOR, began=began, until=ended, mails=mails)

    def starts_of_senders(self):
        return self.stack.log(SENDER).count(f"{SENDER} started")

    def trouble_wire(self, wire, kind, again=False):
        """Whether it strikes anything shows later; if not, it is done again, if that is wanted."""
        seconds = self.random.uniform(*TROUBLE_SECONDS)
        before = self.stand.network.trouble(wire, kind, seconds)
        self.troubled.append((time.time(), seconds, wire, kind, before, again))
        return True

    def break_database(self, how):
        processes = self.processes(DATABASE)
        # The server ends all sessions and recovers when one of its processes is killed.
        victims = self.one_of(processes[1:]) if how == "kill a backend of PostgreSQL" else processes[:1]
        return self.strike(how, DATABASE_BREAKS[how], victims, how, DATABASE)

    def cut_sessions(self, service):
        if {pid for _, pid, _ in self.frozen} & set(self.processes(DATABASE)):
            return False  # it would answer only when this thread thaws it
        rows = self.stack.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", service)
        return bool(rows) and self.note(f"cut the database sessions of {service}", "cut database sessions", service)

    def die_at(self, point):
        """By chance, once somebody has died at every point."""
        if not self.points:
            self.arm(point, self.random.randint(1, PASSES_MAX))
        return True

    def arm(self, point, passes):
        """Written in place: every process of the stack has the file mapped. Notes who died at the point before."""
        with open(self.plan, "r+b") as file:
            before, _, deaths = PLAN.unpack(file.read(PLAN.size))
            if deaths:
                before = before.rstrip(b"\0").decode()
                self.died[before] += deaths
                self.note(f"die at {before}", f"die at {before}")
            file.seek(0)
            file.write(PLAN.pack(point.encode(), passes, 0))

    def deaths(self, point):
        """How often somebody died at the point that was armed last."""
        armed, _, deaths = PLAN.unpack(self.plan.read_bytes())
        return deaths if armed.rstrip(b"\0").decode() == point else 0

    # ── a round of all ───────────────────────────────────────────────────────────────────────────

    def classes(self):
        """All that can be done, and all that it can be done to."""
        return {"kill a child", "kill a program", "restart a program", "freeze a process", "freeze a program",
                "kill all programs", "kill all programs and PostgreSQL", "cut database sessions", *POWER_CUTS,
                *DATABASE_BREAKS, *TROUBLES, *self.stand.network.ports, *self.programs, SINK, DATABASE, SUPERVISOR,
                *(f"die at {point}" for point in POINTS)}

    def missed(self):
        """What was not done, or hit nobody, so far."""
        return sorted(self.classes() - set(self.hit))

    def shuffled(self, things):
        return self.random.sample(list(things), len(things))

    def round_of_all(self):
        """Faults that hit every class, in an order by chance; between two power cuts there is something to cut."""
        ways = (self.kill_child, self.kill_program, self.restart_program, self.freeze, self.freeze_all)
        faults = list(zip(itertools.cycle(self.shuffled(ways)), zip(self.shuffled(self.programs))))
        faults += [(self.kill_program, (SINK,)), (self.freeze_all, (DATABASE,)), (self.freeze_all, (SUPERVISOR,)),
                   (self.kill_programs, (False,)), (self.kill_programs, (True,)),
                   (self.cut_sessions, (self.random.choice(self.services),))]
        faults += [(self.break_database, (how,)) for how in DATABASE_BREAKS]
        faults += [(self.trouble_wire, (wire, kind, True)) for wire, kind in
                   zip(self.shuffled(sorted(self.stand.network.ports)), itertools.cycle(self.shuffled(TROUBLES)))]
        faults = self.shuffled(faults)
        for number, how in enumerate(self.shuffled(POWER_CUTS), 1):
            faults.insert(number * len(faults) // (len(POWER_CUTS) + 1), (self.cut_power, (how,)))
        return faults

    # ── by chance ────────────────────────────────────────────────────────────────────────────────

    def by_chance(self):
        """(fault, its arguments)"""
        choose = self.random.choice
        power = (self.cut_power, (choose(POWER_CUTS),)) if time.monotonic() - self.power_cut_at > POWER_CUT_SECONDS \
            else (self.kill_programs, (choose((False, True)),))
        how = "kill a backend of PostgreSQL" if self.random.random() < 0.6 else choose(list(DATABASE_BREAKS))
        return self.random.choices(*zip(*(
            ((self.die_at, (choose(POINTS),)), 10),
            ((self.kill_child, (choose(self.programs),)), 5),
            ((self.kill_program, (choose((*self.programs, SINK)),)), 3),
            ((self.restart_program, (choose(self.programs),)), 3),
            ((self.freeze, (choose((*self.programs, SINK)),)), 4),
            ((self.freeze_all, (choose((*self.programs, DATABASE, SUPERVISOR)),)), 2),
            ((self.trouble_wire, (choose(sorted(self.stand.network.ports)), choose(TROUBLES))), 8),
            ((self.break_database, (how,)), 1),
            ((self.cut_sessions, (choose(self.services),)), 2),
            ((self.kill_programs, (choose((False, True)),)), 1),
            (power, 1))))[0]

    # ── one after the other ──────────────────────────────────────────────────────────────────────

    def one(self):
        """The next of the round; one that hits nobody comes again later."""
        wanted = bool(self.deck)
        fault, arguments = self.deck.pop(0) if wanted else self.by_chance()
        try:
            hit = fault(*arguments)
        except psycopg2.Error:
            hit = False  # the database was away already
        if wanted and not hit:
            self.deck.append((fault, arguments))

    def look(self, all_of_them=False):
        """Thaws what was frozen long enough, and sees who died at the point and who did not end."""
        now = time.monotonic()
        for due, pid, fault in list(self.frozen):
            if all_of_them or now >= due:
                self.send(pid, signal.SIGCONT)
                self.frozen.remove((due, pid, fault))
                fault[1] = time.time()
        for due, senders in list(self.draining):
            left = [pid for pid in senders if title(pid).endswith("--role=jobs")]
            if now >= due and left:  # their parent kills them now
                self.note("kill senders that did not end", until=time.time() + 2, mails=len(left))
            if now >= due:
                self.draining.remove((due, senders))
        if self.points and self.hit[f"die at {self.points[0]}"] + self.deaths(self.points[0]):
            self.points.pop(0)
            self.arm_next()

    def arm_next(self):
        self.arm(*(self.points[0], self.random.randint(1, ROUND_PASSES_MAX)) if self.points else ("", 0))

    def look_at_wires(self, all_of_them=False):
        """Which troubles have struck something; what did not is over, and comes again if it is wanted."""
        struck, troubled, self.troubled = self.stand.network.struck(), self.troubled, []
        for trouble in troubled:
            began, seconds, wire, kind, before, again = trouble
            times, broken = (now - then for now, then in zip(struck[wire][kind], before))
            until = began if kind in ("cut", "half-close", "refuse") else began + seconds
            if times:
                self.note(f"{kind} {wire} for {seconds:.1f} s", kind, wire, began=began, until=until,
                          mails=broken if wire == MAIL else None)
            elif not all_of_them and time.time() < began + seconds:
                self.troubled.append(trouble)
            elif again:
                self.deck.append((self.trouble_wire, (wire, kind, True)))

    def go_on(self, seconds):
        """One fault after the other for so long, and up to as long again until everything was hit; in the end all runs
        again."""
        end = time.monotonic() + seconds
        self.arm("", 0)
        self.hit.clear()
        self.deck, self.points = self.round_of_all(), self.shuffled(POINTS)
        self.arm_next()
        while time.monotonic() < end or (self.missed() and time.monotonic() < end + seconds):
            self.one()
            resume = time.monotonic() + self.random.uniform(*PAUSE_SECONDS)
            while time.monotonic() < resume:
                self.look()
                time.sleep(0.02)
            self.look_at_wires()
        self.look(all_of_them=True)
        self.look_at_wires(all_of_them=True)
        self.stand.network.heal()
        self.points.clear()
        self.arm("", 0)
