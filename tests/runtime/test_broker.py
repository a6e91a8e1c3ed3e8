# SPDX-License-Identifier: Apache-2.0
"""The real broker and real ends of the wire, on an ipc path of their own, under CURVE."""

import contextlib
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
import zmq
from conftest import QUARANTINE_KIB
from interference import stopped
from processes import children_of, descendants

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS_DIR", ROOT / "build" / "debug" / "bin"))
WAIT_S = 15


class Process:
    """A program whose lines are read as they come."""

    def __init__(self, arguments, environment):
        self.lines = queue.Queue()
        self.popen = subprocess.Popen(
            [str(argument) for argument in arguments], env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.popen.stdout:
            self.lines.put(line.rstrip("\n"))

    def say(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def expect(self, *words, within_s=WAIT_S):
        """The next line that contains all words."""
        end, seen = time.monotonic() + within_s, []
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if all(word in line for word in words):
                return line
            seen.append(line)
        raise AssertionError(f"no line with {words}; seen {seen}")

    def said(self, word):
        """Whether a line with this word has come since the last that was looked at."""
        with contextlib.suppress(queue.Empty):
            while True:
                if word in self.lines.get_nowait():
                    return True
        return False

    def nothing(self, word, for_s):
        """No line with this word comes for a while."""
        with pytest.raises(AssertionError):
            self.expect(word, within_s=for_s)

    def signal(self, number):
        self.popen.send_signal(number)

    def end(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
            self.popen.terminate()
            try:
                self.popen.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()


class Stage:
    """Brokers and probes that are ended together."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.keys = folder / "keys"
        subprocess.run([PROGRAMS / "broker", "--keys", self.keys], check=True)
        self.addresses = [f"ipc://{folder}/broker-1"]

    def environment(self, **more):
        inherited = {key: value for key, value in os.environ.items()
                     if not key.startswith("ESCARCELLE_")}
        return {**inherited, "ESCARCELLE_KEYS_DIR": str(self.keys),
                "ESCARCELLE_BROKERS": ",".join(self.addresses), **more}

    def start(self, *arguments, **more):
        process = Process(arguments, self.environment(**more))
        self.processes.append(process)
        return process

    def broker(self, address=None):
        broker = self.start(PROGRAMS / "broker", ESCARCELLE_BIND=address or self.addresses[0])
        broker.expect("listening on")
        return broker

    def probe(self, program, role, *arguments, keys=None):
        more = {"ESCARCELLE_KEYS_DIR": str(keys)} if keys else {}
        return self.start(PROGRAMS / "runtime" / "wire_probe", program, role, *arguments, **more)

    def worker(self, broker, name="accounts.fast", credit=1):
        worker = self.probe(name.split(".")[0], "worker", name, credit)
        worker.expect("ready")
        broker.expect("a worker of", name, "is registered")
        return worker

    def asker(self, program="gateway"):
        asker = self.probe(program, "asker")
        asker.expect("ready")
        return asker

    def end(self):
        for process in reversed(self.processes):
            process.end()


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.end()


@pytest.fixture
def broker(stage):
    return stage.broker()


def peer(keys, program, kind):
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.curve_secretkey = (keys / f"{program}.secret").read_bytes().strip()
    socket.curve_publickey = (keys / f"{program}.public").read_bytes().strip()
    socket.curve_serverkey = (keys / "broker.public").read_bytes().strip()
    return socket


def dealer(stage, program, door, kind=zmq.DEALER):
    """A peer with a good key that says what it likes."""
    socket = peer(stage.keys, program, kind)
    socket.connect(f"{stage.addresses[0]}-{door}")
    return socket


def control(command, number=0, argument=0, text=b""):
    return b"ESC1" + bytes([command]) + number.to_bytes(8, "big") + argument.to_bytes(4, "big") + text


REQUEST, REPLY, UNAVAILABLE, PING, PONG = 1, 2, 3, 4, 5
READY, FORWARD, DONE, ALIVE, LEAVE = 16, 17, 18, 19, 20
STOPPING, WORKERLESS = 1, 2  # the argument of UNAVAILABLE; STOPPING that of PONG as well


def receive(socket):
    assert socket.poll(WAIT_S * 1000), "nothing came"
    return socket.recv_multipart()


def test_keys_are_made_once_and_secret(stage):
    before = {path.name: path.read_bytes() for path in stage.keys.iterdir()}
    (stage.keys / "funding.public").unlink()
    subprocess.run([PROGRAMS / "broker", "--keys", stage.keys], check=True)
    assert {path.name: path.read_bytes() for path in stage.keys.iterdir()} == before
    assert len(before) == 16
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in stage.keys.glob("*.secret"))


def test_two_workers_share_the_requests(stage, broker):
    workers = [stage.worker(broker), stage.worker(broker)]
    asker = stage.asker()
    answered = set()
    for tag in range(1, 5):
        asker.say(f"accounts.fast 5000 hello {tag}")
        answered.add(asker.expect(f"reply {tag} ", f"gateway hello {tag}").split()[2])
    assert answered == {str(worker.popen.pid) for worker in workers}


def outcomes(asker, count):
    """What becomes of so many requests, in whichever order."""
    return {" ".join(asker.expect("").split()[:2]) for _ in range(count)}


def test_credit_bounds_what_a_worker_gets(stage, broker):
    stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 5000 sleep 1000")
    asker.say("accounts.fast 300 late")
    asker.say("accounts.fast 5000 in time")
    assert outcomes(asker, 3) == {"unavailable 2", "reply 1", "reply 3"}


def test_unavailable_when_nobody_serves(stage, broker):
    asker = stage.asker()
    asker.say("accounts.fast 5000 hello")
    asker.say("accounts.fast 200 hello")
    assert outcomes(asker, 2) == {"unavailable 1", "unavailable 2"}


def test_a_request_waits_for_a_worker_that_starts(stage, broker):
    asker = stage.asker()
    asker.say("accounts.fast 5000 early")
    stage.worker(broker)
    asker.expect("reply 1 ", "early")


def test_an_unknown_key_gets_nothing(stage, broker, tmp_path):
    strange = tmp_path / "strange"
    subprocess.run([PROGRAMS / "broker", "--keys", strange], check=True)
    (strange / "broker.public").write_bytes((stage.keys / "broker.public").read_bytes())
    stage.worker(broker)
    rogue = stage.probe("gateway", "asker", keys=strange)
    broker.expect("refused from", "a connection")
    rogue.nothing("ready", for_s=1)


@pytest.mark.parametrize("door, kind", [("clients", zmq.DEALER), ("workers", zmq.DEALER), ("publish", zmq.PUB),
                                        ("subscribe", zmq.SUB)])
def test_no_door_opens_to_an_unknown_key(stage, broker, tmp_path, door, kind):
    strange = tmp_path / "strange"
    subprocess.run([PROGRAMS / "broker", "--keys", strange], check=True)
    (strange / "broker.public").write_bytes((stage.keys / "broker.public").read_bytes())
    for keys, outcome in ((strange, zmq.EVENT_HANDSHAKE_FAILED_AUTH), (stage.keys, zmq.EVENT_HANDSHAKE_SUCCEEDED)):
        socket = peer(keys, "sessions", kind)
        events = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        socket.connect(f"{stage.addresses[0]}-{door}")
        assert int.from_bytes(receive(events)[0][:2], sys.byteorder) == outcome
        socket.disable_monitor()
        socket.close()


def test_a_peer_without_curve_gets_nothing(stage, broker):
    plain = zmq.Context.instance().socket(zmq.DEALER)
    plain.linger = 0
    plain.connect(f"{stage.addresses[0]}-clients")
    plain.send(control(PING))
    assert not plain.poll(1000)
    plain.close()
    stage.asker()


def test_who_may_call_whom(stage, broker):
    stage.worker(broker, "accounts.fast")
    stage.worker(broker, "accounts.leaf")
    asker = stage.asker("sessions")
    asker.say("accounts.fast 5000 hello")
    asker.expect("unavailable 1")
    broker.expect("refused from sessions", "accounts.fast")
    asker.say("accounts.leaf 5000 hello")
    asker.expect("reply 2 ", "sessions hello")


def test_a_name_is_served_by_its_own_program_only(stage, broker):
    stage.probe("sessions", "worker", "accounts.fast", 1)
    broker.expect("refused from sessions", "to serve accounts.fast")


def test_a_killed_workers_request_is_lost_at_once_and_not_repeated(stage, broker):
    victim = stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 2000 sleep 60000")
    victim.expect("sleeps")
    asker.say("accounts.fast 10000 other")
    other = stage.worker(broker)
    asker.expect("reply 2 ", str(other.popen.pid))
    victim.signal(signal.SIGKILL)
    broker.expect("is gone", "1 requests in hand")
    asker.expect("lost 1")
    asker.say("accounts.fast 5000 after")
    asker.expect("reply 3 ", str(other.popen.pid))
    asker.nothing("reply 1", for_s=1)


def test_a_long_handler_keeps_its_registration(stage, broker):
    stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 10000 sleep 4500")
    asker.expect("reply 1 ")
    asker.say("accounts.fast 5000 again")
    asker.expect("reply 2 ")
    broker.nothing("is gone", for_s=0.5)


def test_a_frozen_worker_is_left_out_until_it_goes_on(stage, broker):
    """Silent with nothing in hand it is dropped, and the other is given all; speaking again it is given its share."""
    frozen, other = stage.worker(broker), stage.worker(broker)
    asker = stage.asker()
    with stopped(frozen.popen.pid):
        broker.expect("a worker of accounts.fast is gone: silent; 0 requests in hand")
        for tag in range(1, 4):
            asker.say(f"accounts.fast 5000 hello {tag}")
            asker.expect(f"reply {tag} ", str(other.popen.pid))
    broker.expect("a worker of accounts.fast is registered")
    asker.say("accounts.fast 9000 sleep 500")
    asker.say("accounts.fast 9000 sleep 500")
    answered = {asker.expect("reply", "gateway sleep").split()[2] for _ in range(2)}
    assert answered == {str(frozen.popen.pid), str(other.popen.pid)}


def test_a_worker_that_freezes_with_a_request_holds_up_only_that(stage, broker):
    """The others' requests go to the others; its own is answered when it goes on."""
    frozen = stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 20000 sleep 500")
    frozen.expect("sleeps")
    with stopped(frozen.popen.pid):
        other = stage.worker(broker)
        for tag in range(2, 5):
            asker.say(f"accounts.fast 5000 hello {tag}")
            asker.expect(f"reply {tag} ", str(other.popen.pid))
    asker.expect("reply 1 ", str(frozen.popen.pid))


def test_a_draining_worker_loses_nothing(stage, broker):
    leaving = stage.worker(broker, credit=2)
    asker = stage.asker()
    asker.say("accounts.fast 9000 sleep 500")
    leaving.expect("sleeps")
    asker.say("accounts.fast 9000 second")
    staying = stage.worker(broker, credit=2)
    leaving.say("drain")
    asker.expect("reply 1 ", str(leaving.popen.pid))
    asker.expect("reply 2 ", str(leaving.popen.pid))
    broker.expect("is gone: it leaves; 0 requests in hand")
    asker.say("accounts.fast 5000 third")
    asker.expect("reply 3 ", str(staying.popen.pid))
    assert leaving.popen.wait(WAIT_S) == 0


def test_the_queue_is_bounded(stage, broker):
    """1 000 wait; what comes beyond is refused at once, the others when their time is over."""
    stage.worker(broker)
    client = dealer(stage, "gateway", "clients")
    client.send_multipart([control(REQUEST, 0, 20000, b"accounts.fast"), b"", b"sleep 6000"])
    for tag in range(1, 1102):
        client.send_multipart([control(REQUEST, tag, 2500, b"accounts.fast"), b"", b"x"])
    first = [receive(client)[0] for _ in range(101)]
    assert first[0] == control(UNAVAILABLE, 1001, 0, b"too many requests wait")
    assert {frame[4] for frame in first} == {UNAVAILABLE}
    assert first[-1][5:13] == (1101).to_bytes(8, "big")
    others = [receive(client)[0] for _ in range(1000)]
    assert all(b"in time" in frame for frame in others)
    assert receive(client)[0] == control(REPLY, 0)
    client.close()


def test_what_waited_too_long_behind_another_request_is_seen_to_be_late(stage, broker):
    """A worker gets two requests at once: the second one's time goes on while the first is served."""
    worker = stage.worker(broker, credit=2)
    asker = stage.asker()
    asker.say("accounts.fast 9000 sleep 1500")
    asker.say("accounts.fast 1000 behind")
    asker.say("accounts.fast 9000 after")
    asker.expect("reply 1 ")
    worker.expect("late")
    asker.expect("reply 3 ")
    worker.nothing("late", for_s=0.2)


def test_only_the_producer_publishes_its_topic(stage, broker):
    subscriber = stage.probe("funding", "subscriber", "accounts", "sessions")
    subscriber.expect("ready")
    accounts = stage.probe("accounts", "publisher")
    sessions = stage.probe("sessions", "publisher")
    give_until_seen(accounts, "accounts E first", subscriber)
    give_until_seen(sessions, "sessions H head", subscriber)
    sessions.say("accounts E forged")
    broker.expect("refused from sessions", "to publish accounts")
    accounts.say("accounts E last")
    seen = []
    while not seen or "last" not in seen[-1]:
        seen.append(subscriber.expect(""))
    assert not any("forged" in line for line in seen)


def give_until_seen(publisher, line, subscriber):
    """Publications before the connections are made are lost, as they may be."""
    publisher.expect("ready")
    for _ in range(50):
        publisher.say(line)
        try:
            subscriber.expect(line, within_s=0.2)
            return
        except AssertionError:
            continue
    raise AssertionError(f"never seen: {line}")


GARBAGE = [
    [b""], [b"x"], [b"ESC1"], [b"ESC2" + bytes(13)], [control(0)], [control(6)], [control(255)],
    [control(REQUEST, 1, 1000, b"accounts.fast")],
    [control(REQUEST, 1, 1000, b"accounts.fast"), b"header"],
    [control(REQUEST, 1, 1000, b"accounts.fast")] + [b"x"] * 50,
    [control(REQUEST, 1, 1000, b"\0\xff\n"), b"", b""],
    [control(REQUEST, 1, 1000, b"a" * 5000), b"", b""],
    [control(REQUEST, 1, 2**32 - 1, b""), b"", b""],
    [control(REQUEST, 1, 1000, b"mmi.service"), b"", b"x" * 100000],
    [control(REQUEST, 1, 0, b"accounts.fast"), b"", b""],
    [control(READY, 2**64 - 1, 2**32 - 1, b"accounts.fast")], [control(READY, 0, 1, b"nobody.fast")],
    [control(READY)], [control(FORWARD, 1)], [control(DONE, 1), b"", b""], [control(DONE, 2**64 - 1)],
    [control(LEAVE)], [control(ALIVE)], [control(LEAVE), b"", b"", b""],
    [b"accounts:"], [b"accounts:E"], [b":E", b""], [b"ACCOUNTS:E", b""], [b"a" * 1000 + b":E", b""],
    [b"accounts:Z", b""], [b"accounts:E", b"", b""],
]


def test_garbage_from_a_known_peer_is_survived(stage, broker):
    stage.worker(broker)
    rogues = [dealer(stage, "sessions", "clients"), dealer(stage, "sessions", "workers"),
              dealer(stage, "sessions", "publish", zmq.PUB), dealer(stage, "accounts", "workers")]
    for _ in range(3):
        for message in GARBAGE:
            for rogue in rogues:
                rogue.send_multipart(message)
    broker.expect("refused from")
    asker = stage.asker()
    asker.say("accounts.fast 5000 hello")
    assert asker.expect("reply 1 ", "hello")
    for rogue in rogues:
        rogue.close()
    assert broker.popen.poll() is None


def resident_kb(broker):
    """The PSS of the broker's children; its parent holds no socket."""
    rollups = [pathlib.Path(f"/proc/{child}/smaps_rollup").read_text(encoding="ascii")
               for child in children_of(broker.popen.pid)]
    return sum(int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE).group(1)) for rollup in rollups)


def rogue(stage, what, count, seed):
    return stage.start(PROGRAMS / "runtime" / "rogue_peer", "sessions", what, count, seed)


def answered_until(asker, process, tag):
    """Asks until a process has sent all it had to: every request is answered."""
    sent = False
    while not sent:
        tag += 1
        asker.say(f"accounts.fast 60000 hello {tag}")
        asker.expect(f"reply {tag} ", f"gateway hello {tag}", within_s=60)
        sent = process.said("sent") or process.popen.poll() is not None and process.expect("sent")
    return tag


def test_a_million_messages_of_a_rogue_harm_nobody(stage, broker):
    """At all four doors with a good key, and without any: the broker answers the others meanwhile and forwards what
    they publish afterwards, and has grown by nothing in the end."""
    stage.worker(broker)
    asker = stage.asker()
    asked = answered_until(asker, rogue(stage, "frames", 200_000, 1), 0)
    before = resident_kb(broker)
    asked = answered_until(asker, rogue(stage, "frames", 800_000, 2), asked)
    asked = answered_until(asker, rogue(stage, "strangers", 2_000, 3), asked)
    answered_until(asker, rogue(stage, "frames", 50_000, 4), asked)
    subscriber = stage.probe("funding", "subscriber", "accounts")
    subscriber.expect("ready")
    give_until_seen(stage.probe("accounts", "publisher"), "accounts E after", subscriber)
    assert resident_kb(broker) < before + 16 * 1024 + QUARANTINE_KIB
    assert broker.popen.poll() is None


def test_too_large_a_frame_ends_the_connection_only(stage, broker):
    stage.worker(broker)
    asker = stage.asker()
    rogue = dealer(stage, "sessions", "clients")
    rogue.send_multipart([control(REQUEST, 1, 1000, b"accounts.leaf"), b"", bytes(5 << 20)])
    asker.say("accounts.fast 5000 bytes 4194304")
    asker.expect("reply 1 ", "4194304 bytes")
    asker.say("accounts.fast 5000 hello")
    asker.expect("reply 2 ")
    assert not rogue.poll(200)
    rogue.close()


def test_too_large_a_subscription_ends_the_connection_only(stage, broker):
    stage.worker(broker)
    before = resident_kb(broker)
    rogue = dealer(stage, "sessions", "subscribe", zmq.SUB)
    events = rogue.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    for number in range(100):
        rogue.subscribe(number.to_bytes(2, "big") * 2_500)
    receive(events)
    asker = stage.asker()
    asker.say("accounts.fast 5000 hello")
    asker.expect("reply 1 ")
    assert resident_kb(broker) < before + 4 * 1024 + QUARANTINE_KIB
    rogue.disable_monitor()
    rogue.close()


def test_a_worker_cannot_answer_for_another(stage, broker):
    """A reply to a request that the worker was not given reaches nobody."""
    client = dealer(stage, "gateway", "clients")
    honest, forger = dealer(stage, "accounts", "workers"), dealer(stage, "sessions", "workers")
    honest.send_multipart([control(READY, 0, 1, b"accounts.fast")])
    forger.send_multipart([control(READY, 0, 1, b"sessions.fast")])
    assert receive(honest)[0][4] == ALIVE and receive(forger)[0][4] == ALIVE
    client.send_multipart([control(REQUEST, 7, 5000, b"accounts.fast"), b"h", b"b"])
    forwarded, header, body = receive(honest)
    assert (forwarded[4], forwarded[17:], header, body) == (FORWARD, b"gateway", b"h", b"b")
    number = int.from_bytes(forwarded[5:13], "big")
    forger.send_multipart([control(DONE, number), b"h", b"forged"])
    forger.send_multipart([control(READY, 0, 1, b"sessions.fast")])
    assert receive(forger)[0][4] == ALIVE
    honest.send_multipart([control(DONE, number), b"h", b"honest"])
    assert receive(client) == [control(REPLY, 7), b"h", b"honest"]
    for socket in (client, honest, forger):
        socket.close()


def test_a_lost_request_gives_its_credit_back(stage, broker):
    """READY says how many are over: one that was never replied to does not block the worker."""
    client, worker = dealer(stage, "gateway", "clients"), dealer(stage, "accounts", "workers")
    worker.send_multipart([control(READY, 0, 1, b"accounts.fast")])
    registration = int.from_bytes(receive(worker)[0][5:9], "big")
    for handled in (1, 2):
        client.send_multipart([control(REQUEST, handled, 5000, b"accounts.fast"), b"", b""])
        assert receive(worker)[0][4] == FORWARD
        worker.send_multipart([control(READY, registration << 32 | handled, 0x101, b"accounts.fast")])
        assert receive(worker)[0][4] == ALIVE
    client.close(), worker.close()


def test_discovery(stage, broker):
    stage.worker(broker)
    client = dealer(stage, "notifications", "clients")
    for name, answer in ((b"accounts.fast", b"200"), (b"accounts.slow", b"404"), (b"x", b"404")):
        client.send_multipart([control(REQUEST, 1, 1000, b"mmi.service"), b"", name])
        assert receive(client) == [control(REPLY, 1), b"", answer]
    client.send(control(PING)), client.send(control(PING))
    pong, again = receive(client), receive(client)
    assert pong == again == [control(PONG, run_of(pong), text=b" accounts.fast ")] and run_of(pong)
    client.close()


def run_of(pong):
    return int.from_bytes(pong[0][5:13], "big")


def test_a_new_broker_is_found_by_all(stage):
    broker = stage.broker()
    stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 5000 one")
    asker.expect("reply 1 ")
    broker.signal(signal.SIGTERM)
    assert broker.popen.wait(WAIT_S) == 0
    asker.say("accounts.fast 5000 two")
    asker.expect("unsent 2")
    broker = stage.broker()
    broker.expect("a worker of accounts.fast is registered")
    until_replied(asker)


def until_replied(asker):
    """Asks again and again: an outcome may be "unavailable", "unsent", or none at all."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        asker.say("accounts.fast 1000 hello")
        try:
            if "reply" in asker.expect("", within_s=1.2):
                return
        except AssertionError:
            continue
    raise AssertionError("no reply")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_moves_when_its_broker_is_lost(stage, number):
    """Killed or frozen: the other broker serves."""
    stage.addresses.append(f"ipc://{stage.folder}/broker-2")
    brokers = [stage.broker(address) for address in stage.addresses]
    worker = stage.probe("accounts", "worker", "accounts.fast", 1)
    worker.expect("ready")
    asker = stage.asker()
    until_replied(asker)
    home = worker.popen.pid % 2
    lose(brokers[home], number)
    brokers[1 - home].expect("a worker of accounts.fast is registered")
    until_replied(asker)
    lose(brokers[home], signal.SIGCONT)


def lose(broker, number):
    """The parent would start a killed child anew: both go."""
    for pid in descendants(broker.popen.pid):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # died with its parent


def test_a_worker_that_may_come_back_elsewhere_is_not_waited_for_as_long(stage, broker):
    """What waits is told first to ask another broker too, though it came last."""
    client = dealer(stage, "gateway", "clients")
    for brokers, service in ((1, "accounts"), (2, "sessions")):
        worker, name = dealer(stage, service, "workers"), f"{service}.fast".encode()
        worker.send(control(READY, 0, 1, name))
        assert receive(worker)[0][4] == ALIVE
        worker.send(control(LEAVE, 0, brokers))
        broker.expect("is gone: it leaves")
        client.send_multipart([control(REQUEST, brokers, 60_000, name), b"", b""])
        worker.close()
    for tag in (2, 1):
        assert receive(client) == [control(UNAVAILABLE, tag, WORKERLESS, b"no worker")]
    client.close()


def test_a_stopping_broker_finishes_what_is_under_way(stage, broker):
    worker = stage.worker(broker)
    asker = stage.asker()
    asker.say("accounts.fast 9000 sleep 3000")
    asker.say("accounts.fast 9000 waits")
    worker.expect("sleeps")
    broker.signal(signal.SIGTERM)
    asker.expect("elsewhere 2")
    asker.expect("reply 1 ")
    assert broker.popen.wait(WAIT_S) == 0


def test_a_stopping_broker_says_so_and_listens_until_nobody_sends_any_more(stage, broker):
    """Whatever is sent to it gets an answer, and who has heard that it stops waits for its next run."""
    stage.worker(broker)
    client = dealer(stage, "gateway", "clients")
    client.send(control(PING))
    before = run_of(receive(client))
    broker.signal(signal.SIGTERM)
    answers = 0
    for tag in range(1, 10000):
        client.send_multipart([control(REQUEST, tag, 5000, b"accounts.fast"), b"", b"x"])
        answer = receive(client)[0]
        assert int.from_bytes(answer[5:13], "big") == tag
        if answer[4] == UNAVAILABLE:
            assert answer == control(UNAVAILABLE, tag, STOPPING, b"the broker stops")
            answers += 1
        if answers == 10:
            break
    client.send(control(PING))
    assert receive(client) == [control(PONG, before, STOPPING, b" ")]
    assert broker.popen.wait(WAIT_S) == 0
    stage.broker()
    client.send(control(PING))
    assert run_of(receive(client)) not in (0, before)
    client.close()


def test_a_service_that_is_restarted_is_waited_for(stage, broker):
    """Longer than for one whose workers are gone without a word: it said that it leaves."""
    first = stage.worker(broker)
    asker = stage.asker()
    first.say("drain")
    broker.expect("is gone: it leaves")
    asker.say("accounts.fast 9000 early")
    asker.nothing("unavailable", for_s=2)
    second = stage.worker(broker)
    asker.expect("reply 1 ", str(second.popen.pid))
