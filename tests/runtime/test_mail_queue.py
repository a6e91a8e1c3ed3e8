# SPDX-License-Identifier: Apache-2.0
"""The mail queue of a whole stack against a mail server that is away, slow, refuses or hangs up: nothing is lost,
nothing is told twice, and other mail goes on (NOT-2)."""
import contextlib
import email
import email.policy
import socket
import threading

import pytest
from client import Client, wait_until
from factory import funded_client, new_project, new_session
from identifiers import new_email
from interference import held
from test_database import waiting_since

STEPS = ("greeting", "ehlo", "mail", "rcpt", "data", "end")
GOOD = {"greeting": "220 here", "ehlo": "250 here", "mail": "250 OK", "rcpt": "250 OK", "data": "354 go on",
        "body": "", "end": "250 taken"}
HANG_UP = None


class MailServer:
    """Speaks SMTP by a script: `script(step, recipient)` gives the reply to a step, HANG_UP, or waits. A recipient is
    known from RCPT on."""

    def __init__(self):
        self.script = self.agree
        self.mails = []
        self.lock = threading.Lock()
        self.listener = None
        self.port = 0

    @staticmethod
    def agree(step, _recipient):
        return GOOD[step]

    @contextlib.contextmanager
    def saying(self, reply, at, to=None):
        """Another reply at a step: to one recipient, or to all."""
        self.script = lambda step, recipient: (
            reply() if callable(reply) else reply) if step == at and to in (None, recipient) else GOOD[step]
        try:
            yield
        finally:
            self.script = self.agree

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, EOFError):
            self._talk(connection, connection.makefile("rb"))

    def _say(self, connection, step, recipient=None):
        reply = self.script(step, recipient)
        if reply is HANG_UP:
            raise EOFError
        connection.sendall(reply.encode() + b"\r\n")
        return reply[0] in "23"

    def _talk(self, connection, lines):
        recipient = None
        self._say(connection, "greeting")
        for line in lines:
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                self._say(connection, "ehlo")
            elif verb == b"MAIL":
                self._say(connection, "mail")
            elif verb == b"RCPT":
                recipient = line.split(b"<")[1].split(b">")[0].decode()
                self._say(connection, "rcpt", recipient)
            elif verb == b"DATA":
                if self._say(connection, "data", recipient):
                    self._take(connection, lines, recipient)
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return

    def _take(self, connection, lines, recipient):
        if self.script("body", recipient) is HANG_UP:
            lines.readline()
            raise EOFError
        text = b"".join(iter(lines.readline, b".\r\n"))
        mail = email.message_from_bytes(text, policy=email.policy.default)
        with self.lock:
            self.mails.append((recipient, mail["Message-ID"]))
        self._say(connection, "end", recipient)

    def taken(self, recipient):
        """Message-IDs of what came to the end of its text, for one recipient."""
        return [message_id for address, message_id in self.mails if address == recipient]


@pytest.fixture(scope="module")
def queue(start_stack):
    """(a stack whose mails go to a scripted server, that server)"""
    server = MailServer()
    server.start()
    yield start_stack(environment={"ESCARCELLE_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
                                   "ESCARCELLE_SMTP_CA_FILE": ""}), server
    server.stop()


@pytest.fixture(scope="module")
def admin(queue):
    stack, _ = queue
    return Client(stack).log_in(stack.email, stack.password)


def invite(admin, address):
    admin.create("/v1/users", {"email": address, "first_name": "Zoé", "last_name": "Durand", "role": "operator"})
    return address


def message_to(admin, address):
    """The only message to somebody, or None."""
    return next(iter(admin.read("/v1/messages", recipient=address)["messages"]), None)


def wait_for_message(admin, address, status, attempts):
    def reached():
        message = message_to(admin, address)
        return message if message and (message["status"], message["attempts"]) == (status, attempts) else None
    return wait_until(reached)


def send_now(stack, address):
    stack.query("update notifications.message set due_at = now() where recipient = %s", address)


def alerts_of(admin, message):
    return [alert["kind"] for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
            if alert.get("subject_id") == message["id"]]


