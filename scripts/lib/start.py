# SPDX-License-Identifier: Apache-2.0
"""The work of scripts/run: brings a stack up step by step, then keeps it running."""
import argparse
import os
import pathlib
import signal
import subprocess
import sys

from api import Api
from cluster import Cluster
from stack import ADMINISTRATOR, DEFAULT_STATE, REPOSITORY, Stack
from supervisor import Failed, Stopped, Supervisor, replace_text

READY_SECONDS_MAX = 120
# A program that dies this often before all is ready will not come up.
DEATHS_MAX = 5
BROKERS_MAX = 8


def say(text):
    print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="run", allow_abbrev=False)
    parser.add_argument("--state", type=pathlib.Path, default=DEFAULT_STATE)
    parser.add_argument("--port", type=int)
    parser.add_argument("--brokers", type=int, default=1, choices=range(1, BROKERS_MAX + 1))
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--detach", action="store_true")
    content = parser.add_mutually_exclusive_group()
    content.add_argument("--empty", action="store_true")
    content.add_argument("--demo", action="store_true")
    options = parser.parse_args()
    if options.port is not None and not 0 <= options.port <= 65535:
        parser.error("--port is a number from 0 to 65535")
    return options


def build():
    """Builds the programs for real use; make says what it does."""
    say("building")
    processors = len(os.sched_getaffinity(0))
    result = subprocess.run(["make", "--no-print-directory", "-C", REPOSITORY, f"-j{processors}", "MODE=release",
                             "all"], check=False)
    if result.returncode != 0:
        raise Failed("the build failed; what the compiler said is above")
    return REPOSITORY / "build" / "release"


def migrate(stack, supervisor):
    for service in stack.services():
        supervisor.run([stack.binary(service), "--migrate"], stack.migrate_environment(service),
                       what=f"migrating the schema of {service}")


def bootstrap(stack, supervisor):
    """Opens the first administrator's account, unless it is there."""
    password = stack.secret_file("administrator.password")
    supervisor.run([stack.binary("accounts"), "--bootstrap-admin", ADMINISTRATOR, "--password-file", password],
                   stack.service_environment("accounts", 1, 0), what="opening the administrator's account")


def dying(supervisor):
    return next((program for program in supervisor.programs if program.deaths >= DEATHS_MAX), None)


def last_words(supervisor, name):
    return f"its log ({supervisor.logs}/{name}.log) ends with\n" + supervisor.log_tail(name)


def is_ready(stack, api):
    """Whether /readyz is 200; a service that this build does not have is not waited for."""
    missing = api.missing()
    return missing is not None and not set(missing) & set(stack.services())


def wait_until_ready(stack, supervisor, api):
    """Waits for /readyz; says why when it does not come."""
    if supervisor.tend(lambda: is_ready(stack, api) or dying(supervisor), READY_SECONDS_MAX) and not dying(supervisor):
        return
    program = dying(supervisor)
    if program:
        raise Failed(f"{program.name} keeps ending; {last_words(supervisor, program.name)}")
    missing = api.missing()
    silent = ["gateway"] if missing is None else missing
    raise Failed(f"not ready after {READY_SECONDS_MAX} s: {', '.join(silent)} does not answer; "
                 + "\n".join(last_words(supervisor, name) for name in silent))


def fill(stack, supervisor, options, url):
    """Settings, and demo data unless told otherwise; done once for a state, gone on with when cut off. Links in mails
    begin with our address, which may be another one next time."""
    filled, tools = stack.state / "filled", REPOSITORY / "scripts"
    if filled.exists():
        if options.demo:
            say(f"{stack.state} has data already; no demo data is loaded into it")
        former = filled.read_text(encoding="utf-8").strip()
        if former not in ("", url):
            say(f"links begin with {url} from now on")
            supervisor.run([tools / "settings", stack.access_file, "--moved-from", former], stack.environment(),
                           what="scripts/settings")
            replace_text(filled, url)
        return
    for tool, wanted in (("settings", True), ("demo", not options.empty)):
        if wanted:
            say({"settings": "writing the settings", "demo": "loading demo data"}[tool])
            supervisor.run([tools / tool, stack.access_file], stack.environment(), what=f"scripts/{tool}")
    replace_text(filled, url)


def bring_up(stack, supervisor, options):
    """Everything from an empty folder to a ready platform; returns how to get in."""
    port, smtp_port = stack.ports(options.port)
    stack.make_certificate()
    stack.make_keys()
    say("starting PostgreSQL")
    cluster = Cluster(stack)
    cluster.create(supervisor)
    cluster.start(supervisor)
    cluster.provide(stack.services())
    if stack.backup_file.exists():
        supervisor.start(stack.backup_program())
    say("migrating the schemas")
    migrate(stack, supervisor)
    bootstrap(stack, supervisor)
    say("starting the programs")
    supervisor.start(stack.sink_program(smtp_port))
    for program in stack.broker_programs(options.brokers):
        supervisor.start(program)
    for program in stack.service_programs(options.brokers, smtp_port):
        supervisor.start(program)
    supervisor.start(stack.gateway_program(options.brokers, port))
    access = stack.write_access(port)
    wait_until_ready(stack, supervisor, Api(access["url"], access["ca_file"]))
    fill(stack, supervisor, options, access["url"])
    return access


def introduce(stack, access, detached):
    state = "" if stack.state == DEFAULT_STATE else f" --state {stack.state}"
    say(f"""
Escarcelle is ready.
  URL            {access['url']}  (reference: {access['url']}/docs)
  certificate    {access['ca_file']}
  administrator  {access['email']}
  password       {access['password']}
  mail lands in  {access['smtp_maildir']}  (./scripts/mails{state} shows it)
  logs           {stack.logs}
  to stop it     {"./scripts/stop" + state if detached else "Ctrl-C"}
""")


def stopped(number, frame):
    raise Stopped


def serve(options, ready):
    """Brings the stack up, calls ready(), keeps it running until a signal. Returns the exit code."""
    stack = Stack(options.state, options.build)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # until the supervisor takes them
            signal.signal(number, stopped)
        stack.claim()
        stack.build = stack.build or build()
        for program in ("broker", "accounts", "gateway"):
            if not stack.binary(program).exists():
                raise Failed(f"{stack.binary(program)} is not there; run make first")
        with Supervisor(stack.pids, stack.logs) as supervisor:
            introduce(stack, bring_up(stack, supervisor, options), options.detach)
            ready(stack)
            supervisor.tend()
    except Stopped:
        say("stopped")
        return 0
    except Failed as failure:
        print(f"run: {failure}", file=sys.stderr, flush=True)
        return 1
    finally:
        if stack.lock:
            stack.release()


def serve_detached(options):
    """Does the same in a session of its own; returns when it is ready or has failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setsid()

        def ready(stack):
            log = os.open(stack.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(log, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.close(log)
            os.write(writer, b"1")
            os.close(writer)

        os._exit(serve(options, ready))
    os.close(writer)
    try:
        if os.read(reader, 1):
            return 0
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    return 1


def main():
    options = arguments()
    os.umask(0o077)
    if options.detach:
        return serve_detached(options)
    say("Ctrl-C stops everything.")
    return serve(options, lambda stack: None)


if __name__ == "__main__":
    sys.exit(main())
