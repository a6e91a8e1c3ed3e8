# SPDX-License-Identifier: Apache-2.0
"""The peer: the same two operations in Fastify and pg (tests/bench/peer), over the same database and certificate."""
import os
import secrets
import shutil
import subprocess
import time

import requests
from stack import free_port
from stand import BENCH

TABLES = """
create table sessions.peer_token (token_hash bytea primary key, user_id uuid not null, role text not null,
    expires_at timestamptz not null);
insert into sessions.peer_token values (sha256(convert_to(%s, 'UTF8')), gen_random_uuid(), 'operator',
    now() + interval '1 day');
grant select on sessions.peer_token to sessions"""


class Peer:
    def __init__(self, stand):
        self.stand = stand
        self.token = secrets.token_urlsafe(32)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        folder = self.stand.folder / "peer"
        if not folder.exists():
            shutil.copytree(BENCH / "peer", folder)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)
        place = self.stand.stack.place
        self.stand.stack.query("drop table if exists sessions.peer_token")
        self.stand.stack.query(TABLES, self.token)
        environment = os.environ | {
            "NODE_ENV": "production", "PORT": str(self.port), "TLS_CERT": str(place.tls / "server.pem"),
            "TLS_KEY": str(place.tls / "server.key"), "PGHOST": str(place.sockets / "postgres"), "PGUSER": "sessions",
            "PGDATABASE": "escarcelle", "PGPASSWORD": place.secret("sessions.password")}
        self.process = subprocess.Popen(["node", "cluster.js"], cwd=folder, env=environment)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 60
        training = self.stand.trainings[0]["id"]
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = requests.get(f"{self.url}/v1/trainings/{training}", verify=self.stand.stack.ca_file, timeout=5,
                                      headers={"Authorization": f"Bearer {self.token}"})
                if answer.status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise RuntimeError("the peer does not start")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None
            self.stand.stack.query("drop table if exists sessions.peer_token")
