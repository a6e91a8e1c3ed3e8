# SPDX-License-Identifier: Apache-2.0
"""What the tests of events do to a running stack: kill and freeze single processes, hold them at a step."""
import contextlib
import os
import signal

from client import wait_until
from processes import descendants, in_role, title


def children(stack, program, role):
    """The processes of one role of a program."""
    return in_role(stack.pid(program), role)


def child(stack, program, role):
    """The only process of a role, once it is there."""
    return wait_until(lambda: children(stack, program, role))[0]


def kill(stack, program, role=None, number=signal.SIGKILL):
    """Kills the processes of a role, or the parent with all its children; returns when others have taken over."""
    victims = children(stack, program, role) if role else [stack.pid(program)]
    for victim in victims:
        os.kill(victim, number)

    def replaced():
        now = children(stack, program, role) if role else [stack.pid(program)]
        return len(now) == len(victims) and not set(now) & set(victims)
    wait_until(replaced)


@contextlib.contextmanager
def stopped(*processes):
    """Processes that do nothing meanwhile."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def down(stack, *programs):
    """Programs that are killed, gone with all their children, and only started again at the end."""
    with stopped(stack.pid("supervisor")):
        victims = [process for program in programs for process in descendants(stack.pid(program))]
        for program in programs:
            os.kill(stack.pid(program), signal.SIGKILL)
        wait_until(lambda: not any(title(victim) for victim in victims))
        yield


@contextlib.contextmanager
def without_broker(stack):
    """What is published meanwhile is lost: the broker is gone and its parent does not start it again."""
    victim = child(stack, "broker", "broker")
    with stopped(stack.pid("broker")):
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: not title(victim))
        yield
    wait_until(lambda: children(stack, "broker", "broker") not in ([], [victim]))


@contextlib.contextmanager
def held(stack, statement, *parameters):
    """A lock that this statement takes. Yields a function that waits until a process of a role waits for it, or until
    another condition is true, and says whether that is so."""
    connection = stack.connect()
    connection.autocommit = False

    def wait_for(role, unless=lambda: False):
        def is_waiting():
            return stack.query("select 1 from pg_stat_activity where usename = %s and %s = any(pg_blocking_pids(pid))",
                               role, holder)
        wait_until(lambda: unless() or is_waiting())
        return bool(unless())
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
        holder = connection.get_backend_pid()
        yield wait_for
    finally:
        connection.rollback()
        connection.close()


@contextlib.contextmanager
def refusing(stack, table, condition, sqlstate):
    """Each row of a table that fits a condition on `new` is refused with an error."""
    schema = table.split(".")[0]
    function = f"{schema}.refuse_for_a_test()"
    stack.query(f"create function {function} returns trigger language plpgsql as $$ begin "
                f"raise exception 'refused by the test' using errcode = '{sqlstate}'; end $$")
    stack.query(f"create trigger refuse_for_a_test before insert or update on {table} for each row when ({condition}) "
                f"execute function {function}")
    try:
        yield
    finally:
        stack.query(f"drop function {function} cascade")


@contextlib.contextmanager
def refusing_for_now(stack, table, condition, sqlstate, times):
    """Rows of a table that fit a condition on `new` are refused so often and then taken. Yields how often they were
    tried."""
    schema = table.split(".")[0]
    function, tries = f"{schema}.refuse_for_now()", f"{schema}.tries_of_a_test"
    stack.query(f"create sequence {tries}")
    stack.query(f"grant usage on sequence {tries} to {schema}")
    stack.query(f"create function {function} returns trigger language plpgsql as $$ begin "
                f"if nextval('{tries}') <= {times} then raise exception 'refused by the test' using errcode = "
                f"'{sqlstate}'; end if; return new; end $$")
    stack.query(f"create trigger refuse_for_now before insert or update on {table} for each row when ({condition}) "
                f"execute function {function}")
    try:
        yield lambda: stack.query(f"select last_value from {tries}")[0][0]
    finally:
        stack.query(f"drop function {function} cascade")
        stack.query(f"drop sequence {tries}")
