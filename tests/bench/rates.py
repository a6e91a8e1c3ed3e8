# SPDX-License-Identifier: Apache-2.0
"""GET and POST of a training: ours, the same statements by pgbench, the same features by Fastify; round by round one
after the other, because only ratios mean anything."""
import os
import re
import statistics
import subprocess

from cluster import BINARIES
from figures import say
from peer import Peer
from stand import BENCH

PGBENCH_CLIENTS = 8
CONNECTIONS = 32
# pgbench takes no more scripts.
SCRIPTS_MAX = 64
GOALS = {"get_training": (0.30, 2.5), "post_training": (0.60, 2.0)}
NAMES = {"get_training": "GET training", "post_training": "POST training"}


def pgbench(stand, name):
    """A script for each object, so that choosing one costs no statement."""
    text = (BENCH / f"{name}.sql").read_text(encoding="utf-8")
    objects = {"session": stand.sessions, "training": stand.trainings}[re.search(r":(session|training)", text).group(1)]
    scripts = []
    for number, chosen in enumerate(objects[:SCRIPTS_MAX]):
        script = stand.folder / f"{name}-{number}.sql"
        script.write_text(re.sub(r"(?<!:):(session|training)\b", f"'{chosen['id']}'", text), encoding="utf-8")
        scripts += ["-f", script]
    environment = os.environ | {"PGPASSWORD": stand.stack.place.secret("sessions.password"),
                                "PGOPTIONS": "-c search_path=sessions"}
    output = subprocess.run(
        [BINARIES / "pgbench", "-n", "-M", "prepared", "-c", str(PGBENCH_CLIENTS), "-j", "2", "-T",
         str(stand.options.seconds), *scripts, "-h", stand.stack.place.sockets / "postgres", "-U", "sessions",
         "escarcelle"], env=environment, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = ([\d.]+)", output).group(1))


def wrk(stand, name, url, token):
    environment = os.environ | {"BENCH_TOKEN": token,
                                "BENCH_SESSIONS": ",".join(session["id"] for session in stand.sessions),
                                "BENCH_TRAININGS": ",".join(training["id"] for training in stand.trainings)}
    output = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{stand.options.seconds}s", "-s",
                             BENCH / f"{name}.lua", url], env=environment, capture_output=True, text=True,
                            check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        say(output)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))


def compare(stand, table, name, peer):
    floors, peers = [], []
    for url, token in ((stand.stack.url, stand.token), (peer.url, peer.token)):
        wrk(stand, name, url, token)  # warm, so that no first round pays for compilers and caches
    for _ in range(stand.options.rounds):
        floor = pgbench(stand, name)
        ours = wrk(stand, name, stand.stack.url, stand.token)
        other = wrk(stand, name, peer.url, peer.token)
        floors.append(ours / floor)
        peers.append(ours / other)
        say(f"  {name}: ours {ours:.0f}/s, pgbench {floor:.0f}/s, Fastify {other:.0f}/s")
    floor_goal, peer_goal = GOALS[name]
    note = f"ratio, median of {stand.options.rounds}; last: {ours:.0f}/s, "
    table.add(f"{NAMES[name]} / pgbench, all its statements", statistics.median(floors), "×", least=floor_goal,
              note=note + f"{floor:.0f}/s")
    table.add(f"{NAMES[name]} / Fastify + pg, same features", statistics.median(peers), "×", least=peer_goal,
              note=note + f"{other:.0f}/s")


def measure(stand, table):
    stand.prepare()
    # Its own outbox: what pgbench and the peer write must not reach the couriers.
    stand.stack.query("create table if not exists sessions.bench_outbox (like sessions.outbox including all)")
    stand.stack.query("grant all on sessions.bench_outbox to sessions")
    peer = Peer(stand)
    try:
        peer.start()
        for name in NAMES:
            compare(stand, table, name, peer)
    finally:
        peer.stop()
        stand.stack.query("drop table sessions.bench_outbox")
    mib, count = stand.memory_mib()
    table.add("memory of the platform after load, PSS", mib, "MiB", note=f"{count} processes")
