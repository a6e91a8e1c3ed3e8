# SPDX-License-Identifier: Apache-2.0
"""The audit log (ACC-7): what it holds, that tampering is found, and where personal values lie."""
import contextlib
import datetime
import hashlib
import json
import uuid
import zoneinfo

import psycopg2
import pytest
from client import PASSWORD, Client, expect, password_token, problem, wait_until
from facts import wait_until_mailed
from factory import client_body, credit, new_client, new_project, user_body
from identifiers import new_email, new_siren
from tables import tables_holding

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
# What audit_entries.c hashes, in its order; instants with six digits.
HASHED = """select sequence, id, producer, epoch, stream_sequence, type,
    to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    actor_kind, actor_id, actor_role, subject_id, client_id, project_id, request_id, caused_by, changes,
    encode(personal_hash, 'hex'), encode(actor_hash, 'hex'), encode(event_hash, 'hex')
    from accounts.audit_entry where sequence >= %s order by sequence"""


def entries(admin, **query):
    return admin.read("/v1/audit-entries", page_size=200, **query)["audit_entries"]


def entry(admin, kind, **query):
    """The newest entry of a type, as soon as the log has it."""
    return wait_until(lambda: next(iter(entries(admin, type=kind, **query)), None))


def changes_of(found):
    """{field: (before, after)} of an entry."""
    return {change["field"]: tuple(json.loads(change[side]) if side in change else None for side in ("before", "after"))
            for change in found["changes"]}


# ── what is recorded ────────────────────────────────────────────────────────────────────────────


def test_acc_7_creation_is_recorded_with_its_values(operator, admin):
    """ACC-7: who, when, from where, what, on which object, with the values after."""
    client = operator.create("/v1/clients", client_body(), headers={"X-Request-Id": f"audit-{new_siren()}"})
    found = entry(admin, "accounts.ClientCreated", subject_id=client["id"])
    assert found["actor"] == {"kind": "user", "id": operator.user["id"], "role": "operator",
                              "name": f"{operator.user['first_name']} {operator.user['last_name']}",
                              "address": "127.0.0.1"}
    assert found["request_id"].startswith("audit-")
    assert client["created_at"] <= found["occurred_at"] <= found["recorded_at"]
    changes = changes_of(found)
    assert changes["siren"] == (None, client["siren"])
    assert changes["address.city"] == (None, "Paris")
    assert changes["billing_contact.email"] == (None, client["billing_contact"]["email"])
    assert len(found["changes"]) == len(changes)


def test_acc_7_change_is_recorded_before_and_after(operator, admin):
    """ACC-7: a change is recorded with the values before and after, and nothing that did not change."""
    client = new_client(operator, bic="BNPAFRPPXXX")
    contact = new_email("next")
    operator.change(f"/v1/clients/{client['id']}", {
        "name": "Renamed", "bic": None, "address": {"line2": "Étage 2"}, "billing_contact": {"email": contact}})
    found = entry(admin, "accounts.ClientUpdated", subject_id=client["id"])
    assert changes_of(found) == {
        "name": (client["name"], "Renamed"), "bic": ("BNPAFRPPXXX", None), "address.line2": (None, "Étage 2"),
        "billing_contact.email": (client["billing_contact"]["email"], contact)}


def test_acc_7_every_service_is_recorded(operator, admin):
    """ACC-7: changes of the other services are in the same log."""
    project = new_project(operator, new_client(operator), 0)
    found = entry(admin, "budgeting.ProjectCreated", subject_id=project["id"])
    assert found["actor"]["id"] == operator.user["id"]
    assert changes_of(found)["name"] == (None, project["name"])


def test_acc_7_logins_are_recorded(stack, admin, anonymous):
    """ACC-7: logins and failed logins are recorded with their address; the password is not."""
    user = admin.create("/v1/users", user_body())
    token = password_token(stack, user["email"])
    expect(anonymous.post(f"/v1/auth/password-resets/{token}", {"new_password": PASSWORD}), 204)
    problem(anonymous.post("/v1/auth/login", {"email": user["email"], "password": "not the password"}), 401,
            "unauthenticated")
    assert entry(admin, "accounts.LoginFailed", subject_id=user["id"])["actor"]["address"] == "127.0.0.1"
    Client(stack).log_in(user["email"], PASSWORD)
    assert entry(admin, "accounts.LoggedIn", subject_id=user["id"])["actor"]["address"] == "127.0.0.1"
    assert tables_holding(stack, "not the password") == set()


