# SPDX-License-Identifier: Apache-2.0
"""A stack to be tormented: its programs die where a plan says, and all that it sends goes over wires that fail."""
import contextlib
import os
import signal
import subprocess

from campaign.faults import deadly_programs
from campaign.network import Network
from client import RunningStack, wait_until
from processes import descendants
from stack import send

DIE_SECONDS_MAX = 60


class Stand:
    """One such stack."""

    def __init__(self, folder, build, brokers=1, seed=0):
        programs, self.plan = deadly_programs(build, folder)
        self.stack = RunningStack(folder, programs)
        self.network = Network(self.stack, brokers, seed)
        self.brokers = brokers
        self.failures = []  # starts that did not come to their end

    def start(self):
        self.network.start()
        self.run()

    def run(self):
        """The command that anybody would give after a power cut, the same as the first time."""
        try:
            self.stack.start("--brokers", str(self.brokers), environment=self.network.environment())
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            self.failures.append(str(failure))
            self.stack.stop()
            self.stack.start("--brokers", str(self.brokers), environment=self.network.environment())
        self.stack.url = self.network.url()

    def stop(self):
        self.stack.stop()
        self.network.stop()

    # ── everything at once ──────────────────────────────────────────────────────────────────────

    def cut_power(self, supervisor_alone=False):
        """Returns when nothing of the stack is left; a supervisor that dies alone leaves the rest asked to end."""
        supervisor = self.stack.pid("supervisor")
        self.kill([supervisor] if supervisor_alone else descendants(supervisor))
        if not supervisor_alone:
            wait_until(lambda: not self.kill(self.stack.place.processes()), DIE_SECONDS_MAX)

    def kill(self, processes):
        """Those that were there."""
        victims = list(processes)
        for pid in victims:
            send(pid, signal.SIGKILL)
        (self.stack.place.pids / "supervisor.pid").unlink(missing_ok=True)
        return victims

    def start_in_vain(self, seconds):
        """The power comes back and is cut again so much later."""
        with subprocess.Popen(self.stack.command("--brokers", str(self.brokers)), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=os.environ | self.network.environment()) as run:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(seconds)
            if run.returncode is None:
                self.kill(descendants(run.pid))
        if run.returncode == 0:
            self.cut_power()
        wait_until(lambda: not self.kill(self.stack.place.processes()), DIE_SECONDS_MAX)
