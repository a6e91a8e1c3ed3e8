# SPDX-License-Identifier: Apache-2.0
"""scripts/run and scripts/stop: what they promise about processes, folders and access."""
import os
import signal
import smtplib
import ssl
import stat
import subprocess
import sys

import pytest
import requests
from client import START_SECONDS_MAX, Client, RunningStack, wait_until
from conftest import build_folder, prepared_state
from foreground import ForegroundStack
from stack import MARK, REPOSITORY

METRICS_TOKEN = "only-for-the-collector-of-metrics"


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory, stack):
    """A stack beside the shared one, under a path longer than a socket's may be, that tests stop and start."""
    folder = tmp_path_factory.mktemp("long") / ("x" * 120)
    folder.mkdir()
    token = folder / "metrics.token"
    token.write_text(METRICS_TOKEN, encoding="utf-8")
    token.chmod(0o600)
    own = RunningStack(folder, stack.place.build)
    own.start(environment={"ESCARCELLE_METRICS_TOKEN_FILE": str(token)})
    yield own
    own.stop()


def test_access_file_is_complete_and_private(stack):
    mode = stat.S_IMODE(os.stat(stack.place.access_file).st_mode)
    assert mode == 0o600
    assert stack.url.startswith("https://127.0.0.1:")
    assert Client(stack).log_in(stack.email, stack.password).user["role"] == "admin"


def test_certificate_is_good_for_localhost_too(stack):
    url = stack.url.replace("127.0.0.1", "localhost")
    assert requests.get(url + "/livez", verify=stack.ca_file, timeout=5).status_code == 200


