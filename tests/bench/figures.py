# SPDX-License-Identifier: Apache-2.0
"""The table that a run prints: what was measured, the goal beside it, whether it is reached."""


def say(text):
    print(text, flush=True)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, figure, unit="", *, least=None, most=None, note=""):
        """A figure; `least` or `most` is its goal."""
        goal = f"≥ {number(least)} {unit}" if least is not None else f"≤ {number(most)} {unit}" if most is not None else ""
        reached = least is None or figure >= least
        reached = reached and (most is None or figure <= most)
        mark = ("yes" if reached else "NO") if goal else ""
        self.rows.append((what, f"{number(figure)} {unit}".strip(), goal.strip(), mark, note))
        say("  " + " | ".join(cell for cell in self.rows[-1] if cell))

    def show(self):
        heading = ("what", "measured", "goal", "reached", "how")
        widths = [max(len(row[i]) for row in [heading, *self.rows]) for i in range(5)]
        rows = [heading, tuple("-" * width for width in widths), *self.rows]
        say("\n" + "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
                             for row in rows))


def number(value):
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
