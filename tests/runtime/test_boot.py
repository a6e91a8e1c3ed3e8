# SPDX-License-Identifier: Apache-2.0
"""Planted faults: what does not fit is refused at start or by the generator, and named."""
import pathlib
import shutil
import subprocess
import uuid

import pytest
from client import wait_until
from stack import REPOSITORY

EXIT_REFUSED = 3
SECONDS_MAX = 30


class Copy:
    """A database of its own for the schema of one service; a copy of another one when told which."""

    def __init__(self, stack, service, original=None):
        self.stack, self.service = stack, service
        self.name = f"planted_{uuid.uuid4().hex}"
        self.program = stack.place.binary(service)
        stack.query(f"create database {self.name} template {original.name if original else 'template1'}")
        stack.query(f"grant connect on database {self.name} to {service}, {service}_owner")
        if original is None:
            self.query("create extension unaccent schema public")
            self.query(f"create schema {service} authorization {service}_owner")
            self.query(f"grant usage on schema {service} to {service}")

    def query(self, statement):
        """Runs a statement as superuser in this database."""
        connection = self.stack.connect(database=self.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"set search_path = {self.service}; {statement}")
        finally:
            connection.close()

    def run(self, *arguments, program=None):
        """(exit code, log) of the program against this database."""
        environment = self.stack.place.migrate_environment(self.service) | {"ESCARCELLE_DATABASE_NAME": self.name}
        result = subprocess.run([program or self.program, *arguments], env=environment, capture_output=True, text=True,
                                timeout=SECONDS_MAX, check=False)
        return result.returncode, result.stdout + result.stderr

    def drop(self):
        self.stack.query(f"drop database {self.name} with (force)")


@pytest.fixture(scope="module")
def original(stack):
    """accounts' schema in a database of its own, migrated and fitting."""
    made = Copy(stack, "accounts")
    code, said = made.run("--migrate")
    assert code == 0, said
    yield made
    made.drop()


@pytest.fixture
def copy(stack, original):
    """A copy of it to be spoiled."""
    made = Copy(stack, "accounts", original)
    yield made
    made.drop()


def test_settings_that_may_lose_what_was_answered_are_said(stack, original):
    """The program serves all the same: who has switched them off may know why."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        stack.query(f"alter system set {setting} = off")
        stack.query("select pg_reload_conf()")
        try:
            wait_until(lambda s=setting: stack.query(f"show {s}") == [("off",)])
            code, said = original.run("--check")
        finally:
            stack.query(f"alter system reset {setting}")
            stack.query("select pg_reload_conf()")
        assert code == 0 and f"PostgreSQL runs with {setting} off" in said
    wait_until(lambda: stack.query("show synchronous_commit") == [("on",)])
    code, said = original.run("--check")
    assert code == 0 and "PostgreSQL runs with" not in said


# ── statements and tables ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", ["accounts", "budgeting", "sessions", "funding", "invoicing", "notifications"])
def test_every_service_fits_its_schema(stack, service):
    """Each program proves against the schema that its own migrations make; a second migration changes nothing."""
    made = Copy(stack, service)
    try:
        for arguments in (["--migrate"], ["--migrate"], ["--check"]):
            code, said = made.run(*arguments)
            assert code == 0, said
    finally:
        made.drop()


@pytest.mark.parametrize("fault, named", [
    ("alter table client drop column bic", ["get_client", "bic"]),
    ("alter table client rename column name to title", ["get_client", "name"]),
    ("alter table client alter column siren type bytea using siren::bytea", ["get_client", "siren"]),
    ("alter table client alter column created_at type timestamp", ["get_client", "created_at"]),
    ("alter table account_user alter column totp_enabled drop default, alter column totp_enabled type text",
     ["totp_enabled"]),
    ("drop table password_link", ["password_link"]),
    ("drop table outbox", ["insert_outbox", "outbox"]),
    ("alter table audit_entry drop column caused_by", ["insert_audit_entries", "caused_by"]),
])
def test_missing_or_changed_column_refuses_to_start(copy, fault, named):
    """A missing column, another name or type: the program refuses and names the statement and what does not fit."""
    copy.query(fault)
    code, said = copy.run("--check")
    assert code == EXIT_REFUSED, said
    assert all(word in said for word in named), said


@pytest.mark.parametrize("right, wrong, named", [
    (b"from client where id = :id", b"from client where id = :iq", ["look_up_client", "binds :iq"]),
    (b"from client where id = :id", b"from klient where id = :id", ["look_up_client", "klient"]),
    (b"from client where id = :id", b"from client where if = :id", ["look_up_client", "if"]),
    (b"insert into client (id, name", b"insert into client (id, mame", ["insert_client", "mame"]),
    (b":search(name, siren) :page", b":search(name, siren) :qage", ["list_clients", "qage"]),
])
def test_wrong_statement_refuses_to_start(original, tmp_path, right, wrong, named):
    """A wrong statement, planted into a copy of the program: it refuses and names the statement."""
    text = original.program.read_bytes()
    assert right in text and len(right) == len(wrong)
    program = tmp_path / "accounts"
    program.write_bytes(text.replace(right, wrong))
    program.chmod(0o755)
    code, said = original.run("--check", program=program)
    assert code == EXIT_REFUSED, said
    assert all(word in said for word in named), said


def test_projection_of_another_form_refuses_to_start(stack, tmp_path):
    """One that can't be written for many rows at once, though it is right for one."""
    right = b" values (:id, :client_id, :status, :version)"
    made = Copy(stack, "sessions")
    try:
        program = tmp_path / "sessions"
        text = made.program.read_bytes()
        assert right in text
        program.write_bytes(text.replace(right, right.replace(b" ", b"\n", 1)))
        program.chmod(0o755)
        assert made.run("--migrate")[0] == 0
        code, said = made.run("--check", program=program)
        assert code == EXIT_REFUSED and "projection project: its statement is not of the form" in said, said
    finally:
        made.drop()


