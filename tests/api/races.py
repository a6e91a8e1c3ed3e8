# SPDX-License-Identifier: Apache-2.0
"""Calls that are made at the same time, or that meet at one row."""
import contextlib
import threading

from client import wait_until


def at_once(*acts):
    """The answers of calls that are made at the same time."""
    answers = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place, act):
        start.wait()
        answers[place] = act()
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def queued(stack, row, *acts):
    """The same, of calls that all wait for a row before the first of them may go on: (table, id)."""
    with contextlib.closing(stack.connect()) as holder, holder.cursor() as cursor:
        holder.autocommit = False
        cursor.execute(f"select from {row[0]} where id = %s for update", (row[1],))

        def release():
            wait_until(lambda: stack.query("select count(distinct pid) from pg_locks where not granted")[0][0]
                       >= len(acts))
            holder.rollback()
        return at_once(*acts, release)[:-1]
