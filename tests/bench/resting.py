# SPDX-License-Identifier: Apache-2.0
"""What the platform costs while nothing happens, and how soon it is there."""
import statistics
import time

from interference import down

IDLE_SECONDS = 60
SETTLE_SECONDS = 5


def measure(stand, table):
    time.sleep(SETTLE_SECONDS)
    before, started = stand.cpu_seconds(), time.monotonic()
    time.sleep(10 if stand.options.quick else IDLE_SECONDS)
    share = (stand.cpu_seconds() - before) / (time.monotonic() - started)
    mib, count = stand.memory_mib()
    table.add("memory of the platform, idle, PSS", mib, "MiB", most=64, note=f"{count} processes")
    table.add("CPU of the platform, idle", share * 100, "% of a core", most=1)
    starts = []
    for _ in range(stand.options.rounds):
        with down(stand.stack, *stand.programs()):
            while any(stand.processes()):
                time.sleep(0.01)
        starts.append(stand.wait_until_ready())
        time.sleep(SETTLE_SECONDS)
    table.add("start to all ready, database there", statistics.median(starts), "s", most=1,
              note="all eight programs; median")
