# SPDX-License-Identifier: Apache-2.0
"""Units, image and compose file against the programs that they run."""
import os
import re
import subprocess

import pytest
import yaml
from conftest import build_folder
from stack import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
SYSTEMD = DEPLOY / "systemd"
PROGRAMS = ["accounts", "broker", "budgeting", "funding", "gateway", "invoicing", "notifications", "sessions"]
SERVICES = [program for program in PROGRAMS if program not in ("broker", "gateway")]
# Packages of the image whose files the programs open or the health check runs, rather than link.
OPENED = {"tzdata", "fonts-liberation", "icc-profiles-free", "ca-certificates", "openssl"}
# What the company brings.
BROUGHT = {"gateway-tls.pem", "gateway-tls.key"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def output(*command, **options):
    result = run(*command, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def granted(service):
    """The secrets that a container is given."""
    return set(service.get("secrets", []))


def answers_configuration(program, environment):
    """Whether a program takes this configuration; it refuses a key that it does not know."""
    plain = {key: re.sub(r"\$\{\w+(:[-+?][^}]*)?\}", "", str(value)) for key, value in environment.items()}
    return output(build_folder() / "bin" / program, "--config", env={"PATH": os.environ["PATH"]} | plain)


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("unit", ["escarcelle@.service", "escarcelle@gateway.socket", "escarcelle.target",
                                  "escarcelle-wal.service", "escarcelle-backup.service", "escarcelle-backup.timer"])
def test_a_systemd_unit_verifies(unit):
    result = run("systemd-analyze", "verify", SYSTEMD / unit)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_the_exposure_of_the_unit_is_2_at_most():
    output("systemd-analyze", "security", "--offline=true", "--threshold=20", SYSTEMD / "escarcelle@.service")


def test_the_units_of_backups_call_it_as_it_is_called():
    """Options that scripts/backup does not know, or variables that backup.env lacks, would only show at night."""
    known = output(REPOSITORY / "scripts" / "backup", "--help")
    variables = set(re.findall(r"^(BACKUP_\w+)=", (SYSTEMD / "backup.env").read_text(encoding="utf-8"), re.M))
    for unit in ("escarcelle-wal.service", "escarcelle-backup.service"):
        command = re.search(r"^ExecStart=(.*)$", (SYSTEMD / unit).read_text(encoding="utf-8"), re.M).group(1)
        assert set(re.findall(r"\$\{(\w+)\}", command)) == variables
        assert all(option in known for option in re.findall(r"--\w+", command))


def test_the_target_wants_every_program():
    target = (SYSTEMD / "escarcelle.target").read_text(encoding="utf-8")
    assert sorted(re.findall(r"escarcelle@(\w+)\.service", target)) == PROGRAMS


def test_every_program_has_a_user_of_its_own():
    users = (SYSTEMD / "escarcelle.sysusers").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^u escarcelle-(\w+) ", users, re.M)) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_takes_the_configuration_of_its_unit(program):
    unit = (SYSTEMD / "escarcelle@.service").read_text(encoding="utf-8")
    files = [SYSTEMD / name for name in ("common.env", f"{program}.env") if (SYSTEMD / name).exists()]
    lines = re.findall(r"^Environment=(.*)$", unit.replace("%i", program), re.M)
    lines += [line for file in files for line in file.read_text(encoding="utf-8").splitlines()
              if line and not line.startswith("#")]
    assert lines
    answers_configuration(program, dict(line.split("=", 1) for line in lines))


# ── image ────────────────────────────────────────────────────────────────────────────────────────

def test_the_image_installs_what_the_lists_of_packages_say():
    dockerfile = (DEPLOY / "container" / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"packages (build|image)\b", dockerfile) == ["build", "image"]
    assert "apt-get install" not in dockerfile and "FROM debian:12-slim" in dockerfile
    assert dockerfile.rindex("\nUSER 10001:10001\n") > dockerfile.rindex("\nFROM ")


def test_the_image_holds_the_libraries_that_the_programs_link_and_no_others():
    listed = set(output(REPOSITORY / "scripts" / "packages", "--list", "image").split())
    libraries = set()
    for program in PROGRAMS:
        linked = output("objdump", "-p", build_folder() / "bin" / program)
        libraries |= set(re.findall(r"NEEDED\s+(\S+)", linked))
    owners = output("dpkg-query", "--search", *(f"*/{library}" for library in libraries))
    packages = {line.split(":")[0] for line in owners.splitlines()}
    packages = {name for name in packages if not re.match("libc6|libasan|libubsan", name)}
    assert listed - OPENED == packages


def test_the_health_check_tells_a_healthy_program_from_a_missing_one(stack):
    port, nobody = stack.url.rsplit(":", 1)[1], "1"
    path = f"{build_folder() / 'bin'}:{os.environ['PATH']}"

    def healthy(program, **environment):
        return run(DEPLOY / "container" / "healthy", program, env=environment | {"PATH": path}).returncode == 0
    assert healthy("gateway", ESCARCELLE_HTTP_PORT=port) and not healthy("gateway", ESCARCELLE_HTTP_PORT=nobody)
    assert healthy("broker", ESCARCELLE_BIND=f"tcp://0.0.0.0:{port}")
    assert not healthy("broker", ESCARCELLE_BIND=f"tcp://0.0.0.0:{nobody}")
    assert healthy("funding", **stack.place.service_environment("funding", 1, 0))


# ── compose file ─────────────────────────────────────────────────────────────────────────────────

def test_every_program_is_composed_from_the_one_image(services):
    for program in PROGRAMS:
        composed = services[program]
        assert (composed["image"], composed["command"]) == ("escarcelle", [program])
        assert composed["read_only"] and composed["cap_drop"] == ["ALL"]
        assert composed["healthcheck"]["test"] == ["CMD", "healthy", program]
    for service in SERVICES:
        assert services[f"{service}-migration"]["command"] == [service, "--migrate"]


def test_only_the_gateway_publishes_a_port(services):
    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]


@pytest.mark.parametrize("name", [*PROGRAMS, *(f"{service}-migration" for service in SERVICES), "administrator"])
def test_a_composed_program_takes_its_configuration_and_is_given_the_files_that_it_names(services, name):
    composed = services[name]
    answers_configuration(composed["command"][0], composed["environment"])
    text = yaml.safe_dump([composed["environment"], composed["command"]])
    assert set(re.findall(r"/run/secrets/([\w.-]+)", text)) <= granted(composed)


def test_a_program_is_given_its_own_secrets_and_nothing_of_the_others(services):
    for program in PROGRAMS:
        secrets = {name for name in granted(services[program]) if not name.endswith(".public")}
        assert {re.match(r"[a-z]+", name)[0] for name in secrets} == {program}
        assert f"{program}.secret" in secrets and not any(name.endswith("_owner.password") for name in secrets)
        assert "broker.public" in granted(services[program])
    assert granted(services["broker"]) >= {f"{program}.public" for program in PROGRAMS}
    for service in SERVICES:
        assert granted(services[f"{service}-migration"]) == {f"{service}_owner.password"}


def test_the_secrets_that_are_composed_are_the_ones_that_are_made(compose, services, tmp_path):
    folder = tmp_path / "secrets"
    output(DEPLOY / "secrets", folder, build_folder() / "bin" / "broker")
    made = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {name: secret["file"] for name, secret in compose["secrets"].items()} == {
        name: f"secrets/{name}" for name in made.keys() | BROUGHT}
    assert set(compose["secrets"]) == set.union(*map(granted, services.values()))
    assert folder.stat().st_mode & 0o777 == 0o700
    output(DEPLOY / "secrets", folder, build_folder() / "bin" / "broker")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == made


def test_every_volume_and_network_that_is_used_is_there(compose, services):
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == set(compose["volumes"])
    assert {name for service in services.values() for name in service["networks"]} == set(compose["networks"])
    assert compose["networks"]["inside"] == {"internal": True}
