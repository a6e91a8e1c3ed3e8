# SPDX-License-Identifier: Apache-2.0
"""A disk without room under the whole state folder: database, logs, process ids and the mail server's folder."""
import contextlib
import os
import signal
import smtplib
import ssl

import pytest
from client import Client, RunningStack, wait_until
from conftest import build_folder
from processes import children_of, title
from test_database import everything_goes_on, fill, small_disk

STATE_BYTES = 400 << 20
SHORT_MAIL = b"Subject: Room\r\n\r\n"


@pytest.fixture(scope="module")
def cramped(tmp_path_factory):
    """A stack whose whole state lies on a small disk."""
    stack = RunningStack(tmp_path_factory.mktemp("cramped"), build_folder())
    with small_disk(stack.state, STATE_BYTES):
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@contextlib.contextmanager
def without_room(stack):
    try:
        fill(stack.state)
        yield
    finally:
        (stack.state / "filler").unlink()


def programs(stack):
    """What the supervisor runs: {process id: command}."""
    return {pid: title(pid) for pid in children_of(stack.pid("supervisor"))}


def test_what_dies_is_started_again_though_nothing_can_be_noted(cramped):
    """Its process id is noted as soon as there is room."""
    admin = Client(cramped).log_in(cramped.email, cramped.password)
    before = {name: cramped.pid(name) for name in ("supervisor", "smtp-sink", "gateway", "postgres")}
    with without_room(cramped):
        known = programs(cramped)
        for name in ("smtp-sink", "gateway", "postgres"):
            os.kill(before[name], signal.SIGKILL)
        wait_until(lambda: {known[before[name]] for name in ("smtp-sink", "gateway")} <= {
            command for pid, command in programs(cramped).items() if pid not in known})
    for name in ("smtp-sink", "gateway", "postgres"):
        wait_until(lambda name=name: cramped.pid(name) not in before.values() and cramped.pid(name) in programs(cramped))
    assert cramped.pid("supervisor") == before["supervisor"]
    everything_goes_on(cramped, admin)


def test_a_mail_that_finds_no_room_is_tried_again(cramped):
    """The mail server says so instead of refusing for good."""
    tls = ssl.create_default_context(cafile=cramped.ca_file)
    ends = "a@escarcelle.example", ["b@escarcelle.example"]
    with smtplib.SMTP("localhost", cramped.place.ports_used()["smtp"]) as server:
        server.starttls(context=tls)
        with without_room(cramped), pytest.raises(smtplib.SMTPDataError) as refusal:
            server.sendmail(*ends, SHORT_MAIL + b"x\r\n" * 50_000)
        assert refusal.value.smtp_code == 452
        server.sendmail(*ends, SHORT_MAIL)
