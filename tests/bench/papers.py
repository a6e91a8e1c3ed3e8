# SPDX-License-Identifier: Apache-2.0
"""How many invoices a core renders."""
import statistics
import subprocess


def measure(stand, table):
    program = stand.options.build / "bin" / "bench" / "render_rate"
    rates = [float(subprocess.run([program, str(stand.options.seconds)], capture_output=True, text=True,
                                  check=True).stdout) for _ in range(stand.options.rounds)]
    table.add("invoice PDFs", statistics.median(rates), "/s and core", least=60, note="by CPU time")