def test_acc_7_refusals_are_recorded(stack, operator, admin):
    """ACC-7: a 403 is recorded with what was called, by whom; the refused request left nothing else."""
    request_id = f"refused-{uuid.uuid4()}"
    problem(operator.request("PATCH", "/v1/settings", {"review_link_days": 3}, headers={"X-Request-Id": request_id}),
            403, "forbidden")
    found = wait_until(lambda: [each for each in entries(admin, type="common.AccessRefused")
                                if each.get("request_id") == request_id])
    assert len(found) == 1 and found[0]["actor"]["id"] == operator.user["id"]
    said = changes_of(found[0])
    assert said["method"][1] == "accounts.UpdateSettings" and said["path"][1] == "/v1/settings"


def test_acc_7_refusal_of_a_field_is_recorded(operator, admin):
    """ACC-7: a field that only administrators may set is a refusal too."""
    client, request_id = new_client(operator), f"refused-{uuid.uuid4()}"
    answer = operator.patch(f"/v1/clients/{client['id']}", {"iban": "FR7630006000011234567890189"},
                            headers={"X-Request-Id": request_id})
    problem(answer, 403, "forbidden")
    wait_until(lambda: request_id in [each.get("request_id") for each in entries(admin, type="common.AccessRefused")])


def test_acc_7_downloads_are_recorded(operator, admin):
    """ACC-7: the download of an invoice's PDF is recorded on the invoice."""
    client = new_client(admin)
    credit(admin, client, 100_00)
    project = new_project(admin, client, 100_00)
    admin.act(f"/v1/projects/{project['id']}/close")
    invoice = wait_until(lambda: admin.read("/v1/invoices", project_id=project["id"])["invoices"])[0]
    wait_until(lambda: operator.get(f"/v1/invoices/{invoice['id']}/pdf").status_code == 200)
    found = entry(admin, "common.DocumentDownloaded", subject_id=invoice["id"])
    assert found["actor"]["id"] == operator.user["id"]


def test_acc_7_reads_and_refused_input_are_not_recorded(operator, admin):
    """ACC-7: the log is of changes, logins, refusals and downloads, not of reads or of input that broke a rule."""
    client, mark = new_client(operator), f"read-{uuid.uuid4()}"
    headers = {"X-Request-Id": mark}
    operator.request("GET", f"/v1/clients/{client['id']}", headers=headers)
    problem(operator.post("/v1/clients", client_body(siren="1"), headers=headers), 422, "invalid")
    problem(operator.post("/v1/clients", client_body(siren=client["siren"]), headers=headers), 409, "conflict")
    operator.change(f"/v1/clients/{client['id']}", {"name": "Last"})
    entry(admin, "accounts.ClientUpdated", subject_id=client["id"])
    assert mark not in [each.get("request_id") for each in entries(admin)]


# ── reading it ──────────────────────────────────────────────────────────────────────────────────


def test_acc_7_log_is_read_newest_first_by_filters(operator, admin):
    """ACC-7: the log is paged newest first and filtered by actor, object, type and Paris day."""
    client = new_client(operator)
    path = f"/v1/clients/{client['id']}"
    for name in ("Second", "Third"):
        operator.change(path, {"name": name})
    wait_until(lambda: len(entries(admin, subject_id=client["id"])) == 3)
    found = entries(admin, subject_id=client["id"])
    assert [each["type"].split(".")[1] for each in found] == ["ClientUpdated", "ClientUpdated", "ClientCreated"]
    assert [each["sequence"] for each in found] == sorted((each["sequence"] for each in found), reverse=True)
    first = admin.read("/v1/audit-entries", subject_id=client["id"], page_size=2)
    rest = admin.read("/v1/audit-entries", subject_id=client["id"], page_size=2, page_token=first["next_page_token"])
    assert first["audit_entries"] + rest["audit_entries"] == found
    assert len(entries(admin, subject_id=client["id"], actor_id=operator.user["id"])) == 3
    assert entries(admin, subject_id=client["id"], actor_id=admin.user["id"]) == []
    today = datetime.datetime.now(PARIS).date()
    yesterday = str(today - datetime.timedelta(days=1))
    assert len(entries(admin, subject_id=client["id"], **{"from": yesterday, "to": str(today)})) == 3
    assert entries(admin, subject_id=client["id"], to=yesterday) == []