def test_secrets_are_readable_by_nobody_else(stack):
    for file in [*stack.place.secrets.iterdir(), *stack.place.keys.glob("*.secret"), *stack.place.tls.glob("*.key")]:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_second_start_on_a_running_state_is_refused(stack):
    again = subprocess.run([REPOSITORY / "scripts" / "run", "--state", stack.state, "--build", stack.place.build,
                            "--detach"], capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode == 1
    assert "already runs" in again.stderr and "./scripts/stop" in again.stderr
    assert stack.is_ready()


def test_taken_port_is_said(stack, tmp_path):
    port = stack.url.rsplit(":", 1)[1]
    other = subprocess.run([REPOSITORY / "scripts" / "run", "--state", tmp_path, "--build", stack.place.build,
                            "--port", port, "--detach"], capture_output=True, text=True, timeout=30, check=False)
    assert other.returncode == 1
    assert f"port {port} is taken; choose another one with --port" in other.stderr


def lets_in(stack):
    """Whether the administrator can log in: more than readiness, which a short absence leaves as it was."""
    try:
        answer = Client(stack).post("/v1/auth/login", {"email": stack.email, "password": stack.password})
    except requests.ConnectionError:
        return False
    return answer.status_code == 200


def test_configuration_is_handed_on(own_stack):
    """What is in the environment of the start, here a token for the metrics: without it 401, with it the counters."""
    def metrics(token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client(own_stack).request("GET", "/metrics", headers=headers)
    assert [metrics(token).status_code for token in (None, METRICS_TOKEN + "x", "x", METRICS_TOKEN)] == [401, 401, 401, 200]
    assert "escarcelle_http_requests_total" in metrics(METRICS_TOKEN).text


@pytest.mark.parametrize("program", ["gateway", "broker", "accounts", "smtp-sink", "postgres"])
def test_killed_program_is_started_again(own_stack, program):
    """Who had opened the file of its number still reads the old one: it is replaced, never half written."""
    before = own_stack.pid(program)
    with open(own_stack.place.pids / f"{program}.pid", encoding="utf-8") as opened:
        own_stack.signal(program, signal.SIGKILL)
        wait_until(lambda: own_stack.pid(program) != before)
        assert opened.read() == f"{before}\n"
    wait_until(lambda: lets_in(own_stack))


def stop(*options):
    """(exit code, what it printed, what it complained of)."""
    result = subprocess.run([REPOSITORY / "scripts" / "stop", *options], capture_output=True, text=True,
                            timeout=START_SECONDS_MAX, check=False)
    return result.returncode, result.stdout, result.stderr


def test_stop_leaves_no_process_and_the_next_start_has_the_same_data(own_stack):
    admin = Client(own_stack).log_in(own_stack.email, own_stack.password)
    before = admin.read("/v1/settings")
    url = own_stack.url
    assert stop("--state", own_stack.state) == (0, "stopped\n", "")
    assert list(own_stack.place.processes()) == []
    assert list(own_stack.place.pids.glob("*.pid")) == []
    assert not own_stack.place.sockets.exists()
    assert stop("--state", own_stack.state) == (0, f"nothing to stop: nothing runs in {own_stack.state}\n", "")
    own_stack.start()
    assert own_stack.url == url
    assert Client(own_stack).log_in(own_stack.email, own_stack.password).read("/v1/settings") == before


def test_links_begin_with_the_address_of_the_day(own_stack):
    """Unless people chose another one."""
    admin = Client(own_stack).log_in(own_stack.email, own_stack.password)
    for chosen in (None, "https://training.example"):
        if chosen:
            admin.change("/v1/settings", {"public_url": chosen})
        former = own_stack.url
        stop("--state", own_stack.state)
        own_stack.start("--port", "0")
        admin = Client(own_stack).log_in(own_stack.email, own_stack.password)
        assert own_stack.url != former and admin.read("/v1/settings")["public_url"] == (chosen or own_stack.url)
    admin.change("/v1/settings", {"public_url": own_stack.url})


def test_stop_says_that_there_is_no_such_state(tmp_path):
    nowhere = tmp_path / "nowhere"
    assert stop("--state", nowhere) == (0, f"nothing to stop: {nowhere} does not exist\n", "")
    assert not nowhere.exists()


def test_stop_refuses_an_unknown_option(own_stack):
    code, printed, complaint = stop("--state", own_stack.state, "--now")
    assert (code, printed) == (2, "") and "unrecognized arguments: --now" in complaint
    assert own_stack.is_ready()


def test_programs_die_with_their_supervisor(own_stack):
    own_stack.signal("supervisor", signal.SIGKILL)
    wait_until(lambda: not list(own_stack.place.processes()))
    own_stack.start()


def test_the_same_command_goes_on_at_once_after_the_supervisor_was_killed(own_stack):
    """What it left behind, a frozen backend of PostgreSQL included, is ended before anything is started."""
    [(backend,)] = own_stack.query("select pid from pg_stat_activity where usename = 'sessions' limit 1")
    os.kill(backend, signal.SIGSTOP)
    own_stack.signal("supervisor", signal.SIGKILL)
    own_stack.start()
    assert own_stack.is_ready()
    wait_until(lambda: not os.path.exists(f"/proc/{backend}"))  # init reaps it when it comes to it


# ── what is cut off, and what cannot come up ────────────────────────────────────────────────────


@pytest.fixture
def foreground(tmp_path, tmp_path_factory):
    """A stack that is about to go on; nothing of it is left."""
    stack = ForegroundStack(tmp_path, build_folder())
    subprocess.run(["cp", "-a", prepared_state(tmp_path_factory), stack.state], check=True)
    yield stack
    stack.stop()


def test_ctrl_c_while_it_starts_stops_what_was_started(foreground):
    foreground.begin("--empty", "--port", "0")
    foreground.wait_for("migrating the schemas")
    assert foreground.end(signal.SIGINT) == 0
    assert foreground.printed().splitlines()[-1] == "stopped"
    assert foreground.left_behind() == ([], [], False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_before_anything_was_started_is_answered_in_a_word(foreground, number):
    """What an earlier supervisor left keeps the start waiting before there is a supervisor."""
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                          env=os.environ | {MARK: str(foreground.state)}) as left:
        try:
            left.stdout.readline()
            foreground.begin("--empty", "--port", "0")
            wait_until(foreground.place.is_running)
            assert foreground.end(number) == 0
        finally:
            left.kill()
    assert foreground.printed().splitlines() == ["Ctrl-C stops everything.", "stopped"]
    assert not foreground.place.sockets.exists()


def broken_build(folder, name, script):
    """The programs, but one is this shell script."""
    (folder / "bin").mkdir(parents=True)
    for program in (build_folder() / "bin").iterdir():
        if program.is_file() and program.name != name:
            (folder / "bin" / program.name).symlink_to(program)
    (folder / "bin" / name).write_text("#!/bin/sh\n" + script, encoding="utf-8")
    (folder / "bin" / name).chmod(0o700)
    return folder


BROKEN = "echo 'no strings left' >&2; exit 1\n"


@pytest.mark.parametrize("script, reason", [
    (f'[ $# = 0 ] || exec "{build_folder()}/bin/invoicing" "$@"\n{BROKEN}',
     "run: invoicing keeps ending; its log ({logs}/invoicing.log) ends with\n    "),
    (BROKEN, "run: migrating the schema of invoicing failed:\n"),
], ids=["keeps ending", "cannot migrate"])
def test_detached_start_that_fails_says_why_and_leaves_no_process(tmp_path, tmp_path_factory, script, reason):
    stack = RunningStack(tmp_path, broken_build(tmp_path / "build", "invoicing", script))
    subprocess.run(["cp", "-a", prepared_state(tmp_path_factory), stack.state], check=True)
    result = subprocess.run(stack.command(), capture_output=True, text=True, timeout=START_SECONDS_MAX, check=False)
    assert result.returncode == 1 and "is ready" not in result.stdout
    assert result.stderr.startswith(reason.format(logs=stack.logs)) and result.stderr.endswith("no strings left\n")
    assert (list(stack.place.processes()), list(stack.place.pids.glob("*")), stack.place.sockets.exists()) == ([], [], False)


def send(stack, recipient):
    """Sends a mail over STARTTLS as notifications does."""
    port = stack.place.ports_used()["smtp"]
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as session:
        session.starttls(context=ssl.create_default_context(cafile=stack.ca_file))
        session.sendmail("sender@escarcelle.example", [recipient], "Subject: été\r\n\r\nbody\r\n".encode())


def test_mail_sink_refuses_defers_and_takes(stack):
    send(stack, "taken@sink.example")
    assert stack.mail("taken@sink.example", "body")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
        send(stack, "refused@sink.example")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="451"):
        send(stack, "deferred@sink.example")
    send(stack, "deferred@sink.example")
    assert stack.mail("deferred@sink.example", "body")


def test_mail_sink_takes_nothing_in_the_clear(stack):
    with smtplib.SMTP("127.0.0.1", stack.place.ports_used()["smtp"], timeout=10) as session:
        with pytest.raises(smtplib.SMTPSenderRefused, match="STARTTLS"):
            session.sendmail("sender@escarcelle.example", ["clear@sink.example"], b"body")
