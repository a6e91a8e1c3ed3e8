# SPDX-License-Identifier: Apache-2.0
"""scripts/run in the foreground, as at a terminal, with what it prints."""
import subprocess

from client import START_SECONDS_MAX, RunningStack, wait_until
from stack import REPOSITORY


class ForegroundStack(RunningStack):
    """A stack whose supervisor is a child of the test's."""

    def begin(self, *options):
        """Runs scripts/run; what it prints is kept beside the state."""
        self.printed_file = self.state.with_name("printed")
        with open(self.printed_file, "w", encoding="utf-8") as printed:
            self.process = subprocess.Popen(
                [REPOSITORY / "scripts" / "run", "--state", self.state, "--build", self.place.build, *options],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT)

    def printed(self):
        return self.printed_file.read_text(encoding="utf-8")

    def wait_for(self, words):
        """Until it printed these words; fails when it ends without."""
        def said():
            ended = self.process.poll() is not None
            return words in self.printed() or ended
        wait_until(said, START_SECONDS_MAX)
        assert words in self.printed(), self.printed()

    def start(self, *options):
        """Until all is ready."""
        self.begin(*options)
        self.wait_for("to stop it")
        self.read_access()

    def end(self, number):
        """Sends the signal to it alone; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(START_SECONDS_MAX)

    def stop(self):
        super().stop()
        self.process.wait(START_SECONDS_MAX)

    def left_behind(self):
        """What of it is outside files that are meant to stay."""
        return list(self.place.processes()), list(self.place.pids.glob("*")), self.place.sockets.exists()
