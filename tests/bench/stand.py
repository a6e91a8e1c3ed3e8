# SPDX-License-Identifier: Apache-2.0
"""The stack that is measured: a release build in a folder of its own, with sessions in many projects."""
import os
import pathlib
import re
import subprocess
import time

import requests
from client import Client, RunningStack
from factory import funded_client, new_project, new_session, new_training

BENCH = pathlib.Path(__file__).resolve().parent
SESSIONS = 64


class Stand:
    """`options` are the command's; `stack` runs from start() to the end of the run."""

    def __init__(self, folder, options):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.stack = RunningStack(folder, options.build)
        self.admin = None
        self.sessions, self.trainings = [], []

    def start(self):
        self.stack.start()
        self.admin = Client(self.stack).log_in(self.stack.email, self.stack.password)

    def restart(self):
        self.stack.stop()
        self.start()

    def new_session(self):
        """A session in a project of its own, so that row locks don't queue."""
        project = new_project(self.admin, funded_client(self.admin, 100_000_000), 90_000_000, auto_funding_call=False)
        return new_session(self.admin, project)

    def prepare(self):
        """Sessions with a training in each."""
        if self.sessions:
            return
        self.sessions = [self.new_session() for _ in range(SESSIONS)]
        self.trainings = [new_training(self.admin, session, 1) for session in self.sessions]

    @property
    def token(self):
        return self.admin.session.headers["Authorization"].split()[1]

    # ── processes ───────────────────────────────────────────────────────────────────────────────

    def programs(self):
        return ["broker", *self.stack.place.services(), "gateway"]

    def processes(self):
        """The platform's own, PostgreSQL and the mail sink apart."""
        for process in self.stack.place.processes():
            try:
                if str(self.stack.place.build) in os.readlink(f"/proc/{process}/exe"):
                    yield process
            except OSError:
                continue

    def memory_mib(self):
        """PSS of every process, and how many there are."""
        sizes = [proportional_kib(process) for process in self.processes()]
        return sum(sizes) / 1024, len(sizes)

    def cpu_seconds(self):
        return sum(cpu_seconds(process) for process in self.processes())

    def cpu_by_program(self):
        """Seconds by program and role; those of PostgreSQL by the role that is connected."""
        seconds = {}
        server = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.stack.pid("postgres"))],
                                capture_output=True, text=True, check=False).stdout.splitlines()
        ours = [(process, process_name(process)) for process in self.processes()]
        for process, name in ours + [(int(line.split()[0]), " ".join(line.split()[1:3])) for line in server]:
            seconds[name] = seconds.get(name, 0) + cpu_seconds(process)
        return seconds

    def wait_until_ready(self, seconds=60):
        """The seconds until /readyz says that all are."""
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            try:
                if requests.get(self.stack.url + "/readyz", verify=self.stack.ca_file, timeout=1).status_code == 200:
                    return time.monotonic() - started
            except requests.RequestException:
                pass
            time.sleep(0.002)
        raise TimeoutError("the platform is not ready")


def proportional_kib(process):
    try:
        text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))


def process_name(process):
    """Program and role."""
    try:
        words = pathlib.Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").split("\0")
    except OSError:
        return ""
    return " ".join([pathlib.Path(words[0]).name, *words[1:2]]).strip()


def cpu_seconds(process):
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
