# SPDX-License-Identifier: Apache-2.0
"""A service is added to a platform that has run for a while: `<service> --join` before its first start."""
import os
import signal
import subprocess

import pytest
from client import Client, wait_until
from facts import wait_until_settled
from factory import funded_client, new_project, new_session, new_training
from identifiers import new_email
from streams import projections

SERVICE = "notifications"
NEW_SCHEMA = ("drop schema notifications cascade", "create schema notifications authorization notifications_owner",
              "grant usage on schema notifications to notifications")


def command(stack, option):
    return subprocess.run([stack.place.binary(SERVICE), option], env=stack.place.migrate_environment(SERVICE),
                          capture_output=True, text=True, check=False)


def work(admin, name):
    """What mails and alerts come of: an invitation, and a project that consumes nearly all of its budget."""
    project = new_project(admin, funded_client(admin), mailing_list=[{"email": new_email(name)}])
    new_training(admin, new_session(admin, project), 900_000)
    invited = new_email(name)
    admin.create("/v1/users", {"email": invited, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    return invited


def told(stack):
    """Mails and alerts, without what is told of those who had followed the stream that begins anew."""
    return (stack.query("select recipient from notifications.message"),
            stack.query("select kind from notifications.alert where kind <> 'stream_stopped'"))


@pytest.fixture(scope="module")
def added(start_stack):
    """The stack, its administrator, and (copies, messages) of the service before it was new."""
    stack = start_stack()
    admin = Client(stack).log_in(stack.email, stack.password)
    work(admin, "before")
    wait_until_settled(stack)
    before = projections(stack, SERVICE), told(stack)
    supervisor, service = stack.pid("supervisor"), stack.pid(SERVICE)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(service, signal.SIGKILL)
        wait_until(lambda: not stack.query("select 1 from pg_stat_activity where usename = %s", SERVICE))
        for statement in NEW_SCHEMA:
            stack.query(statement)
        for option in ("--migrate", "--join"):
            done = command(stack, option)
            assert done.returncode == 0, done.stderr
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_until(lambda: stack.pid(SERVICE) != service and stack.is_ready())
    followed = stack.query("select count(*) from notifications.stream_join")
    wait_until(lambda: stack.query("select count(*) from notifications.stream_cursor") == followed)
    wait_until_settled(stack)
    return stack, admin, before


def test_what_was_told_before_is_copied_and_not_reacted_to(added):
    stack, _, (copies, (messages, alerts)) = added
    assert messages and alerts
    assert projections(stack, SERVICE) == copies
    assert told(stack) == ([], [])


def test_what_is_told_afterwards_is_reacted_to(added):
    stack, admin, _ = added
    invited = work(admin, "after")
    stack.mail(invited)
    wait_until(lambda: told(stack)[1])


def test_a_service_that_has_run_can_not_join_again(added):
    stack, _, _ = added
    refused = command(stack, "--join")
    assert refused.returncode == 1 and "has run before" in refused.stderr
