# SPDX-License-Identifier: Apache-2.0
"""The wires between programs, through a process of their own that cuts, delays, stalls, throttles and half-closes them
as it is told: callers and gateway, programs and brokers, programs and PostgreSQL, the sender of mails and its server.

Run as a program it reads {"wires": {name: [port, address]}, "seed": seed} and then one trouble a line from its input; it
answers each line with {wire: {trouble: [how often it struck, connections that it broke]}}, as that was before."""
import asyncio
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


async def reach(address):
    """A connection to the true end of a wire."""
    kind, place = address.split(":", 1)
    if kind == "unix":
        return await asyncio.open_unix_connection(place)
    port = json.loads(pathlib.Path(place).read_text(encoding="utf-8"))[kind]
    return await asyncio.open_connection("127.0.0.1", port)


def abort(writer):
    """Ends a connection with a reset: what is on its way is lost."""
    connection = writer.get_extra_info("socket")
    if connection.family == socket.AF_INET and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


class Wire:
    """One address that programs connect to, and the connections through it."""

    def __init__(self, address, chance):
        self.address, self.random, self.writers, self.ended = address, chance, set(), set()
        self.until = dict.fromkeys(TROUBLES, 0.0)
        self.struck = {kind: [0, 0] for kind in TROUBLES}
        self.server = None

    def strike(self, kind, broken=0):
        self.struck[kind][0] += 1
        self.struck[kind][1] += broken

    def suffer(self, kind, seconds):
        """A cut is now; other troubles last."""
        self.until[kind] = time.monotonic() + seconds
        if kind in ("cut", "refuse", "half-close") and self.writers:
            self.strike(kind, len(self.writers) // 2)
            for writer in list(self.writers):
                if kind == "half-close":
                    self.end(writer)
                else:
                    abort(writer)

    def end(self, writer):
        """Says that nothing more comes; the other way stays open."""
        if writer not in self.ended and not writer.transport.is_closing():
            self.ended.add(writer)
            writer.write_eof()

    def heal(self):
        self.until = dict.fromkeys(TROUBLES, 0.0)

    def has(self, kind):
        return time.monotonic() < self.until[kind]

    async def serve(self, reader, writer):
        if self.has("refuse"):
            self.strike("refuse")
            abort(writer)
            return
        try:
            there_reader, there_writer = await reach(self.address)
        except OSError:
            abort(writer)
            return
        self.writers |= {writer, there_writer}
        try:
            await asyncio.gather(self.carry(reader, there_writer, True), self.carry(there_reader, writer, False))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers -= {writer, there_writer}
            self.ended -= {writer, there_writer}
            abort(writer)
            abort(there_writer)

    async def carry(self, reader, writer, forth):
        while chunk := await reader.read(CHUNK_BYTES):
            await self.hold(len(chunk), forth)
            if writer in self.ended:
                break
            if self.has("cut in a message"):
                self.until["cut in a message"] = 0.0
                self.strike("cut in a message", 1)
                writer.write(chunk[:len(chunk) // 2])
                await writer.drain()
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
        self.end(writer)

    async def hold(self, length, forth):
        if self.has("delay"):
            self.strike("delay")
            await asyncio.sleep(self.random.uniform(0.02, 0.2))
        if self.has("throttle"):
            self.strike("throttle")
            await asyncio.sleep(length / THROTTLED_BYTES_PER_SECOND)
        for kind in ("stall", "stall one way"):
            if self.has(kind) and (forth or kind == "stall"):
                self.strike(kind)
        while self.has("stall") or (forth and self.has("stall one way")):
            await asyncio.sleep(0.02)


async def obey(told, wires):
    """Does what one line says."""
    for name, (port, address) in told.get("wires", {}).items():
        # Each wire's delays are its own, whatever happens on the others.
        wires[name] = Wire(address, random.Random(f"{told['seed']} {name}"))
        wires[name].server = await asyncio.start_server(wires[name].serve, "127.0.0.1", port)
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
