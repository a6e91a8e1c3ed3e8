# SPDX-License-Identifier: Apache-2.0
"""The wires between programs, through a process of their own that cuts, delays, stalls, throttles and half-closes them
as it is told: callers and gateway, programs and brokers, programs and PostgreSQL, the sender of mails and its server.

Run as a program it reads {"wires": {name: [port, address]}, "seed": seed} and then one trouble a line from its input; it
answers each line with {wire: {trouble: [how often it struck, connections that it broke]}}, as that was before."""
import asyncio
import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time

DOORS = ("-clients", "-workers", "-publish", "-subscribe")
DATABASE, MAIL, CALLERS = "PostgreSQL", "SMTP", "callers"
CHUNK_BYTES = 65536
THROTTLED_BYTES_PER_SECOND = 20_000
TROUBLES = ("cut", "cut in a message", "half-close", "delay", "stall", "stall one way", "throttle", "refuse")


def free_ports(count):
    """The first of so many neighbouring free ports. No seed: two campaigns with the same one may run side by side."""
    while True:
        first = random.SystemRandom().randrange(20000, 32000)
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


class Network:
    """The wires of one stack, as a campaign sees them: where programs are to connect, and trouble on them."""

    def __init__(self, stack, brokers, seed):
        place = stack.place
        self.addresses = {DATABASE: f"unix:{place.sockets}/postgres/.s.PGSQL.5432", MAIL: f"smtp:{place.ports_file}",
                          CALLERS: f"http:{place.ports_file}"}
        first = free_ports(3 + len(DOORS) * brokers)
        self.ports = {name: first + number for number, name in enumerate(self.addresses)}
        for number, address in enumerate(place.broker_addresses(brokers)):
            for offset, door in enumerate(DOORS):
                name = f"broker {number + 1}{door}"
                self.addresses[name] = "unix:" + address.removeprefix("ipc://") + door
                self.ports[name] = first + 3 + number * len(DOORS) + offset
        self.brokers, self.seed = brokers, seed
        self.process = None

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.tell({"wires": {name: [self.ports[name], address] for name, address in self.addresses.items()},
                   "seed": self.seed})

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def tell(self, what):
        """What had struck before."""
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def trouble(self, wire, kind, seconds):
        """How often this trouble had struck this wire before, and how many connections it had broken."""
        return self.tell({"wire": wire, "trouble": kind, "seconds": seconds})[wire][kind]

    def struck(self):
        """The same of all wires and troubles."""
        return self.tell({})

    def heal(self):
        self.tell({"heal": True})

    def environment(self):
        """What makes the programs of a stack use the wires."""
        brokers = ",".join(f"tcp://127.0.0.1:{self.ports[f'broker {number + 1}{DOORS[0]}']}"
                           for number in range(self.brokers))
        return {"ESCARCELLE_DATABASE_HOST": "127.0.0.1", "ESCARCELLE_DATABASE_PORT": str(self.ports[DATABASE]),
                "ESCARCELLE_SMTP_URL": f"smtp://127.0.0.1:{self.ports[MAIL]}", "ESCARCELLE_BROKERS": brokers}

    def url(self):
        return f"https://127.0.0.1:{self.ports[CALLERS]}"


# ── the process in between ──────────────────────────────────────────────────────────────────────


async def reach(address, end):
    """Connects an end to the true end of a wire."""
    kind, place = address.split(":", 1)
    loop = asyncio.get_running_loop()
    if kind == "unix":
        await loop.create_unix_connection(lambda: end, place)
    else:
        port = json.loads(pathlib.Path(place).read_text(encoding="utf-8"))[kind]
        await loop.create_connection(lambda: end, "127.0.0.1", port)