def test_acc_7_log_is_for_administrators(operator):
    """ACC-7 with ACC-6: operators neither read nor verify the log."""
    for path in ("/v1/audit-entries", "/v1/audit-entries/verification"):
        problem(operator.get(path), 403, "forbidden")


# ── the chain ───────────────────────────────────────────────────────────────────────────────────


def verification(admin):
    return admin.read("/v1/audit-entries/verification")


@pytest.fixture(scope="module")
def kept_outside(stack, admin, operator):
    """The sequences of five consecutive entries, all below a head that is kept outside the database. Nothing more comes
    by itself: what tests before had mailed is told."""
    wait_until_mailed(stack)
    client = new_client(operator)
    for number in range(6):
        operator.change(f"/v1/clients/{client['id']}", {"name": f"Kept {number}"})
    wait_until(lambda: len(entries(admin, subject_id=client["id"])) == 7)
    last = entries(admin, subject_id=client["id"])[0]["sequence"]

    def head_is_kept():
        heads = stack.place.audit / "heads"
        lines = heads.read_text(encoding="utf-8").splitlines() if heads.exists() else []
        return lines and int(lines[-1].split()[0]) >= last
    wait_until(head_is_kept)
    return list(range(last - 4, last + 1))


@pytest.fixture
def kept(admin, kept_outside):
    """These entries, in a log that verifies before a test spoils it and after the test restored it."""
    assert verification(admin)["verified"]
    yield kept_outside
    assert verification(admin)["verified"], "a test did not restore the log"


@contextlib.contextmanager
def restored(stack, table, sequences):
    """Puts these rows of a table back as they were."""
    before = stack.query(f"select to_jsonb(t)::text from accounts.{table} t where sequence = any(%s)", sequences)
    try:
        yield
    finally:
        stack.query(f"delete from accounts.{table} where sequence = any(%s)", sequences)
        for (row,) in before:
            stack.query(f"insert into accounts.{table} select * from jsonb_populate_record(null::accounts.{table}, %s)",
                        row)


def found_broken(admin):
    said = verification(admin)
    assert said["verified"] is False and said["detail"]
    return said["first_broken"]


def test_acc_7_untouched_log_verifies(stack, admin, kept):
    """ACC-7: the chain of an untouched log verifies, up to its last entry."""
    said = verification(admin)
    assert said["verified"] is True and "first_broken" not in said
    assert said["entries"] >= kept[-1]
    assert stack.query("select encode(hash, 'hex') from accounts.audit_entry where sequence = %s",
                       said["entries"]) == [(said["head_hash"],)]


@pytest.mark.parametrize("change", [
    "changes = replace(changes, 'Kept', 'Kopt')", "actor_id = 'x'", "actor_role = null", "type = type || 'x'",
    "subject_id = null", "occurred_at = occurred_at + interval '1 microsecond'", "request_id = 'x'",
    "recorded_at = recorded_at + interval '1 hour'", "event_hash = decode(repeat('00', 32), 'hex')",
    "personal_hash = hash", "actor_hash = null", "client_id = null", "project_id = id", "actor_kind = 'service'",
])
def test_acc_7_changed_entry_is_found(stack, admin, kept, change):
    """ACC-7: an entry that the database's superuser changed is found and named."""
    with restored(stack, "audit_entry", [kept[1]]):
        assert stack.query(f"update accounts.audit_entry set {change} where sequence = %s returning 1", kept[1])
        assert found_broken(admin) == kept[1]


def test_acc_7_changed_personal_values_are_found(stack, admin, kept):
    """ACC-7: personal values of an entry cannot be replaced, though they can be erased."""
    with restored(stack, "audit_actor", [kept[1]]):
        stack.query("update accounts.audit_actor set payload = replace(payload, '127.0.0.1', '127.0.0.2') "
                    "where sequence = %s", kept[1])
        assert found_broken(admin) == kept[1]
        stack.query("delete from accounts.audit_actor where sequence = %s", kept[1])
        assert verification(admin)["verified"] is True


