# SPDX-License-Identifier: Apache-2.0
"""More than there is room for: it is refused at once, costs no memory, and leaves everybody else alone."""
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import resource
import select
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

import pytest
from client import WAIT_SECONDS, Client, expect, new_operator, problem, wait_until
from conftest import QUARANTINE_KIB
from factory import funded_client, new_project, new_session, new_training
from interference import child, children, down, stopped
from overload_gateway import Clock, own_gateway
from processes import in_role

IDLE = 10_000
ADDRESSES = 25  # each may have 512 connections
DESCRIPTORS = 2048 + 64
KIB_MORE_MAX = 48 << 10
FLAT_KIB = 2 << 10
REPLY_KIB = 64  # of a small one, until it is sent
CALL_BYTES = 64 << 10
CLOCK_STEP, LATE_SECONDS = 10, 30
FLOOD = 1000
GREETINGS = 256  # connections without a request
ROOM = 256  # requests under way of one address, and of one lane
PER_ADDRESS = 512  # connections
HEAD_BYTES = 32 << 10  # request line and header
READS = 20
# With so many in mid-handshake, each of which is looked at in each turn; soon they are ended.
BESIDE_GREETINGS = {"share": 0.125, "tries": 10}
# A fast lane each; there is room for as many requests as these take together.
ROUTES = {"sessions": "/v1/sessions", "funding": "/v1/funding-calls", "invoicing": "/v1/invoices",
          "budgeting": "/v1/projects"}
REVIEW = b"GET /v1/funding-reviews/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def memory_kib(process):
    """What a process takes of the memory, shares of what it shares included."""
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def most_grown(processes, before):
    return max(memory_kib(process) - kib for process, kib in zip(processes, before))


def descriptors(process):
    return len(os.listdir(f"/proc/{process}/fd"))


@contextlib.contextmanager
def many_files():
    """As many descriptors as this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def pace(stack, ask):
    """Answers while the database gives some of its own, in turn: what else the machine does slows both alike."""
    asked = looked = 0
    for _ in range(READS):
        start = time.monotonic()
        expect(ask(), 200)
        middle = time.monotonic()
        for _ in range(READS):
            stack.query("select 1")
        asked, looked = asked + middle - start, looked + time.monotonic() - middle
    return looked / asked


def usual_pace(stack, ask):
    return statistics.median(pace(stack, ask) for _ in range(5))


def keeps_up(stack, ask, before, share=0.5, tries=50):
    """Whether one of many batches comes near the usual one of before."""
    return any(pace(stack, ask) >= share * before for _ in range(tries))


def reads(caller, path="/v1/clients"):
    return lambda: caller.get(path, page_size=1)


@contextlib.contextmanager
def connections(stack, count, addresses=ADDRESSES, tls=False, first=(b"",), network=1, receive_bytes=None):
    """Open connections from some addresses of this host, each with what is sent first, in turn."""
    context = ssl.create_default_context(cafile=stack.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 sends tickets, which look like an answer
    port, opened = int(stack.url.rpartition(":")[2]), []
    try:
        for number in range(count):
            connection = socket.socket()
            opened.append(connection)
            connection.settimeout(WAIT_SECONDS)
            if receive_bytes:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.bind((f"127.0.{network}.{1 + number % addresses}", 0))
            connection.connect(("127.0.0.1", port))
            if tls:
                opened[-1] = context.wrap_socket(connection, server_hostname="localhost")
            opened[-1].sendall(first[number % len(first)])
            if any(first) and len(opened) % (GREETINGS // 2) == 0:
                wait_until(lambda: unread(stack) == 0)  # of those that have said nothing the oldest would be ended
        yield opened
    finally:
        for connection in opened:
            connection.close()


def asks(client, verb, path, more=""):
    """A request as it goes over the wire."""
    token = client.session.headers["Authorization"]
    return f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n{more}\r\n".encode()


def answered(waiting):
    """Those to which something has come."""
    poll, numbers = select.poll(), {connection.fileno(): connection for connection in waiting}
    for number in numbers:
        poll.register(number, select.POLLIN)
    return [numbers[number] for number, _ in poll.poll(0)]


def endpoint(address, port):
    """As proc(5) writes it."""
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"


def sockets(stack):
    """The gateway's ends of all connections, and its listening one, as proc(5) lists them."""
    own = endpoint("127.0.0.1", int(stack.url.rpartition(":")[2]))
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()]
    return [line for line in lines if line[1] == own]