def other_mail_goes_on(admin, server):
    address = invite(admin, new_email("other"))
    wait_for_message(admin, address, "sent", 1)
    assert len(server.taken(address)) == 1


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", STEPS)
def test_not_2_a_4xx_at_any_step_is_tried_again(queue, admin, step):
    """After a minute, as the same message; other mail goes on meanwhile, and nobody is alerted."""
    stack, server = queue
    address = new_email("deferred")
    # Only the last step knows the recipient for certain: before it the whole server says so.
    with server.saying("421 4.3.2 not now", step, address if step in ("rcpt", "data", "end") else None):
        invite(admin, address)
        waiting = wait_for_message(admin, address, "queued", 1)
        if step in ("rcpt", "data", "end"):
            other_mail_goes_on(admin, server)
    assert "not now" in waiting["last_error"]
    ((seconds,),) = stack.query("select extract(epoch from due_at - updated_at)::int from notifications.message "
                                "where recipient = %s", address)
    assert seconds == 60
    other_mail_goes_on(admin, server)
    send_now(stack, address)
    wait_for_message(admin, address, "sent", 2)
    assert set(server.taken(address)) == {waiting["message_id"]}
    assert alerts_of(admin, waiting) == []


@pytest.mark.parametrize("step", STEPS)
def test_not_2_a_5xx_about_the_mail_is_final(queue, admin, step):
    """To sender, recipient or content it fails at once and alerts administrators; to our greeting it is our own
    settings' matter, and the mail is tried again."""
    stack, server = queue
    address, final = new_email("refused"), step not in ("greeting", "ehlo")
    with server.saying("550 5.7.1 never", step, address if step in ("rcpt", "data", "end") else None):
        invite(admin, address)
        message = wait_for_message(admin, address, "failed" if final else "queued", 1)
    assert "never" in message["last_error"]
    other_mail_goes_on(admin, server)
    if final:
        assert wait_until(lambda: alerts_of(admin, message)) == ["message_failed"]
    else:
        send_now(stack, address)
        wait_for_message(admin, address, "sent", 2)


def test_not_2_one_refused_recipient_costs_the_others_nothing(queue, admin):
    """Each recipient of a mailing list has a mail of their own."""
    stack, server = queue
    refused, others = new_email("refused"), [new_email("list"), new_email("list")]
    with server.saying("550 5.1.1 no such mailbox", "rcpt", refused):
        project = new_project(admin, funded_client(admin), mailing_list=[
            {"email": address} for address in (others[0], refused, others[1])])
        new_session(admin, project)
        for address in others:
            wait_for_message(admin, address, "sent", 1)
        wait_for_message(admin, refused, "failed", 1)


# ── cuts, silence, absence ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [*STEPS, "body"])
def test_not_2_a_mail_cut_off_anywhere_is_sent_again(queue, admin, step):
    """With the same Message-ID, also when the server had all of it."""
    stack, server = queue
    address = new_email("cut")
    with server.saying(HANG_UP, step, address if step in ("rcpt", "data", "end", "body") else None):
        invite(admin, address)
        waiting = wait_for_message(admin, address, "queued", 1)
    other_mail_goes_on(admin, server)
    send_now(stack, address)
    wait_for_message(admin, address, "sent", 2)
    assert server.taken(address) == [waiting["message_id"]] * (2 if step == "end" else 1)


def test_not_2_mail_waits_for_a_server_that_is_down(queue, admin):
    """Nothing is lost, and the next mail is tried at once."""
    stack, server = queue
    server.stop()
    addresses = [invite(admin, new_email("down")) for _ in range(3)]
    for address in addresses:
        wait_for_message(admin, address, "queued", 1)
    server.start()
    other_mail_goes_on(admin, server)
    for address in addresses:
        send_now(stack, address)
        wait_for_message(admin, address, "sent", 2)
        assert len(server.taken(address)) == 1


