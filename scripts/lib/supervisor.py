# SPDX-License-Identifier: Apache-2.0
"""Keeps programs running: starts them, restarts those that die, stops them in order.

One thread, asleep in the kernel until a child dies, a signal comes or something is due. Programs die
with this process (PR_SET_PDEATHSIG), however it ends.
"""
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
STOP_SECONDS_MAX = 15
BACKOFF_SECONDS_MAX = 2.0
BACKOFF_FIRST_SECONDS = 0.1
# A program that ran this long starts without delay when it dies.
STEADY_SECONDS = 10
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Stopped(Exception):
    """A signal asked to stop."""


class Failed(Exception):
    """Something can't go on; the text says what to do."""


class Program:
    """One program: how it is started, and its process while it runs."""

    def __init__(self, name, command, environment, *, user=None, inherit=(), stop_signal=signal.SIGTERM):
        self.name = name
        self.command = command
        self.environment = environment
        self.user = user
        self.inherit = inherit
        self.stop_signal = stop_signal
        self.process = None
        self.started_at = 0.0
        self.start_at = 0.0
        self.delay = 0.0
        self.deaths = 0
        self.told = None  # the process id that its file says


def die_with_parent(stop_signal, parent):
    """Runs in the child before exec."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != parent:
        os._exit(1)


def replace_text(path, text, durable=False):
    """Writes a file so that a reader sees the old or the new text, never a part; several processes may do so at once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def complain(text):
    """On the standard error, which may lie on the same full disk."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


class Supervisor:
    """The programs of one stack. Stops all of them when used as a context."""

    def __init__(self, pids, logs):
        self.pids = pathlib.Path(pids)
        self.logs = pathlib.Path(logs)
        self.programs = []
        self.pids.mkdir(exist_ok=True)
        self.logs.mkdir(exist_ok=True)

    def __enter__(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        replace_text(self.pids / "supervisor.pid", f"{os.getpid()}\n")
        return self

    def __exit__(self, *_):
        for group in self.stop_order():
            self.stop(group)
        (self.pids / "supervisor.pid").unlink(missing_ok=True)

    def stop_order(self):
        """Last started first; the services between the gateway and the broker all at once."""
        apart = ("gateway", "broker", "smtp-sink", "postgres")
        groups = []
        for program in reversed(self.programs):
            together = program.name.split("-")[0] not in ("broker",) and program.name not in apart
            if together and groups and groups[-1][0]:
                groups[-1][1].append(program)
            else:
                groups.append((together, [program]))
        return [programs for _, programs in groups]

    def start(self, program):
        """Starts a program and keeps it running from now on."""
        self.programs.append(program)
        self.spawn(program)

    def spawn(self, program):
        parent = os.getpid()
        account = {"user": program.user, "group": program.user, "extra_groups": []} if program.user else {}
        with open(self.logs / f"{program.name}.log", "ab") as log:
            program.process = subprocess.Popen(
                program.command, env=program.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=program.inherit, cwd="/", start_new_session=True,
                preexec_fn=lambda: die_with_parent(program.stop_signal, parent), **account)
        program.started_at = time.monotonic()
        self.tell(program)

    def tell(self, program):
        """Writes its process id, again later where there is no room now: a full disk ends nobody."""
        try:
            replace_text(self.pids / f"{program.name}.pid", f"{program.process.pid}\n")
            program.told = program.process.pid
        except OSError as error:
            complain(f"{program.name} runs as {program.process.pid}, which could not be noted: {error}")

    def reap(self):
        """Notes which programs died and when each is to be started again."""
        now = time.monotonic()
        for program in self.programs:
            if program.process is None or program.process.poll() is None:
                continue
            self.note(program)
            program.deaths += 1
            if now - program.started_at >= STEADY_SECONDS:
                program.delay = 0.0
            program.start_at = now + program.delay
            program.delay = min(max(program.delay * 2, BACKOFF_FIRST_SECONDS), BACKOFF_SECONDS_MAX)
            program.process = None

    def note(self, program):
        code = program.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = f"{stamp} {program.name} ({program.process.pid}) {how}"
        try:
            with open(self.logs / "supervisor.log", "a", encoding="utf-8") as log:
                log.write(line + "\n")
        except OSError as error:
            complain(f"{line} (not logged: {error})")

    def restart_due(self):
        now = time.monotonic()
        for program in self.programs:
            if program.process is None and program.start_at <= now:
                try:
                    self.spawn(program)
                except OSError as error:
                    program.start_at = now + BACKOFF_SECONDS_MAX
                    complain(f"{program.name} could not be started: {error}")
            elif program.process and program.told != program.process.pid:
                self.tell(program)

    def seconds_to_next_start(self):
        """None when nothing is due: sleep until a signal comes."""
        now = time.monotonic()
        waits = [program.start_at - now for program in self.programs if program.process is None]
        waits += [BACKOFF_SECONDS_MAX for program in self.programs if program.process and program.told != program.process.pid]
        return max(0.0, min(waits)) if waits else None

    def tend(self, until=None, timeout=None):
        """Restarts what dies until `until()` is true; False after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self.reap()
            self.restart_due()
            if until and until():
                return True
            if deadline and time.monotonic() >= deadline:
                return False
            wait = POLL_SECONDS if until else self.seconds_to_next_start()
            received = signal.sigwaitinfo(SIGNALS) if wait is None else signal.sigtimedwait(SIGNALS, wait)
            if received and received.si_signo != signal.SIGCHLD:
                raise Stopped

    def run(self, command, environment, *, what, timeout=300, inherit=(), user=None):
        """Runs a command to its end while the programs are tended; returns what it printed."""
        account = {"user": user, "group": user, "extra_groups": []} if user else {}
        parent = os.getpid()
        log_path = self.logs / "commands.log"
        with open(log_path, "ab") as log:
            log.write(f"# {what}\n".encode())
            log.flush()
            start = log.tell()
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                pass_fds=inherit, start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent), **account)
        try:
            ended = self.tend(lambda: process.poll() is not None, timeout)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        with open(log_path, "rb") as log:
            log.seek(start)
            output = log.read().decode(errors="replace")
        if not ended:
            raise Failed(f"{what}: took longer than {timeout} s")
        if process.returncode != 0:
            raise Failed(f"{what} failed:\n{output.strip()}")
        return output

    def stop(self, programs):
        """Asks the programs to end, kills those that don't, forgets them."""
        self.programs = [program for program in self.programs if program not in programs]
        running = [program for program in programs if program.process is not None]
        for program in running:
            if program.process.poll() is None:
                program.process.send_signal(program.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for program in running:
            try:
                program.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()
        for program in programs:
            program.process = None
            (self.pids / f"{program.name}.pid").unlink(missing_ok=True)

    def log_tail(self, name, lines=15):
        """The end of a program's log, for messages."""
        try:
            text = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join("    " + line for line in text.splitlines()[-lines:])