def test_program_that_serves_refuses_as_check_does(copy):
    """Without an argument too: it ends before it has children; it does not try for ever."""
    copy.query("alter table client drop column bic")
    code, said = copy.run()
    assert code == EXIT_REFUSED, said
    assert '"bic\\" does not exist' in said and "processes" not in said, said


# ── migrations ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault, named", [
    ("update schema_migration set checksum = repeat('0', 64) where name like '%create_users%'", "create_users"),
    ("delete from schema_migration where name like '%create_audit%'", "create_audit"),
    ("insert into schema_migration values ('999_from_the_future', repeat('0', 64))", "another version"),
    ("drop table schema_migration", "--migrate"),
])
def test_schema_of_another_version_refuses_to_start(copy, fault, named):
    """An edited, missing or unknown migration: the running program refuses the schema."""
    copy.query(fault)
    code, said = copy.run("--check")
    assert code == EXIT_REFUSED, said
    assert named in said, said


def test_edited_migration_is_not_applied(copy):
    """A migration that was edited after it was applied stops the migration, naming it."""
    copy.query("update schema_migration set checksum = repeat('0', 64) where name like '%create_users%'")
    code, said = copy.run("--migrate")
    assert code != 0, said
    assert "create_users" in said and "edited" in said


def test_failed_migration_leaves_nothing_of_itself(stack):
    """A migration that fails is rolled back whole, and the next run starts with it again."""
    made = Copy(stack, "accounts")
    try:
        made.query("create table password_link ()")
        made.query("alter table password_link owner to accounts_owner")
        code, said = made.run("--migrate")
        assert code != 0 and "create_users" in said, said
        made.query("do $$ begin assert to_regclass('account_user') is null; end $$")
        made.query("drop table password_link")
        code, said = made.run("--migrate")
        assert code == 0, said
    finally:
        made.drop()


# ── the contract ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def contract(tmp_path):
    """A copy of proto/ to be spoiled."""
    return pathlib.Path(shutil.copytree(REPOSITORY / "proto", tmp_path / "proto"))


def generate(contract):
    """(exit code, what was said) of the generator as the build runs it."""
    out = contract.parent / "gen"
    out.mkdir()
    files = sorted(file.name for file in contract.glob("*.proto") if file.name != "options.proto")
    result = subprocess.run(
        ["protoc", f"--plugin=protoc-gen-rpc={REPOSITORY / 'scripts' / 'protoc-gen-rpc'}", f"--rpc_out={out}",
         f"--proto_path={contract}", *files], capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    return result.returncode, result.stderr


def test_contract_as_it_is_generates(contract):
    """The contract as it stands is taken."""
    assert generate(contract) == (0, "")


@pytest.mark.parametrize("file, old, new, complaint", [
    ("common.proto", "  // Postal code.\n", "  // Itself.\n  optional Address forwarded = 9;\n  // Postal code.\n",
     "common.Address contains itself"),
    ("accounts.proto", "  // Phone number, stored as E.164.\n",
     "  // Round about.\n  optional Client client = 9;\n  // Phone number, stored as E.164.\n", "contains itself"),
    ("accounts.proto", 'get: "/v1/clients/{id}" role: OPERATOR', 'get: "/v1/clients/{id}"',
     "accounts.GetClient has no role"),
    ("accounts.proto", 'get: "/v1/users/{id}"', 'get: "/v1/users/{name}"', "has no field name"),
    ("accounts.proto", 'get: "/v1/users/{id}"', 'get: "/v1/clients/{id}"', "are both GET /v1/clients/{id}"),
    ("accounts.proto", 'get: "/v1/users"', 'get: "/v1/users" post: "/v1/users"', "more than one route"),
    ("accounts.proto", 'callers: "gateway" writes: true', "writes: true", "names no callers"),
    ("accounts.proto", 'emits: "ClientCreated"', 'emits: "ClientMade"', "emits ClientMade"),
    ("accounts.proto", 'subject: "client.id"', 'subject: "client.uuid"', "has no field uuid"),
    ("accounts.proto", "optional string bic = 6 [(format) = BIC];", "required string bic = 6 [(format) = BIC];",
     "(required) = true"),
    ("accounts.proto", "CLIENT_STATUS_PENDING", "PENDING", "must start with CLIENT_STATUS_"),
    ("budgeting.proto", 'event: "accounts.ClientCreated"', 'event: "accounts.ClientMade"', "which is no event"),
    ("budgeting.proto", 'object: "accounts.Client"', 'object: "accounts.Settings"', "has no LookUp method"),
])
def test_contract_that_contradicts_itself_generates_nothing(contract, file, old, new, complaint):
    """A recursive message, an rpc without a role, two rpcs on one route and the like stop the build, named."""
    path = contract / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    code, said = generate(contract)
    assert code != 0
    assert complaint in said
    assert list((contract.parent / "gen").iterdir()) == []
