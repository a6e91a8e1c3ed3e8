# SPDX-License-Identifier: Apache-2.0
"""A gateway of a test's own beside the stack's: without TLS, so that a thousand connections cost little, and with a
clock that can be put forward, since some of its limits are minutes."""
import contextlib
import os
import struct
import subprocess
from socket import SO_SNDBUF, SOL_SOCKET

from client import Client, wait_until
from processes import in_role

# However slow the machine, nothing that a test lets wait is given up.
SETTINGS = {"ESCARCELLE_HTTP_CERT_FILE": "", "ESCARCELLE_HTTP_KEY_FILE": "", "ESCARCELLE_REQUEST_TIMEOUT_MS": "60000"}
# Loaded before the gateway's libraries: every clock but the one on the wall is so many seconds ahead.
CLOCK = r"""
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const atomic_long *ahead_s;

__attribute__((constructor)) static void
load(void)
{
    int descriptor = open(getenv("CLOCK_AHEAD"), O_RDONLY | O_CLOEXEC);
    const void *memory = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, descriptor, 0);

    ahead_s = memory == MAP_FAILED ? NULL : memory;
    close(descriptor);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int answer = (int)syscall(SYS_clock_gettime, clock, now);

    if (answer == 0 && clock != CLOCK_REALTIME && ahead_s != NULL)
        now->tv_sec += *ahead_s;
    return answer;
}
"""


class Gateway:
    """What Client needs to know of it, and its process."""

    ca_file = None

    def __init__(self, listening, process):
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.listening, self.process = listening, process

    def is_ready(self):
        return Client(self).get("/readyz").status_code == 200

    def worker(self):
        """Its one child."""
        return wait_until(lambda: in_role(self.process.pid, "http"))[0]

    def keep_little_of_replies(self):
        """The kernel takes a few KiB of a reply from now on, so that a slow reader is one to the gateway too."""
        self.listening.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)  # inherited by what connects


class Clock:
    """How far a gateway's clock is ahead."""

    def __init__(self, folder):
        self.file, library = folder / "ahead", folder / "clock.so"
        self.put_forward(0)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"], input=CLOCK.encode(), check=True)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(self.file),
                            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0"}

    def put_forward(self, seconds):
        """So far in all. Written in place: the gateway has it mapped."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


@contextlib.contextmanager
def own_gateway(stack, clock=None):
    """Another gateway of the stack's broker and services."""
    program = stack.place.gateway_program(1, 0)
    with stack.place.listening as listening, (stack.logs / "gateway-own.log").open("ab") as log:
        process = subprocess.Popen(program.command, pass_fds=program.inherit, stdout=log, stderr=log,
                                   env=program.environment | SETTINGS | (clock.environment if clock else {}))
        own = Gateway(listening, process)
        try:
            wait_until(own.is_ready)
            yield own
        finally:
            process.terminate()
            process.wait(timeout=30)