class Wire:
    """One address that programs connect to, and the connections through it."""

    def __init__(self, address, chance):
        self.address, self.random, self.ends = address, chance, set()
        self.until = dict.fromkeys(TROUBLES, 0.0)
        self.struck = {kind: [0, 0] for kind in TROUBLES}
        self.server = None

    def strike(self, kind, broken=0):
        self.struck[kind][0] += 1
        self.struck[kind][1] += broken

    def suffer(self, kind, seconds):
        """A cut is now; other troubles last."""
        self.until[kind] = time.monotonic() + seconds
        if kind in ("cut", "refuse", "half-close") and self.ends:
            self.strike(kind, len(self.ends) // 2)
            for end in list(self.ends):
                if kind == "half-close":
                    end.say_end()
                else:
                    end.abort()

    def heal(self):
        self.until = dict.fromkeys(TROUBLES, 0.0)

    def has(self, kind):
        return time.monotonic() < self.until[kind]

    def is_well(self):
        return time.monotonic() >= max(self.until.values())


class End(asyncio.Protocol):
    """One end of a connection through a wire: what comes in here goes out at the other."""

    def __init__(self, wire, other=None):
        self.wire, self.other, self.forth = wire, other, other is None
        self.transport, self.passing = None, None
        self.held = []  # what came in and waits for a trouble to be over; b"" when no more comes
        self.full = False  # what goes out here is not taken in as fast as it comes
        self.ended = False  # nothing goes out here any more
        self.finished = False  # nothing that comes in here goes on any more

    def connection_made(self, transport):
        self.transport = transport
        if not self.forth:
            self.other.other = self
        elif self.wire.has("refuse"):
            self.wire.strike("refuse")
            self.abort()
        else:
            transport.pause_reading()
            self.passing = asyncio.ensure_future(self.connect())

    async def connect(self):
        other = End(self.wire, self)
        try:
            await reach(self.wire.address, other)
        except OSError:
            self.abort()
            return
        if self.transport.is_closing():
            other.abort()
        else:
            self.wire.ends |= {self, other}
            await self.pass_on()

    def connection_lost(self, exc):
        self.wire.ends.discard(self)
        self.held.clear()
        if self.other:
            self.other.abort()

    def abort(self):
        """Ends it with a reset: what is on its way is lost."""
        connection = self.transport.get_extra_info("socket")
        if connection.family == socket.AF_INET and connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.transport.abort()

    def say_end(self):
        """Says that nothing more comes; the other way stays open."""
        if not self.ended and not self.transport.is_closing():
            self.ended = True
            with contextlib.suppress(OSError):  # reset by its peer a moment ago
                self.transport.write_eof()

    def finish(self):
        self.finished = True
        self.other.say_end()
        if self.other.finished:
            self.abort()

    def pause_writing(self):
        self.full = True
        self.other.transport.pause_reading()

    def resume_writing(self):
        self.full = False
        self.other.read_on()

    def read_on(self):
        if not self.held and not self.other.full and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data):
        if self.held or not self.other or not self.wire.is_well():
            self.hold([data[at:at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)])
        else:
            self.give(data)

    def eof_received(self):
        if self.held or not self.other:
            self.hold([b""])
        else:
            self.finish()
        return True

    def hold(self, chunks):
        if not self.held and self.other:
            self.transport.pause_reading()
            self.passing = asyncio.ensure_future(self.pass_on())
        self.held += chunks

    async def pass_on(self):
        while self.held:
            await self.suffer(len(self.held[0]))
            if self.held:
                self.give(self.held[0])
                del self.held[:1]
        self.read_on()

    async def suffer(self, length):
        wire = self.wire
        if wire.has("delay"):
            wire.strike("delay")
            await asyncio.sleep(wire.random.uniform(0.02, 0.2))
        if wire.has("throttle"):
            wire.strike("throttle")
            await asyncio.sleep(length / THROTTLED_BYTES_PER_SECOND)
        for kind in ("stall", "stall one way"):
            if wire.has(kind) and (self.forth or kind == "stall"):
                wire.strike(kind)
        while wire.has("stall") or (self.forth and wire.has("stall one way")):
            await asyncio.sleep(0.02)

    def give(self, chunk):
        if not chunk or self.other.ended:
            self.finish()
        elif self.wire.has("cut in a message"):
            self.wire.until["cut in a message"] = 0.0
            self.wire.strike("cut in a message", 1)
            self.other.transport.write(chunk[:len(chunk) // 2])
            self.abort()
        else:
            self.other.transport.write(chunk)


async def obey(told, wires):
    """Does what one line says."""
    for name, (port, address) in told.get("wires", {}).items():
        # Each wire's delays are its own, whatever happens on the others.
        wire = wires[name] = Wire(address, random.Random(f"{told['seed']} {name}"))
        wire.server = await asyncio.get_running_loop().create_server(lambda wire=wire: End(wire), "127.0.0.1", port)
    if "trouble" in told:
        wires[told["wire"]].suffer(told["trouble"], told["seconds"])
    if "heal" in told:
        for wire in wires.values():
            wire.heal()


async def run():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    wires = {}
    while line := await lines.readline():
        before = json.dumps({name: wire.struck for name, wire in wires.items()})
        await obey(json.loads(line), wires)
        print(before, flush=True)


if __name__ == "__main__":
    asyncio.run(run())
    os._exit(0)  # connections need no farewell
