# SPDX-License-Identifier: Apache-2.0
"""smtp_send tells a mail that was taken from one to try again and one refused for good (NOT-2),
against real SMTP servers on this machine."""
import os
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("PROGRAMS_DIR", ROOT / "build" / "debug" / "bin"))
PROBE = PROGRAMS / "runtime" / "smtp_probe"
MAIL = ("From: <sender@escarcelle.example>\r\nTo: <lea@acme.example>\r\nSubject: essai\r\n\r\n"
        "première ligne\r\n.une ligne qui commence par un point\r\n.\r\nfin\r\n").encode()


class Sink:
    """Answers as it is told to and keeps what it accepted."""

    def __init__(self, **answers):
        self.answers = answers
        self.mails = []
        self.tls = False

    async def handle_MAIL(self, server, session, envelope, address, options):
        if "mail" in self.answers:
            return self.answers["mail"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "rcpt" in self.answers:
            return self.answers["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "data" in self.answers:
            return self.answers["data"]
        self.tls = session.ssl is not None
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 taken as 42"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two self-signed authorities for localhost: the server's and a stranger's."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
            check=True, capture_output=True)
    return folder


@pytest.fixture
def start(certificates):
    """Starts a sink on a free port; start(sink, tls=True) offers STARTTLS."""
    running = []

    def start_sink(sink, tls=False, **options):
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "ours.pem", certificates / "ours.key")
            options["tls_context"] = context
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(sink, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return f"smtp://127.0.0.1:{port}"

    yield start_sink
    for controller in running:
        controller.stop()


@pytest.fixture
def raw_server():
    """A server that runs a function on its first connection, for what no real sink does."""
    threads = []

    def serve(talk):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)

        def run():
            with listener:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(20)
                    talk(connection, connection.makefile("rb"))

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)
        return f"smtp://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def send(tmp_path):
    """Sends the mail and returns (result, code, words)."""
    path = tmp_path / "mail.eml"
    path.write_bytes(MAIL)

    def run(url, ca="", tls="plain", timeout_ms=8000, **environment):
        answer = subprocess.run(
            [PROBE, url, str(ca), tls, str(timeout_ms), str(path)], check=True, text=True,
            capture_output=True, timeout=30, env={**os.environ, **environment})
        result, code, words = answer.stdout.rstrip("\n").split(" ", 2)
        return result, int(code), words

    return run


def test_accepted_mail_arrives_bit_for_bit(start, send):
    sink = Sink()
    assert send(start(sink)) == ("accepted", 250, "250 taken as 42")
    assert sink.mails == [("sender@escarcelle.example", ["lea@acme.example"], MAIL)]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_4xx_is_tried_again(start, send, step):
    sink = Sink(**{step: "451 4.3.0 try later"})
    assert send(start(sink)) == ("transient", 451, "451 4.3.0 try later")
    assert sink.mails == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_5xx_is_final_and_keeps_the_words(start, send, step):
    sink = Sink(**{step: "550 5.1.1 no such person"})
    assert send(start(sink)) == ("permanent", 550, "550 5.1.1 no such person")


def test_words_of_several_lines_are_joined(start, send):
    sink = Sink(rcpt="550-5.7.1 refused\r\n550 5.7.1 by policy")
    result, code, words = send(start(sink))
    assert (result, code) == ("permanent", 550)
    assert words == "550 5.7.1 refused 5.7.1 by policy"


def test_refused_connection_is_tried_again(send):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result, code, words = send(f"smtp://127.0.0.1:{port}")
    assert (result, code) == ("transient", 0)
    assert "connect" in words


def talk_until_data(connection, lines):
    """Greets and agrees to everything up to DATA."""
    connection.sendall(b"220 here\r\n")
    for line in lines:
        if line.upper().startswith(b"DATA"):
            return
        connection.sendall(b"250 OK\r\n")


def test_cut_in_the_middle_of_data_is_tried_again(raw_server, send):
    def talk(connection, lines):
        talk_until_data(connection, lines)
        connection.sendall(b"354 go on\r\n")
        lines.readline()

    result, code, words = send(raw_server(talk))
    assert (result, code) == ("transient", 354)
    assert not words.startswith("354")


def read_until_closed(lines):
    while lines.readline():
        pass


def read_mail(lines):
    while lines.readline() != b".\r\n":
        pass


def test_silence_ends_with_the_timeout(raw_server, send):
    def talk(connection, lines):
        talk_until_data(connection, lines)
        connection.sendall(b"354 go on\r\n")
        read_until_closed(lines)

    began = time.monotonic()
    result, _, words = send(raw_server(talk), timeout_ms=700)
    assert result == "transient"
    assert "in time" in words
    assert time.monotonic() - began < 5


def test_silence_after_acceptance_changes_nothing(raw_server, send):
    def talk(connection, lines):
        talk_until_data(connection, lines)
        connection.sendall(b"354 go on\r\n")
        read_mail(lines)
        connection.sendall(b"250 taken\r\n")
        read_until_closed(lines)

    began = time.monotonic()
    assert send(raw_server(talk), timeout_ms=4000) == ("accepted", 250, "250 taken")
    assert time.monotonic() - began < 20


def test_5xx_greeting_is_tried_again(raw_server, send):
    def talk(connection, lines):
        connection.sendall(b"554 not today\r\n")
        lines.readline()

    assert send(raw_server(talk)) == ("transient", 554, "554 not today")


def test_starttls_with_our_authority(start, send, certificates):
    sink = Sink()
    url = start(sink, tls=True, require_starttls=True)
    assert send(url, ca=certificates / "ours.pem", tls="tls")[0] == "accepted"
    assert sink.tls and sink.mails[0][2] == MAIL


def test_tls_is_used_where_it_is_offered(start, send, certificates):
    sink = Sink()
    assert send(start(sink, tls=True), ca=certificates / "ours.pem")[0] == "accepted"
    assert sink.tls


def test_wrong_authority_sends_nothing(start, send, certificates):
    sink = Sink()
    for tls in ("tls", "plain"):
        result, _, words = send(start(sink, tls=True), ca=certificates / "other.pem", tls=tls)
        assert result == "transient"
        assert "certificate" in words
    assert sink.mails == []


def test_required_tls_that_is_not_offered_sends_nothing(start, send):
    sink = Sink()
    assert send(start(sink), tls="tls")[0] == "transient"
    assert sink.mails == []


def test_login_is_sent_over_tls_only_and_its_refusal_is_tried_again(start, send, certificates):
    sink = Sink()

    def check(server, session, envelope, mechanism, login):
        return AuthResult(success=login.password == b"right")

    url = start(sink, tls=True, authenticator=check, auth_required=True)
    ca = certificates / "ours.pem"
    right = {"SMTP_PROBE_USER": "escarcelle", "SMTP_PROBE_PASSWORD": "right"}
    assert send(url, ca=ca, **right)[0] == "accepted"
    assert send(url, ca=ca, **{**right, "SMTP_PROBE_PASSWORD": "wrong"})[0] == "transient"
    assert send(url, ca=ca)[0] == "transient"
    assert len(sink.mails) == 1
    assert send(start(sink), **right)[0] == "transient"
    assert len(sink.mails) == 1