def test_acc_7_removed_entry_is_found(stack, admin, kept):
    """ACC-7: an entry that was removed from the middle is found, also when the rest moved up."""
    with restored(stack, "audit_entry", kept):
        stack.query("delete from accounts.audit_entry where sequence = %s", kept[1])
        assert found_broken(admin) == kept[1]
        for sequence in kept[2:]:
            stack.query("update accounts.audit_entry set sequence = sequence - 1 where sequence = %s", sequence)
        assert found_broken(admin) == kept[1]


def test_acc_7_removed_end_is_found(stack, admin, kept):
    """ACC-7: an end that was cut off up to a kept head is found."""
    ((last,),) = stack.query("select max(sequence) from accounts.audit_entry")
    tail = list(range(kept[1], last + 1))
    with restored(stack, "audit_entry", tail):
        stack.query("delete from accounts.audit_entry where sequence >= %s", kept[1])
        assert found_broken(admin) == kept[1]


def test_acc_7_inserted_entry_is_found(stack, admin, kept):
    """ACC-7: an entry that was inserted between two, the rest moved down, is found."""
    ((last,),) = stack.query("select max(sequence) from accounts.audit_entry")
    with restored(stack, "audit_entry", list(range(kept[2], last + 2))):
        for sequence in range(last, kept[1], -1):
            stack.query("update accounts.audit_entry set sequence = sequence + 1 where sequence = %s", sequence)
        stack.query("insert into accounts.audit_entry select (jsonb_populate_record(e, jsonb_build_object("
                    "'sequence', e.sequence + 1, 'stream_sequence', -1, 'previous_hash', e.hash))).* "
                    "from accounts.audit_entry e where sequence = %s", kept[1])
        assert found_broken(admin) == kept[2]


def chained(previous, fields):
    """The hash of an entry as audit_entries.c makes it."""
    digest = hashlib.sha256(previous)
    for field in ("escarcelle.audit.1", *fields):
        text = b"" if field is None else str(field).encode()
        digest.update((0xFFFFFFFF if field is None else len(text)).to_bytes(4, "big") + text)
    return digest.digest()


def rehash(stack, sequence):
    """Does what a database's owner with the sources could: makes the chain fit again from an entry on."""
    ((previous,),) = stack.query("select hash from accounts.audit_entry where sequence = %s", sequence - 1)
    previous = bytes(previous)
    for row in stack.query(HASHED, sequence):
        digest = chained(previous, row)
        stack.query("update accounts.audit_entry set previous_hash = %s, hash = %s where sequence = %s", previous,
                    digest, row[0])
        previous = digest


def test_acc_7_chain_made_anew_is_found_by_the_kept_heads(stack, admin, kept):
    """ACC-7: even a chain that was computed anew by the database's owner is found by the heads kept outside."""
    ((last,),) = stack.query("select max(sequence) from accounts.audit_entry")
    before = verification(admin)["head_hash"]
    with restored(stack, "audit_entry", list(range(kept[0], last + 1))):
        rehash(stack, kept[0])
        assert verification(admin)["head_hash"] == before, "the test's chain is not the program's"
        stack.query("update accounts.audit_entry set actor_id = 'x' where sequence = %s", kept[1])
        rehash(stack, kept[1])
        assert found_broken(admin) >= kept[1]


@contextlib.contextmanager
def restored_heads(stack):
    file = stack.place.audit / "heads"
    before = file.read_bytes()
    try:
        yield file
    finally:
        file.write_bytes(before)


def test_acc_7_forged_head_is_found(stack, admin, kept):
    """ACC-7: a kept head that was altered does not carry our signature."""
    with restored_heads(stack) as file:
        lines = file.read_text(encoding="utf-8").splitlines()
        sequence, digest, signature = lines[0].split()
        file.write_text("\n".join([f"{sequence} {digest[::-1]} {signature}", *lines[1:]]) + "\n", encoding="utf-8")
        assert found_broken(admin) == int(sequence)