def test_not_2_slow_mails_hold_up_nobody_else(queue, admin):
    """While a domain's server lets us wait, its mails take one sender, and all others go on."""
    stack, server = queue
    slow, go_on, waiting = [f"{number}@slow.example" for number in range(6)], threading.Event(), []

    def script(step, recipient):
        if step == "rcpt" and recipient in slow:
            waiting.append(recipient)
            go_on.wait(20)
        return GOOD[step]
    server.script = script
    try:
        for address in slow:
            invite(admin, address)
        wait_until(lambda: waiting)
        others = [invite(admin, new_email("other")) for _ in range(3)]
        for address in others:
            wait_for_message(admin, address, "sent", 1)
        assert len(waiting) == 1
    finally:
        server.script = server.agree
        go_on.set()
    for address in slow:
        wait_for_message(admin, address, "sent", 1)
        assert len(server.taken(address)) == 1


# ── the lease ────────────────────────────────────────────────────────────────────────────────────


def test_not_2_a_mail_is_claimed_before_the_server_hears_of_it(queue, admin):
    """The claim is committed, and outlasts all that SMTP may take."""
    stack, server = queue
    address, seen = new_email("claimed"), []

    def look():
        seen.extend(stack.query("select claims, attempts, due_at > now() + interval '26 seconds' "
                                "from notifications.message where recipient = %s", address))
        return GOOD["rcpt"]
    with server.saying(look, "rcpt", address):
        invite(admin, address)
        wait_for_message(admin, address, "sent", 1)
    assert seen == [(1, 0, True)]


def test_not_2_a_mail_whose_lease_ran_out_is_sent_by_another(queue, admin):
    """Twice then, with the same Message-ID; the first sender's word does not count any more."""
    stack, server = queue
    address, go_on, turns = new_email("stalled"), threading.Event(), []

    def hesitate():
        turns.append(1)
        if len(turns) == 1:
            go_on.wait(20)
        return GOOD["end"]
    with server.saying(hesitate, "end", address):
        invite(admin, address)
        wait_until(lambda: turns)
        send_now(stack, address)
        sent = wait_for_message(admin, address, "sent", 1)
        go_on.set()
    other_mail_goes_on(admin, server)
    assert server.taken(address) == [sent["message_id"]] * 2
    wait_until(lambda: not stack.query("select 1 from notifications.outbox limit 1"))
    assert stack.query("select count(*) from notifications.event_log where subject = %s "
                       "and type = 'notifications.MessageSent'", sent["id"]) == [(1,)]
    assert message_to(admin, address)["version"] == sent["version"]


def test_not_2_what_could_not_be_handed_over_within_the_lease_is_put_back(queue, admin):
    """A claim that took too long to write the mail does not begin to send it."""
    stack, server = queue
    address = new_email("late")
    with server.saying("421 4.3.2 not now", "rcpt", address):
        invite(admin, address)
        wait_for_message(admin, address, "queued", 1)
    claimed = "select claimed_by is not null from notifications.message where recipient = %s and claims = 2"
    with held(stack, "lock table accounts.password_link in access exclusive mode"):  # its link is asked for
        send_now(stack, address)
        wait_until(lambda: stack.query(claimed, address))
        stack.query("update notifications.message set due_at = now() + interval '40 seconds' where recipient = %s", address)
    wait_until(lambda: stack.query(claimed, address) == [(False,)])
    assert server.taken(address) == []
    send_now(stack, address)
    wait_for_message(admin, address, "sent", 2)
    assert len(server.taken(address)) == 1


def test_not_2_a_lock_while_it_is_noted_does_not_send_a_mail_twice(queue, admin):
    """The server has taken it: that is noted as soon as the table is free, under the same claim."""
    stack, server = queue
    address, locks = new_email("noted"), contextlib.ExitStack()

    def lock():
        locks.enter_context(held(stack, "lock table notifications.message in exclusive mode"))
        return GOOD["end"]
    with server.saying(lock, "end", address), locks:
        invite(admin, address)
        first = wait_until(lambda: waiting_since(stack, "notifications"))
        wait_until(lambda: waiting_since(stack, "notifications") not in (None, first))
    wait_for_message(admin, address, "sent", 1)
    assert len(server.taken(address)) == 1
    assert stack.query("select claims from notifications.message where recipient = %s", address) == [(1,)]