def unread(stack):
    """Bytes, and connections, that lie before the gateway."""
    return sum(int(line[4].partition(":")[2], 16) for line in sockets(stack))


def kept(stack, opened):
    """Those that the gateway has not ended; that it has may lie behind what is not taken of a reply."""
    peers = {line[2] for line in sockets(stack) if line[3] == "01"}
    return [connection for connection in opened if endpoint(*connection.getsockname()) in peers]


def assert_refused(callers, status, times):
    """Each has been refused so often, and told when to come back."""
    for caller in callers:
        text = b""
        while text.count(b"\r\n\r\n{") < times or not text.endswith(b"}"):
            text += caller.recv(1 << 16) or pytest.fail(f"was ended after {text}")
        assert text.count(f"HTTP/1.1 {status} ".encode()) == text.count(b"\r\nRetry-After: 1\r\n") == times


def assert_served(callers):
    for caller in callers:
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def own(stack):
    with many_files(), own_gateway(stack) as gateway:
        yield gateway


def log_in_as(client, stack):
    """The same caller at another gateway."""
    other = Client(stack)
    other.session.headers["Authorization"] = client.session.headers["Authorization"]
    return other


def test_ten_thousand_idle_connections_leave_others_untouched(stack, operator):
    gateway = child(stack, "gateway", "http")
    known, before = Client(stack), memory_kib(gateway)

    def newcomer():
        with Client(stack).session as session:
            return session.get(stack.url + "/livez")
    ways = [lambda: known.get("/livez"), reads(operator), newcomer]
    paces = [usual_pace(stack, way) for way in ways]
    with many_files(), connections(stack, IDLE):
        for way, pace_before in zip(ways, paces):
            assert keeps_up(stack, way, pace_before, **BESIDE_GREETINGS)
        assert descriptors(gateway) <= DESCRIPTORS
        assert memory_kib(gateway) - before <= KIB_MORE_MAX + QUARANTINE_KIB
    wait_until(lambda: descriptors(gateway) < 100)
    assert memory_kib(gateway) - before <= KIB_MORE_MAX + QUARANTINE_KIB
    assert child(stack, "gateway", "http") == gateway


def test_one_address_has_no_more_connections_than_its_share(own):
    """Those beyond are closed, another address is answered; when they are gone, so is the first."""
    with connections(own, PER_ADDRESS + 8, 1, first=[LIVEZ], network=3) as callers:
        wait_until(lambda: len(answered(callers)) == len(callers))
        assert_served(callers[:PER_ADDRESS])
        for caller in callers[PER_ADDRESS:]:
            with contextlib.suppress(ConnectionResetError):
                assert caller.recv(4096) == b""
        with connections(own, 1, first=[LIVEZ], network=4) as others:
            assert_served(others)
    wait_until(lambda: descriptors(own.worker()) < 100)
    with connections(own, 1, 1, first=[LIVEZ], network=3) as callers:
        assert_served(callers)