def test_acc_7_head_whose_signature_was_cut_is_found(stack, admin, kept):
    """ACC-7: the first half of a signature is none, though the whole one was seen just before."""
    with restored_heads(stack) as file:
        head, *others = file.read_text(encoding="ascii").splitlines()
        file.write_text("\n".join([head, head[:-64], *others]) + "\n", encoding="ascii")
        assert found_broken(admin) == int(head.split()[0])


@pytest.mark.parametrize("line", ["x", "", "1 2", "+{head}", "{head} x", "{head}\0"])
def test_acc_7_line_that_is_no_head_is_found(stack, admin, kept, line):
    """ACC-7: what is behind a line that we did not write is not passed over; the line is named."""
    with restored_heads(stack) as file:
        head, *others = file.read_text(encoding="ascii").splitlines()
        file.write_text("\n".join([head, line.format(head=head), *others]) + "\n", encoding="ascii")
        assert found_broken(admin) == int(head.split()[0]) + 1
        assert f"line 2 of {file} is no head" in verification(admin)["detail"]


def test_acc_7_line_that_a_crash_cut_off_is_no_fault(stack, admin, operator, kept):
    """ACC-7: half a line at the end, as a power failure leaves it, is the end; the next head does not join it."""
    with restored_heads(stack) as file:
        before = file.read_text(encoding="ascii")
        with open(file, "a", encoding="ascii") as heads:
            heads.write(before.splitlines()[-1][:-9])
        assert verification(admin)["verified"]
        new_client(operator)
        lines = wait_until(lambda: (text := file.read_text(encoding="ascii")).endswith("\n") and len(text) > len(before)
                           and text.splitlines())
        assert lines[:-1] == before.splitlines() and len(lines[-1].split()[2]) == 128
        assert verification(admin)["verified"]


@pytest.mark.parametrize("statement", [
    "update accounts.audit_entry set actor_id = 'x'", "delete from accounts.audit_entry",
    "truncate accounts.audit_entry", "drop table accounts.audit_entry", "delete from accounts.event_log",
    "update accounts.event_log set type = 'x'", "alter table accounts.audit_entry disable trigger all",
])
def test_acc_7_service_itself_can_only_append(stack, statement):
    """ACC-7: the role that the service runs with can neither change nor remove what is in the log."""
    connection = stack.connect("accounts")
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    finally:
        connection.close()


# ── personal values ─────────────────────────────────────────────────────────────────────────────


def test_acc_7_personal_values_lie_beside_the_chain(stack, admin):
    """ACC-7: the chain and the event log hold only hashes of what is personal; the values lie in tables of their own."""
    email = new_email("personal")
    client = new_client(admin, billing_contact={"name": f"Name {email}", "email": email})
    wait_until(lambda: "accounts.audit_personal" in tables_holding(stack, email))
    admin.change(f"/v1/clients/{client['id']}", {"billing_contact": {"phone": "+33142868326"}})
    entry(admin, "accounts.ClientUpdated", subject_id=client["id"])
    assert {table.split(".")[1] for table in tables_holding(stack, email)} <= {
        "client", "event_personal", "audit_personal", "audit_object", "idempotency_key"}
    for table, subject in (("audit_entry", "subject_id"), ("event_log", "subject")):
        rows = stack.query(f"select t::text from accounts.{table} t where {subject} = %s", client["id"])
        assert len(rows) == 2
        assert not any(text in row for (row,) in rows for text in ("127.0.0.1", b"127.0.0.1".hex()))


def test_acc_7_archiving_erases_and_the_log_still_verifies(stack, admin):
    """ACC-7 with ACC-3: what archiving erases is gone from the log too, whose chain still verifies."""
    email = new_email("erased")
    client = new_client(admin, billing_contact={"name": f"Name {email}", "email": email})
    created = entry(admin, "accounts.ClientCreated", subject_id=client["id"])
    assert admin.delete(f"/v1/clients/{client['id']}").status_code == 204
    entry(admin, "accounts.ClientArchived", subject_id=client["id"])
    wait_until(lambda: not tables_holding(stack, email))
    left = entry(admin, "accounts.ClientCreated", subject_id=client["id"])
    assert (left["hash"], left["sequence"]) == (created["hash"], created["sequence"])
    assert not any(change["field"].startswith("billing_contact") for change in left["changes"])
    assert changes_of(left)["siren"] == (None, client["siren"])
    assert verification(admin)["verified"] is True
