# SPDX-License-Identifier: Apache-2.0
"""More than there is room for: it is refused at once, costs no memory, and leaves everybody else alone."""
import concurrent.futures
import contextlib
import os
import pathlib
import resource
import select
import socket
import ssl
import threading

import pytest
from client import WAIT_SECONDS, Client, expect, new_operator, problem, wait_until
from conftest import QUARANTINE_KIB
from interference import child, children, stopped

IDLE = 10_000
ADDRESSES = 25  # each may have 512 connections
DESCRIPTORS = 2048 + 64
KIB_MORE_MAX = 48 << 10
ROOM = 256  # requests under way of one address, and of one lane
# A slow machine may take longer to connect all callers than a request may take.
ADMITTED = (b"HTTP/1.1 200", b"HTTP/1.1 503", b"HTTP/1.1 504")


def memory_kib(process):
    """What a process takes of the memory, shares of what it shares included."""
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process}/fd"))


@contextlib.contextmanager
def many_files():
    """As many descriptors as this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def connections(stack, count, addresses=ADDRESSES, tls=False, first=b""):
    """Open connections from some addresses of this host, each with what is sent first."""
    context = ssl.create_default_context(cafile=stack.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 sends tickets, which look like an answer
    port, opened = int(stack.url.rpartition(":")[2]), []
    try:
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS,
                                                  (f"127.0.1.{1 + number % addresses}", 0))
            opened.append(context.wrap_socket(connection, server_hostname="localhost") if tls else connection)
            opened[-1].sendall(first)
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
    return select.select(waiting, [], [], 0)[0]


def unread(stack):
    """Bytes that lie before the gateway."""
    port = f":{int(stack.url.rpartition(':')[2]):04X}"
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()]
    return sum(int(line[4].partition(":")[2], 16) for line in lines if line[1].endswith(port))


def test_ten_thousand_idle_connections_leave_others_untouched(stack, operator):
    gateway = child(stack, "gateway", "http")
    known, before = Client(stack), memory_kib(gateway)
    expect(known.get("/livez"), 200)
    with many_files(), connections(stack, IDLE):
        for _ in range(10):
            expect(operator.get("/v1/clients", page_size=1), 200)  # over the connection that it has
            expect(known.get("/livez"), 200)
            expect(Client(stack).get("/livez"), 200)
        assert descriptors(gateway) <= DESCRIPTORS
        assert memory_kib(gateway) - before <= KIB_MORE_MAX
    wait_until(lambda: descriptors(gateway) < 100)
    assert memory_kib(gateway) - before <= KIB_MORE_MAX
    assert child(stack, "gateway", "http") == gateway


def test_slow_callers_are_ended_and_leave_others_untouched(stack, operator):
    """A byte now and then: in the handshake, the header, the body, or none taken of the reply."""
    body = asks(operator, "POST", "/v1/clients", "Content-Type: application/json\r\nContent-Length: 900000\r\n")
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

        def header_ends():
            expect(operator.get("/v1/clients", page_size=1), 200)
            for connection in [connection for connection in header if not answered([connection])]:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            return len(answered(header + greeting)) == len(header + greeting)
        wait_until(header_ends, 40)
        assert answered(bodies) == []
    expect(operator.get("/v1/clients", page_size=1), 200)


@pytest.mark.parametrize(("service", "path", "addresses", "more", "status"), [
    ("sessions", "/v1/sessions", 2, 20, 503), ("funding", "/v1/funding-calls", 1, 5, 429)],
    ids=["of a service that hangs", "of one address"])
def test_beyond_the_room_for_requests_under_way_is_refused_at_once(stack, operator, service, path, addresses, more, status):
    """The first wait, the next are refused; others are served; when the service goes on, all that wait are answered."""
    question = asks(operator, "GET", f"{path}?page_size=1")
    with contextlib.ExitStack() as callers_end:
        with stopped(*children(stack, service, "fast")):
            callers = callers_end.enter_context(connections(stack, ROOM + more, addresses, True, question))
            wait_until(lambda: len(answered(callers)) == more)
            for refused in answered(callers):
                text = refused.recv(4096)
                assert text.startswith(f"HTTP/1.1 {status} ".encode()) and b"\r\nRetry-After: 1\r\n" in text
                callers.remove(refused)
            expect(operator.get("/v1/clients", page_size=1), 200)
        for caller in callers:
            assert caller.recv(4096)[:12] in ADMITTED
    expect(operator.get(path, page_size=1), 200)


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
    done = []

    def log_in(number):
        Client(stack).post("/v1/auth/login", {"email": f"nobody-{number}@escarcelle.example", "password": "x" * 20})
        done.append(number)
    logins = [threading.Thread(target=log_in, args=(number,)) for number in range(30)]
    for login in logins:
        login.start()
    wait_until(lambda: done)
    for _ in range(3):
        expect(operator.get("/v1/clients", page_size=1), 200)
    assert len(done) < len(logins)
    for login in logins:
        login.join()


def test_every_service_has_as_many_database_connections_as_processes(stack):
    """Whatever came before: each process has one."""
    for service in stack.place.services():
        roles = ("fast", "leaf", "slow", "courier", "jobs")
        processes = sum(len(children(stack, service, role)) for role in roles)
        [(used,)] = stack.query("select count(*) from pg_stat_activity where usename = %s", service)
        assert 0 < used <= processes


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