@pytest.mark.parametrize(("start", "fits", "beyond", "status"), [
    ("GET /livez?x=", "y" * (HEAD_BYTES // 2), "y" * HEAD_BYTES, 414),
    ("GET /livez HTTP/1.1\r\nX-Long: ", "y" * (HEAD_BYTES // 2), "y" * HEAD_BYTES, 431),
    ("GET /livez HTTP/1.1\r\nX: y", "\r\nX: y" * 100, "\r\nX: y" * 1000, 431)],
    ids=["a target", "a header", "headers"])
def test_a_head_beyond_its_room_is_refused_and_the_next_one_is_answered(stack, start, fits, beyond, status):
    """The library says so itself, before there is a request: 414 or 431, and the connection's end."""
    gateway = child(stack, "gateway", "http")
    end = ("" if "HTTP" in start else " HTTP/1.1") + "\r\nHost: localhost\r\n\r\n"
    with connections(stack, 3, tls=True) as (short, long, after):
        short.sendall((start + fits + end).encode())
        assert_served([short])
        with contextlib.suppress(OSError):  # it need not read all of it
            long.sendall((start + beyond + end).encode())
        assert long.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())
        wait_until(lambda: not kept(stack, [long]))
        after.sendall(LIVEZ)
        assert_served([after])
    assert child(stack, "gateway", "http") == gateway


def sends(connection):
    connection.send(b"x")


def takes(connection):
    connection.recv(1 << 16)


def rests(_connection):
    pass


def test_whoever_takes_minutes_is_ended_when_his_time_is_over(stack, operator, tmp_path):
    """A byte now and then is not enough: in a first header or a later one, in a body, of a reply. Who asks now and then
    stays."""
    body = asks(operator, "POST", "/v1/clients", "Content-Type: application/json\r\nContent-Length: 900000\r\n")
    page = LIVEZ.replace(b"/livez", b"/openapi.json")
    slow = [(b"GET /livez HTTP/1.1\r\nX-Slow: ", sends, 10), (body, sends, 60), (LIVEZ, rests, 75),
            (page * 20, rests, 75), (LIVEZ + b"GET /livez HTTP/1.1\r\nX-Slow: ", sends, 90), (page, takes, 300)]
    clock, start = Clock(tmp_path), time.monotonic()
    with own_gateway(stack, clock) as own, contextlib.ExitStack() as callers_end:
        *firsts, last = [first for first, _, _ in slow]
        constant, *callers = callers_end.enter_context(connections(own, len(slow), first=[b"", *firsts]))
        own.keep_little_of_replies()
        callers += callers_end.enter_context(connections(own, 1, first=[last], receive_bytes=4096))
        waiting = list(zip(callers, slow))
        for ahead in itertools.count(0, CLOCK_STEP):
            clock.put_forward(ahead)
            for caller, (_, does, _) in waiting:
                with contextlib.suppress(OSError):  # it was just ended
                    does(caller)
            constant.sendall(LIVEZ)
            assert_served([constant])
            held = kept(own, [caller for caller, _ in waiting])
            for caller, (_, _, seconds) in waiting:
                if caller in held:
                    assert ahead < seconds + LATE_SECONDS
                else:
                    assert ahead + time.monotonic() - start >= seconds
            waiting = [(caller, kind) for caller, kind in waiting if caller in held]
            if not waiting:
                break
        assert kept(own, [constant])


def test_slow_callers_are_ended_and_leave_others_untouched(stack, operator):
    """A byte now and then: in the handshake, the header, the body, or none taken of the reply."""
    body = asks(operator, "POST", "/v1/clients", "Content-Type: application/json\r\nContent-Length: 900000\r\n")
    before = usual_pace(stack, reads(operator))
    with connections(stack, 300) as greeting, connections(stack, 60, tls=True) as slow:
        for connection in greeting:
            connection.sendall(b"\x16\x03\x01")
        header, bodies, replies = slow[:20], slow[20:40], slow[40:]
        for connection in header:
            connection.sendall(b"GET /v1/clients HTTP/1.1\r\nX-Slow: ")
        for connection in bodies:
            connection.sendall(body + b"{")
        for connection in replies:
            connection.sendall(asks(operator, "GET", "/openapi.json") * 20)
        assert keeps_up(stack, reads(operator), before, **BESIDE_GREETINGS)

        def header_ends():
            expect(operator.get("/v1/clients", page_size=1), 200)
            for connection in [connection for connection in header if not answered([connection])]:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            return len(answered(header + greeting)) == len(header + greeting)
        wait_until(header_ends, 40)
        assert answered(bodies) == []
    expect(operator.get("/v1/clients", page_size=1), 200)


@pytest.mark.parametrize(("addresses", "status"), [(2, 503), (1, 429)],
                         ids=["of a service that hangs", "of one address"])
def test_beyond_the_room_for_requests_under_way_is_refused_at_once(stack, own, operator, addresses, status):
    """The first wait, the next are refused, a thousand times without more memory; others are served as quickly as
    before; when the service goes on, all that wait are answered, and it is as quick as before."""
    path, more = "/v1/funding-calls", 5
    question = asks(operator, "GET", f"{path}?page_size=1")
    workers = children(stack, "funding", "fast")
    processes = [child(stack, "broker", "broker"), own.worker(), *workers]
    caller = log_in_as(operator, own)
    ways = [reads(caller), reads(caller, path)]
    paces = [usual_pace(stack, way) for way in ways]
    with contextlib.ExitStack() as callers_end:
        with stopped(*workers):
            callers = callers_end.enter_context(connections(own, ROOM + more, addresses, first=[question]))
            wait_until(lambda: len(answered(callers)) == more)
            refused = answered(callers)
            assert_refused(refused, status, 1)
            before = [memory_kib(process) for process in processes]
            with connections(own, more, addresses, first=[REVIEW * (FLOOD // more)]) as flood:
                assert_refused(flood, status, FLOOD // more)
            assert keeps_up(stack, ways[0], paces[0])
            assert most_grown(processes, before) <= FLAT_KIB + QUARANTINE_KIB
        assert_served([waiting for waiting in callers if waiting not in refused])
        assert most_grown(processes, before) <= ROOM * REPLY_KIB + QUARANTINE_KIB
    for way, pace_before in zip(ways, paces):
        assert keeps_up(stack, way, pace_before)


def test_no_more_requests_are_under_way_than_the_gateway_has_room_for(stack, own, operator):
    """Neither an address nor a lane has too many, but all together have; other pages are still served."""
    outsider, answers = log_in_as(operator, own), []
    workers = [children(stack, service, "fast") for service in ROUTES]
    questions = [asks(operator, "GET", f"{path}?page_size=1") for path in ROUTES.values()]

    def is_refused():
        answers.append(outsider.get("/v1/clients", page_size=1))
        return answers[-1].status_code != 200
    with contextlib.ExitStack() as callers_end:
        with stopped(*sum(workers[1:], [])):
            with stopped(*workers[0]):
                callers = callers_end.enter_context(
                    connections(own, len(ROUTES) * ROOM, len(ROUTES), first=questions, network=2))
                wait_until(is_refused)
                problem(answers[-1], 503, "unavailable")
                assert answers[-1].headers["Retry-After"] == "1"
                assert len(answered(callers)) < len(answers)  # none but whose place the outsider took
                expect(outsider.get("/livez"), 200)
            assert_served(callers[::len(ROUTES)])
            wait_until(lambda: not is_refused())
        for number in range(1, len(ROUTES)):
            assert_served(callers[number::len(ROUTES)])


def test_large_bodies_beyond_their_room_are_refused_and_small_ones_are_not(stack, operator):
    """An upload holds memory as long as it takes: 60 of 900 000 bytes that don't end are too many."""
    head = asks(operator, "POST", "/v1/clients", "Content-Type: application/json\r\nContent-Length: 900002\r\n")
    gateway = child(stack, "gateway", "http")
    before = memory_kib(gateway)
    with connections(stack, 60, tls=True) as uploads:
        for upload in uploads:
            upload.sendall(head + b'"' + b"x" * 900_000)
        wait_until(lambda: memory_kib(gateway) - before > 30 << 10 and unread(stack) == 0)
        expect(operator.post("/v1/clients", {"name": "Small beside large"}), 201)
        for upload in uploads:
            upload.sendall(b'"')
        texts = [upload.recv(4096) for upload in uploads]
        assert {text[:12] for text in texts} == {b"HTTP/1.1 503", b"HTTP/1.1 400"}
        assert all(b"\r\nRetry-After: 1\r\n" in text for text in texts if b" 503 " in text[:16])
    assert memory_kib(gateway) - before <= 4 * (32 << 10) + QUARANTINE_KIB


def test_what_nobody_waits_for_any_more_is_not_done(stack, operator):
    """Writes that lay in frozen workers until their callers had gone."""
    names = [f"Nobody waits {number}" for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        with stopped(*children(stack, "accounts", "fast")):
            writes = [pool.submit(Client.post, operator, "/v1/clients", {"name": name}) for name in names]
            assert {write.result().status_code for write in writes} <= {503, 504}
        for _ in range(2 * len(names)):
            wait_until(lambda: operator.get("/v1/clients", page_size=1).status_code == 200)
    assert stack.query("select name from accounts.client where name = any(%s)", names) == []


def test_logins_that_take_their_time_do_not_delay_a_read(stack, operator):
    """Each wants memory and time by design; they have a lane of their own."""
    done, enough = [], threading.Event()

    def log_in(number):
        while not enough.is_set():
            address = f"nobody-{number}-{len(done)}@escarcelle.example"
            Client(stack).post("/v1/auth/login", {"email": address, "password": "x" * 20})
            done.append(number)
    logins = [threading.Thread(target=log_in, args=(number,)) for number in range(30)]
    before = usual_pace(stack, reads(operator))
    for login in logins:
        login.start()
    try:
        wait_until(lambda: done)
        assert keeps_up(stack, reads(operator), before, 0.25)  # a login takes a whole processor
    finally:
        enough.set()
        for login in logins:
            login.join()


def test_every_service_has_as_many_database_connections_as_processes(stack):
    """Whatever came before: each process has one."""
    for service in stack.place.services():
        roles = ("fast", "leaf", "slow", "courier", "jobs")

        def each_has_one():
            processes = sum(len(children(stack, service, role)) for role in roles)
            [(used,)] = stack.query("select count(*) from pg_stat_activity where usename = %s", service)
            return 0 < used <= processes
        wait_until(each_has_one)


@contextlib.contextmanager
def with_little_memory(stack, service):
    """A service that has one worker, and little memory for a call. Yields a function that tells its worker."""
    environment = stack.place.service_environment(service, 1, 0) | {
        "ESCARCELLE_ARENA_BYTES_MAX": str(CALL_BYTES), "ESCARCELLE_WORKERS_FAST": "1"}
    with down(stack, service), (stack.logs / f"{service}-little.log").open("ab") as log:
        program = subprocess.Popen([stack.place.binary(service)], env=environment, stdout=log, stderr=log)
        try:
            yield lambda: wait_until(lambda: in_role(program.pid, "fast"))[0]
        finally:
            program.terminate()
            program.wait(timeout=30)


def test_a_request_that_needs_more_memory_than_a_call_has_fails_alone(stack, admin):
    """Wherever in its work it is ended it leaves nothing behind, and the same worker does the next one."""
    session = new_session(admin, new_project(admin, funded_client(admin), auto_funding_call=False))
    done, refused = [], []
    with with_little_memory(stack, "sessions") as worker:
        first = worker()
        for size in range(50):
            title = f"Size {size}"
            answer = admin.post(f"/v1/sessions/{session['id']}/trainings", {
                "title": title, "provider": "Formatys", "cost_cents": 1, "vat_rate_bp": 2000,
                "date": session["start_date"], "trainers": [f"{number:0200}" for number in range(size)]})
            (done if answer.status_code == 201 else refused).append(title)
            if answer.status_code != 201:
                assert "more memory than one call" in problem(answer, 413, "too_large")["detail"]
                new_training(admin, session, 1)
        assert worker() == first and done and refused
    stored = stack.query("select title from sessions.training where session_id = %s and title like 'Size %%' "
                         "order by id", session["id"])
    assert [title for (title,) in stored] == done
    wait_until(lambda: admin.get("/v1/sessions", page_size=1).status_code == 200)


@pytest.fixture(scope="module")
def strict(start_stack):
    """A stack that lets nobody ask often."""
    return start_stack(environment={"ESCARCELLE_ANONYMOUS_PER_MINUTE": "30", "ESCARCELLE_CALLER_PER_MINUTE": "40"})


def refused_after(ask, most):
    """The 429 that comes within so many requests."""
    for _ in range(most):
        answer = ask()
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) > 0
            problem(answer, 429, "too_many_requests")
            return answer
    raise AssertionError(f"{most} requests were let through")


def test_who_asks_too_often_is_told_when_to_come_back(strict):
    """A caller has a pace of his own; the nameless share their address's."""
    admin, anonymous = Client(strict).log_in(strict.email, strict.password), Client(strict)
    busy = new_operator(strict, admin)
    refused_after(lambda: busy.get("/v1/clients"), 60)
    problem(busy.get("/v1/users"), 403, "forbidden")
    refused_after(lambda: anonymous.get("/v1/auth/password-resets/nothing"), 60)
    expect(admin.get("/v1/me"), 200)
    expect(anonymous.get("/livez"), 200)
    problem(anonymous.get("/v1/me"), 401, "unauthenticated")
