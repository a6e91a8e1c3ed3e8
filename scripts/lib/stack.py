# SPDX-License-Identifier: Apache-2.0
"""What a stack is made of: the places in its state folder, its secrets, keys, certificate, programs."""
import fcntl
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import time

from supervisor import Failed, Program, replace_text

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_STATE = REPOSITORY / "var"
DEFAULT_PORT = 8443
ADMINISTRATOR = "admin@escarcelle.example"
# Every process of a stack carries this in its environment, so that `stop` finds what is left.
MARK = "STACK_STATE"
BACKLOG = 1024
CERTIFICATE_DAYS = 397
RENEW_SECONDS = 30 * 24 * 3600
HANDED_ON = ("ESCARCELLE_", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


def socket_root(state):
    """A short folder of this stack's own: socket paths end at 107 bytes, state folders don't."""
    name = "escarcelle-" + hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    return pathlib.Path("/run" if os.geteuid() == 0 else "/tmp") / name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Stack:
    """One stack, known by its state folder."""

    def __init__(self, state, build=None):
        self.state = pathlib.Path(state).resolve()
        self.build = pathlib.Path(build).resolve() if build else None
        self.sockets = socket_root(self.state)
        self.secrets = self.state / "secrets"
        self.keys = self.state / "keys"
        self.tls = self.state / "tls"
        self.maildir = self.state / "mail"
        self.audit = self.state / "audit"
        self.pids = self.state / "pids"
        self.logs = self.state / "log"
        self.access_file = self.state / "access.json"
        self.ports_file = self.state / "ports.json"
        self.backup_file = self.state / "backup.json"
        self.lock = self.listening = None

    # ── folders and ports ───────────────────────────────────────────────────────────────────────

    def claim(self):
        """Makes the folders and holds the stack's lock until this process ends."""
        self.state.mkdir(parents=True, exist_ok=True)
        lock = open(self.state / "lock", "w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"a stack already runs in {self.state}; stop it with: "
                         f"./scripts/stop --state {self.state}") from None
        self.lock = lock
        self.end_processes()
        for folder in (self.secrets, self.keys, self.tls, self.maildir, self.audit):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.make_sockets()

    def make_sockets(self):
        shutil.rmtree(self.sockets, ignore_errors=True)
        try:
            self.sockets.mkdir(mode=0o711)
        except FileExistsError:
            raise Failed(f"{self.sockets} belongs to somebody else; remove it") from None
        self.sockets.chmod(0o711)
        (self.sockets / "broker").mkdir(mode=0o700)

    def release(self):
        """Removes what lies outside the state folder."""
        shutil.rmtree(self.sockets, ignore_errors=True)

    def ports(self, wanted):
        """(gateway's port, mail sink's port): the wanted one, else the ones used before."""
        known = self.ports_used()
        http = known.get("http", DEFAULT_PORT) if wanted is None else wanted or free_port()
        if not port_is_free(http):
            raise Failed(f"port {http} is taken; choose another one with --port")
        smtp = known.get("smtp", 0)
        while smtp == 0 or smtp == http or not port_is_free(smtp):
            smtp = free_port()
        replace_text(self.ports_file, json.dumps({"http": http, "smtp": smtp}) + "\n")
        return http, smtp

    def ports_used(self):
        """The ports of the last start."""
        return json.loads(self.ports_file.read_text(encoding="utf-8")) if self.ports_file.exists() else {}

    # ── secrets, keys, certificate ──────────────────────────────────────────────────────────────

    def secret(self, name, make=lambda: secrets.token_urlsafe(18)):
        """The first line of a secret file, made at its first use."""
        file = self.secrets / name
        if not file.exists():
            with open(file.with_name(name + ".new"), "w", encoding="utf-8",
                      opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(make() + "\n")
            os.replace(stream.name, file)
        return file.read_text(encoding="utf-8").splitlines()[0]

    def secret_file(self, name, make=None):
        self.secret(name, *([make] if make else []))
        return str(self.secrets / name)

    def key_file(self, name):
        """A key: 32 random bytes as 64 hexadecimal digits."""
        return self.secret_file(name, lambda: secrets.token_hex(32))

    def make_keys(self):
        """A CURVE key pair per program; those that are there are kept."""
        missing = [name for name in self.program_names() if not (self.keys / f"{name}.secret").exists()]
        if missing:
            self.command([self.binary("broker"), "--keys", self.keys], "making the programs' keys")

    def make_certificate(self):
        """A certificate for localhost and 127.0.0.1 from an authority of this stack's own."""
        ca, ca_key = self.tls / "ca.pem", self.tls / "ca.key"
        cert, key = self.tls / "server.pem", self.tls / "server.key"
        current = cert.exists() and subprocess.run(
            ["openssl", "x509", "-in", cert, "-noout", "-checkend", str(RENEW_SECONDS)],
            stdout=subprocess.DEVNULL, check=False).returncode == 0
        if current:
            return
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        if not ca.exists():
            self.command(
                ["openssl", "req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "3650",
                 "-subj", "/CN=Escarcelle private authority", "-addext", "keyUsage=critical,keyCertSign",
                 "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"], "making the certificate authority")
        request = self.tls / "server.csr"
        self.command(["openssl", "req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
                     "asking for the certificate")
        extensions = self.tls / "server.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
        self.command(["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key,
                      "-days", str(CERTIFICATE_DAYS), "-extfile", extensions, "-out", cert],
                     "signing the certificate")
        request.unlink()
        extensions.unlink()

    def command(self, command, what):
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment())
        if result.returncode != 0:
            raise Failed(f"{what} failed:\n{result.stderr.strip() or result.stdout.strip()}")

    # ── programs ────────────────────────────────────────────────────────────────────────────────

    def binary(self, name):
        return self.build / "bin" / name

    def program_names(self):
        return sorted(file.name for file in (self.build / "bin").iterdir() if file.is_file())

    def services(self):
        return [name for name in self.program_names() if name not in ("broker", "gateway")]

    def environment(self):
        """What every process gets; configuration keys of the caller's are handed on."""
        handed_on = {key: value for key, value in os.environ.items() if key.startswith(HANDED_ON)}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1",
                MARK: str(self.state)} | handed_on

    def broker_addresses(self, count):
        return [f"ipc://{self.sockets}/broker/broker-{number}" for number in range(1, count + 1)]

    def common_environment(self, brokers):
        return {"ESCARCELLE_BROKERS": ",".join(self.broker_addresses(brokers)),
                "ESCARCELLE_KEYS_DIR": str(self.keys)} | self.environment()

    def service_environment(self, service, brokers, smtp_port):
        environment = {
            "ESCARCELLE_DATABASE_HOST": str(self.sockets / "postgres"),
            "ESCARCELLE_DATABASE_PASSWORD_FILE": self.secret_file(f"{service}.password"),
            "ESCARCELLE_LINK_KEY_FILE": self.key_file(f"{service}-link.key"),
        }
        if service == "accounts":
            environment |= {"ESCARCELLE_AUDIT_DIR": str(self.audit),
                            "ESCARCELLE_AUDIT_KEY_FILE": self.key_file("audit.key")}
        if service == "notifications":
            environment |= {"ESCARCELLE_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
                            "ESCARCELLE_SMTP_CA_FILE": str(self.tls / "ca.pem")}
        return environment | self.common_environment(brokers)

    def migrate_environment(self, service):
        owner = {"ESCARCELLE_DATABASE_OWNER_PASSWORD_FILE": self.secret_file(f"{service}_owner.password")}
        return self.service_environment(service, 1, 0) | owner

    def sink_program(self, port):
        return Program("smtp-sink", [REPOSITORY / "scripts" / "smtp-sink", "--port", str(port),
                                     "--maildir", self.maildir, "--cert", self.tls / "server.pem",
                                     "--key", self.tls / "server.key"], self.environment())

    def broker_programs(self, count):
        for number, address in enumerate(self.broker_addresses(count), start=1):
            name = "broker" if number == 1 else f"broker-{number}"
            yield Program(name, [self.binary("broker")],
                          {"ESCARCELLE_BIND": address} | self.common_environment(count))

    def service_programs(self, brokers, smtp_port):
        for service in self.services():
            yield Program(service, [self.binary(service)],
                          self.service_environment(service, brokers, smtp_port))

    def gateway_program(self, brokers, port):
        """Its socket stays here, as with a socket unit of systemd: connections wait while it is restarted."""
        self.listening = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        number = self.listening.fileno()
        hand_over = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" 3<&{number}' + (f" {number}<&-" if number != 3 else "")
        return Program("gateway", ["/bin/bash", "-c", hand_over, self.binary("gateway")], {
            "ESCARCELLE_HTTP_HOST": "127.0.0.1", "ESCARCELLE_HTTP_PORT": str(port),
            "ESCARCELLE_HTTP_CERT_FILE": str(self.tls / "server.pem"),
            "ESCARCELLE_HTTP_KEY_FILE": str(self.tls / "server.key")} | self.common_environment(brokers),
            inherit=(number,))

    def backup_program(self):
        """Streams WAL to where scripts/backup was told to."""
        to = json.loads(self.backup_file.read_text(encoding="utf-8"))["to"]
        return Program("backup", [REPOSITORY / "scripts" / "backup", "--follow", "--state", self.state, "--to", to],
                       self.environment())

    # ── access and stopping ─────────────────────────────────────────────────────────────────────

    def write_access(self, port):
        access = {"url": f"https://127.0.0.1:{port}", "email": ADMINISTRATOR,
                  "password": self.secret("administrator.password"), "ca_file": str(self.tls / "ca.pem"),
                  "smtp_maildir": str(self.maildir)}
        temporary = self.access_file.with_name("access.json.new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(access, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self.access_file)
        return access

    def is_running(self):
        """Whether a supervisor holds the lock."""
        try:
            with open(self.state / "lock", "r", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def processes(self):
        """The processes of this stack, by the mark in their environment; PostgreSQL's write over it, but work in its folder."""
        mark, folder = f"\0{MARK}={self.state}\0".encode(), str(self.state / "database")
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb", buffering=0) as environment:
                    marked = mark in b"\0" + environment.read()
                if marked or os.readlink(f"/proc/{name}/cwd") == folder:
                    yield int(name)
            except OSError:
                continue

    def end_processes(self):
        """Ends what runs without a supervisor: one that was killed asked its programs to end, and didn't wait for it."""
        left = list(self.processes())
        for number in (signal.SIGTERM, signal.SIGKILL):
            grace = time.monotonic() + 10
            for process in left:
                send(process, number)
            while left and time.monotonic() < grace:
                time.sleep(0.05)
                left = list(self.processes())
        if left:
            raise Failed(f"processes of {self.state} are still there: {sorted(left)}")

    def stop(self, timeout=60):
        """Ends the supervisor, which ends the rest, then whatever is left all the same."""
        deadline = time.monotonic() + timeout
        if self.is_running():
            os.kill(int((self.pids / "supervisor.pid").read_text(encoding="utf-8")), signal.SIGTERM)
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.05)
        self.end_processes()
        for file in self.pids.glob("*.pid"):
            file.unlink()
        self.release()


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass
