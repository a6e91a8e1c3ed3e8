# SPDX-License-Identifier: Apache-2.0
"""Clients: MON-5 and MON-6 on their fields, and their life (ACC-1 to ACC-3)."""
import concurrent.futures
import datetime
import json
import re
import uuid

import pytest
from client import expect, pointers, problem, wait_until
from factory import (ADDRESS, COMMISSION, client_body, credit, new_client, new_project, project_body, wait_for_status,
                     without)
from facts import refused
from identifiers import new_email, new_siren
from tables import tables_holding

DRY_RUN = {"Prefer": "dry-run"}
MANDATORY = ("siren", "iban", "address", "billing_contact", "commission")


def error_codes(answer):
    """The code of each violation of a 422, by pointer."""
    return {error["pointer"]: error["code"] for error in problem(answer, 422, "invalid")["errors"]}


# ── MON-5, MON-6 ────────────────────────────────────────────────────────────────────────────────


def test_mon_5_identifiers_are_uuid_v7_in_order_of_creation(operator):
    """MON-5: identifiers are UUIDv7, so that their order is that of creation."""
    ids = [uuid.UUID(new_client(operator)["id"]) for _ in range(3)]
    assert {each.version for each in ids} == {7}
    assert ids == sorted(ids)


def test_mon_5_instants_are_rfc_3339_in_utc(operator):
    """MON-5: instants are RFC 3339 in UTC, with milliseconds."""
    created = new_client(operator)["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("date", ["2026-02-29", "2026-13-01", "2026-1-1", "01/01/2026", "2026-01-01T00:00:00Z", ""])
def test_mon_5_dates_exist_and_are_written_year_first(operator, date):
    """MON-5: a date is YYYY-MM-DD and exists; 422 otherwise."""
    plan = COMMISSION | {"triggers": ["milestones"], "milestones": [{"date": date}]}
    refusal = operator.post("/v1/clients", client_body(commission=plan), headers=DRY_RUN)
    assert "/commission/milestones/0/date" in error_codes(refusal)


@pytest.mark.parametrize("siren, vat_number", [("404833048", "FR83404833048"), ("356000000", "FR39356000000")])
def test_mon_6_vat_number_is_computed_when_absent(operator, siren, vat_number):
    """MON-6: the VAT number follows from the SIREN (vectors of the rule)."""
    answer = operator.post("/v1/clients", client_body(siren=siren), headers=DRY_RUN)
    assert expect(answer, 200)["reply"]["vat_number"] == vat_number


@pytest.mark.parametrize("iban", ["FR7630006000011234567890189", "FR1420041010050500013M02606",
                                  "DE89370400440532013000"])
def test_mon_6_good_ibans_are_taken(operator, iban):
    """MON-6: an IBAN whose check digits (and RIB key, in France) are right is taken."""
    assert new_client(operator, iban=iban)["iban"] == iban


def spaced(text, size):
    return " ".join(text[i:i + size] for i in range(0, len(text), size))


def test_mon_6_spaces_are_accepted_and_not_stored(operator):
    """MON-6: identifiers are accepted with spaces (no-break ones too) and stored without."""
    body = client_body()
    key = (12 + 3 * (int(body["siren"]) % 97)) % 97
    spelt = body | {"siren": spaced(body["siren"], 3), "iban": spaced(body["iban"], 4).lower(),
                    "vat_number": f"fr {key:02d}\u00a0{spaced(body['siren'], 3)}"}
    stored = operator.create("/v1/clients", spelt)
    assert (stored["siren"], stored["iban"], stored["vat_number"]) == (
        body["siren"], body["iban"], f"FR{key:02d}{body['siren']}")


@pytest.mark.parametrize("field, value, code", [
    ("siren", "732829321", "invalid_siren"),
    ("siren", "73282932", "invalid_siren"),
    ("siren", "73282932A", "invalid_siren"),
    ("siren", "٧٣٢٨٢٩٣٢٠", "invalid_siren"),
    ("iban", "FR7630006000011234567890188", "invalid_iban"),
    ("iban", "FR5630006000011234567890190", "invalid_iban"),
    ("iban", "FR763000600001123456789018", "invalid_iban"),
    ("iban", "DE88370400440532013000", "invalid_iban"),
    ("iban", "XX", "invalid_iban"),
    ("vat_number", "FR45732829320", "invalid_vat_number"),
    ("bic", "BNPAFRP", "invalid_bic"),
])
def test_mon_6_wrong_checksums_are_refused(operator, field, value, code):
    """MON-6: a SIREN, IBAN, VAT number or BIC that cannot be one is 422, naming the field."""
    refusal = operator.post("/v1/clients", client_body(**{field: value}))
    assert error_codes(refusal) == {f"/{field}": code}


def test_mon_6_rib_key_is_checked_beyond_the_iban_digits(operator):
    """MON-6: a French IBAN with right check digits and a wrong RIB key is refused."""
    basic = "30006000011234567890188"
    check = 98 - int(basic + "152700") % 97
    assert error_codes(operator.post("/v1/clients", client_body(iban=f"FR{check:02d}{basic}"))) == {
        "/iban": "invalid_iban"}


def test_mon_6_vat_number_of_another_siren_is_refused(operator):
    """MON-6: a VAT number that is given must be the SIREN's own, on creation and on change."""
    body = client_body(vat_number="FR44732829320")
    assert error_codes(operator.post("/v1/clients", body)) == {"/vat_number": "mismatch"}
    client = new_client(operator)
    refusal = operator.patch(f"/v1/clients/{client['id']}", {"vat_number": "FR44732829320"})
    assert error_codes(refusal) == {"/vat_number": "mismatch"}


def test_mon_6_changed_siren_brings_its_vat_number(operator):
    """MON-6: a new SIREN brings its own VAT number."""
    client, siren = new_client(operator), new_siren()
    changed = operator.change(f"/v1/clients/{client['id']}", {"siren": siren})
    assert changed["vat_number"] == f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def test_mon_6_a_cleared_vat_number_is_computed_again(operator):
    """MON-6: null means absent; without a SIREN there is none."""
    client = new_client(operator, vat_number="DE123456789")
    assert operator.change(f"/v1/clients/{client['id']}", {"name": "X"})["vat_number"] == "DE123456789"
    assert operator.change(f"/v1/clients/{client['id']}", {"vat_number": None})["vat_number"].endswith(client["siren"])
    pending = operator.create("/v1/clients", {"name": "ACME SA", "siren": new_siren()})
    assert "vat_number" not in operator.change(f"/v1/clients/{pending['id']}", {"siren": None})


@pytest.mark.parametrize("field", ["address", "billing_address"])
def test_acc_1_an_address_is_in_france_unless_it_says_otherwise(operator, field):
    """ACC-1: given when the client is created, or later."""
    address = without(ADDRESS, "country")
    client = operator.create("/v1/clients", {"name": "ACME SA"})
    assert operator.change(f"/v1/clients/{client['id']}", {field: address})[field]["country"] == "FR"
    changed = operator.change(f"/v1/clients/{client['id']}", {field: {"country": "BE"}})
    assert operator.change(f"/v1/clients/{client['id']}", {field: address})[field] == changed[field]


@pytest.mark.parametrize("written", ["01 42 86 83 26", "01.42.86.83.26", "+33 1 42 86 83 26", "+33 (0)1 42 86 83 26",
                                     "0033142868326"])
def test_mon_6_phone_numbers_are_stored_as_e_164(operator, written):
    """MON-6: phone numbers are E.164 or French national, stored as E.164."""
    contact = client_body()["billing_contact"] | {"phone": written}
    assert new_client(operator, billing_contact=contact)["billing_contact"]["phone"] == "+33142868326"


@pytest.mark.parametrize("written", ["42 86 83 26", "+", "+33", "01 42 86 83 2x", "001"])
def test_mon_6_what_is_no_phone_number_is_refused(operator, written):
    """MON-6: what is neither E.164 nor French national is 422."""
    contact = client_body()["billing_contact"] | {"phone": written}
    refusal = operator.post("/v1/clients", client_body(billing_contact=contact))
    assert error_codes(refusal) == {"/billing_contact/phone": "invalid_phone"}


# ── ACC-1 ───────────────────────────────────────────────────────────────────────────────────────


def test_acc_1_complete_client_is_active(operator):
    """ACC-1: POST with every mandatory field opens an active client, whose Location is its own path."""
    body = client_body()
    answer = operator.post("/v1/clients", body)
    client = expect(answer, 201)
    assert client["status"] == "active"
    assert answer.headers["Location"] == f"/v1/clients/{client['id']}"
    assert operator.read(answer.headers["Location"]) == client
    assert {name: client[name] for name in body} == body | {"commission": COMMISSION | {"milestones": []}}
    assert client["version"] == 1


@pytest.mark.parametrize("missing", MANDATORY)
def test_acc_1_client_that_lacks_something_is_pending(operator, missing):
    """ACC-1: with a name but a mandatory field missing the client is pending; activation names what is missing."""
    client = operator.create("/v1/clients", without(client_body(), missing))
    assert client["status"] == "pending"
    wanted = ["/billing_contact/name", "/billing_contact/email"] if missing == "billing_contact" else [f"/{missing}"]
    assert pointers(operator.post(f"/v1/clients/{client['id']}/activate")) == wanted
    assert operator.read(f"/v1/clients/{client['id']}")["status"] == "pending"


def test_acc_1_activation_lists_all_that_is_missing(operator):
    """ACC-1: activation lists everything that is missing at once, and moves a completed client."""
    body = client_body()
    path = f"/v1/clients/{operator.create('/v1/clients', {'name': body['name']})['id']}"
    assert pointers(operator.post(f"{path}/activate")) == [
        "/siren", "/iban", "/address", "/billing_contact/name", "/billing_contact/email", "/commission"]


def test_acc_1_completed_client_is_activated_once(operator, admin):
    """ACC-1: a pending client that was completed becomes active; activating it again is 409."""
    body = client_body()
    path = f"/v1/clients/{operator.create('/v1/clients', {'name': body['name']})['id']}"
    assert admin.change(path, without(body, "name"))["status"] == "pending"
    assert operator.act(f"{path}/activate")["status"] == "active"
    problem(operator.post(f"{path}/activate"), 409, "wrong_state")


def test_acc_1_client_needs_a_name(operator):
    """ACC-1: not even a pending client is without a name."""
    for body in (without(client_body(), "name"), client_body(name="")):
        assert error_codes(operator.post("/v1/clients", body)) == {"/name": "required"}


@pytest.mark.parametrize("field", MANDATORY)
def test_acc_1_active_client_keeps_its_mandatory_fields(admin, field):
    """ACC-1: a mandatory field of an active client can be changed but not cleared."""
    client = new_client(admin)
    refusal = admin.patch(f"/v1/clients/{client['id']}", {field: None})
    assert pointers(refusal)[0].startswith(f"/{field}")
    assert admin.read(f"/v1/clients/{client['id']}") == client


def test_acc_1_siren_is_unique(operator):
    """ACC-1: a SIREN belongs to one client that is not archived, pending or active."""
    body = client_body()
    first = operator.create("/v1/clients", {"name": body["name"], "siren": body["siren"]})
    refusal = problem(operator.post("/v1/clients", body), 409, "conflict")
    assert "siren" in refusal["detail"]
    other = new_client(operator)
    problem(operator.patch(f"/v1/clients/{other['id']}", {"siren": first["siren"]}), 409, "conflict")


def test_acc_1_same_siren_at_once_makes_one_client(operator):
    """ACC-1: of parallel requests with one SIREN exactly one opens a client."""
    siren = new_siren()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: operator.post("/v1/clients", client_body(siren=siren)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def test_acc_1_only_an_active_client_takes_projects(operator):
    """ACC-1: a pending client takes no project; an active one does at once."""
    pending = operator.create("/v1/clients", without(client_body(), "iban"))
    refusal = problem(operator.post("/v1/projects", project_body(pending, 0)), 409, "wrong_state")
    assert "client_id" in refusal["detail"]
    new_project(operator, new_client(operator), 0)


# ── ACC-2 ───────────────────────────────────────────────────────────────────────────────────────


def test_acc_2_defaults(operator):
    """ACC-2: 30 days to pay, no report, French, unless said."""
    client = new_client(operator)
    assert (client["payment_terms_days"], client["report_frequency"], client["locale"]) == (30, "none", "fr")


@pytest.mark.parametrize("days", [0, 60])
def test_acc_2_payment_terms_up_to_60_days(operator, days):
    """ACC-2: payment terms are 60 days at most."""
    assert new_client(operator, payment_terms_days=days)["payment_terms_days"] == days


@pytest.mark.parametrize("days", [-1, 61, 2**53 - 1, -(2**53 - 1)])
def test_acc_2_payment_terms_beyond_60_days_are_refused(operator, days):
    """ACC-2: 61 days are 422, on creation and on change."""
    assert error_codes(operator.post("/v1/clients", client_body(payment_terms_days=days))) == {
        "/payment_terms_days": "out_of_range"}
    client = new_client(operator)
    assert error_codes(operator.patch(f"/v1/clients/{client['id']}", {"payment_terms_days": days})) == {
        "/payment_terms_days": "out_of_range"}


@pytest.mark.parametrize("frequency", ["none", "semimonthly", "monthly", "bimonthly", "quarterly"])
def test_acc_2_report_frequencies(operator, frequency):
    """ACC-2: the five report frequencies are stored as said."""
    assert new_client(operator, report_frequency=frequency)["report_frequency"] == frequency


@pytest.mark.parametrize("field, value", [("report_frequency", "weekly"), ("locale", "de"), ("locale", "FR")])
def test_acc_2_unknown_words_are_refused(operator, field, value):
    """ACC-2: another frequency or language is 422."""
    assert error_codes(operator.post("/v1/clients", client_body(**{field: value}))) == {f"/{field}": "unknown_value"}


# ── ACC-2: external identifiers ─────────────────────────────────────────────────────────────────


def found_by(caller, external_id, **filters):
    return [client["id"] for client in caller.read("/v1/clients", external_id=external_id, **filters)["clients"]]


def test_acc_2_an_external_id_names_one_client(admin, operator, stack):
    """ACC-2: within a system, and all people are one: 409 names the other client; it is found by its identifier."""
    external_id = f"CRM-{new_siren()}"
    client = operator.create("/v1/clients", client_body(external_id=external_id, name="First of that name"))
    assert client["external_id"] == admin.read(f"/v1/clients/{client['id']}")["external_id"] == external_id
    other = new_client(admin)
    for act in (lambda: admin.post("/v1/clients", client_body(external_id=external_id)),
                lambda: admin.patch(f"/v1/clients/{other['id']}", {"external_id": external_id})):
        said = refused(stack, "accounts", act, 409, "conflict")["detail"]
        assert "external_id" in said and "First of that name" in said and client["id"] in said
    assert found_by(admin, external_id) == [client["id"]]


def test_acc_2_an_external_id_is_changed_and_cleared(operator):
    """ACC-2: PATCH changes it, null clears it; then another client may have it."""
    first, second = f"CRM-{new_siren()}", f"CRM-{new_siren()}"
    client = new_client(operator, external_id=first)
    path = f"/v1/clients/{client['id']}"
    assert operator.change(path, {"external_id": second})["external_id"] == second
    assert operator.change(path, {"name": "Renamed"})["external_id"] == second
    assert (found_by(operator, first), found_by(operator, second)) == ([], [client["id"]])
    assert "external_id" not in operator.change(path, {"external_id": None})
    assert "external_id" not in operator.read(path) and found_by(operator, second) == []
    assert new_client(operator, external_id=second)["external_id"] == second


def test_acc_2_systems_do_not_share_external_ids(operator, stack):
    """ACC-2: what another system calls a client neither shows nor stands in the way."""
    external_id = f"CRM-{new_siren()}"
    theirs, ours = new_client(operator), new_client(operator)
    stack.query("insert into accounts.client_external_id (client_id, system, external_id) values (%s, %s, %s)",
                theirs["id"], "api_key:ERP", external_id)
    assert "external_id" not in operator.read(f"/v1/clients/{theirs['id']}") and found_by(operator, external_id) == []
    assert operator.change(f"/v1/clients/{ours['id']}", {"external_id": external_id})["external_id"] == external_id
    assert operator.change(f"/v1/clients/{theirs['id']}", {"external_id": "other"})["external_id"] == "other"
    assert stack.query("select external_id from accounts.client_external_id where client_id = %s order by system",
                       theirs["id"]) == [(external_id,), ("other",)]


def test_acc_2_an_archived_client_leaves_its_external_id_to_others(admin):
    """ACC-2: it keeps it, and another one may have it."""
    external_id = f"CRM-{new_siren()}"
    client = new_client(admin, external_id=external_id)
    assert admin.delete(f"/v1/clients/{client['id']}").status_code == 204
    again = new_client(admin, external_id=external_id)
    assert found_by(admin, external_id) == [again["id"]]
    assert found_by(admin, external_id, status="archived") == [client["id"]]


def test_acc_2_of_two_who_take_an_external_id_at_once_one_gets_it(operator):
    """ACC-2: the others are 409, however close."""
    external_id = f"CRM-{new_siren()}"
    clients = [new_client(operator) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda client: operator.patch(f"/v1/clients/{client['id']}",
                                                              {"external_id": external_id}).status_code, clients))
    assert sorted(answers) == [200] + [409] * 5


def test_acc_7_an_external_id_is_audited_with_its_system(admin, operator):
    """ACC-7: who called the client what, for which system."""
    external_id = f"CRM-{new_siren()}"
    client = new_client(operator, external_id=external_id)

    def identified():
        entries = admin.read("/v1/audit-entries", subject_id=client["id"])["audit_entries"]
        return [entry for entry in entries if entry["type"] == "accounts.ClientIdentified"]
    (entry,) = wait_until(identified)
    after = {change["field"]: json.loads(change["after"]) for change in entry["changes"]}
    assert (after["system"], after["external_id"]) == ("users", external_id)
    assert entry["actor"]["id"] == operator.user["id"]


@pytest.mark.parametrize("changes, wanted", [
    ({"rate_bp": None}, {"/commission/rate_bp": "required"}),
    ({"fixed_fee_cents": 100}, {"/commission/fixed_fee_cents": "not_applicable"}),
    ({"triggers": ["session_completed"]}, {"/commission/triggers": "not_applicable"}),
    ({"milestones": [{"consumed_bp": 5000}]}, {"/commission/milestones": "not_applicable"}),
    ({"rate_bp": 10001}, {"/commission/rate_bp": "out_of_range"}),
    ({"triggers": []}, {"/commission/triggers": "required"}),
    ({"basis": "fixed_fee"}, {"/commission/rate_bp": "not_applicable", "/commission/fixed_fee_cents": "required"}),
    ({"basis": "consumed_value", "triggers": ["milestones"]}, {"/commission/milestones": "required"}),
])
def test_acc_2_commission_of_a_wrong_combination_is_refused(operator, changes, wanted):
    """ACC-2: the commission is a billing plan; wrong combinations are 422."""
    plan = {name: value for name, value in (COMMISSION | changes).items() if value is not None}
    assert error_codes(operator.post("/v1/clients", client_body(commission=plan))) == wanted


def test_acc_2_changes_keep_what_they_do_not_name(operator):
    """ACC-2: a merge patch changes what it names, merges nested objects, and clears with null."""
    client = new_client(operator, bic="BNPAFRPPXXX", external_id=f"CRM-{new_siren()}")
    path = f"/v1/clients/{client['id']}"
    changed = operator.change(path, {"address": {"city": "Lyon", "line2": "Bâtiment B"}, "bic": None, "locale": "en"})
    assert changed["address"] == client["address"] | {"city": "Lyon", "line2": "Bâtiment B"}
    assert "bic" not in changed and changed["locale"] == "en"
    assert changed["version"] == client["version"] + 1
    same = without(client, "address", "bic", "locale", "updated_at", "version")
    assert {name: changed[name] for name in same} == same
    cleared = operator.change(path, {"address": {"line2": None}, "external_id": None})
    assert "line2" not in cleared["address"] and "external_id" not in cleared


@pytest.mark.parametrize("change", [{"status": "archived"}, {"id": "x"}, {"created_at": "2026-01-01T00:00:00Z"},
                                    {"version": 7}])
def test_acc_2_what_is_not_changeable_is_immutable(operator, change):
    """ACC-2: what PATCH cannot change is 422 immutable."""
    client = new_client(operator)
    assert error_codes(operator.patch(f"/v1/clients/{client['id']}", change)) == {f"/{next(iter(change))}": "immutable"}


@pytest.mark.parametrize("field, value", [("iban", "FR7630006000011234567890189"), ("commission", {"rate_bp": 600})])
def test_acc_2_operators_change_neither_iban_nor_commission(operator, admin, field, value):
    """ACC-2 with ACC-6: an administrator changes IBAN and commission; an operator is 403, naming the field."""
    client = new_client(operator)
    refusal = problem(operator.patch(f"/v1/clients/{client['id']}", {field: value}), 403, "forbidden")
    assert field in refusal["detail"]
    changed = admin.change(f"/v1/clients/{client['id']}", {field: value})
    assert changed[field] == (value if field == "iban" else client["commission"] | value)


# ── ACC-3 ───────────────────────────────────────────────────────────────────────────────────────


def test_acc_3_archived_client_is_closed_for_good(admin):
    """ACC-3: an archived client appears only when asked for, is not changed any more, and frees its SIREN."""
    body = client_body()
    path = f"/v1/clients/{admin.create('/v1/clients', body)['id']}"
    assert admin.delete(path).status_code == 204
    assert admin.read(path)["status"] == "archived"
    assert admin.read("/v1/clients", q=body["siren"])["clients"] == []
    assert len(admin.read("/v1/clients", q=body["siren"], status="archived")["clients"]) == 1
    problem(admin.patch(path, {"name": "Renamed"}), 409, "wrong_state")
    problem(admin.post(f"{path}/activate"), 409, "wrong_state")
    problem(admin.delete(path), 409, "wrong_state")
    admin.create("/v1/clients", body)


def test_acc_3_archived_client_takes_no_project(stack, admin):
    """ACC-3: no project is opened for an archived client; one opened in the same instant: test_closing.py."""
    client = new_client(admin)
    assert admin.delete(f"/v1/clients/{client['id']}").status_code == 204
    wait_until(lambda: stack.query("select 1 from budgeting.client where id = %s and status = 'archived'", client["id"]))
    problem(admin.post("/v1/projects", project_body(client, 0)), 409, "wrong_state")


def refused_archiving(admin, client):
    """What the refusal to archive a client says."""
    before = admin.read(f"/v1/clients/{client['id']}")
    refusal = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert admin.read(f"/v1/clients/{client['id']}") == before
    return refusal["detail"]


def test_acc_3_money_in_the_envelope_prevents_archiving(admin):
    """ACC-3: archiving is 409 with money left in the envelope, saying so."""
    client = new_client(admin)
    credit(admin, client, 100_00)
    assert "envelope" in refused_archiving(admin, client)


def test_acc_3_open_project_prevents_archiving(admin):
    """ACC-3: archiving is 409 with an open project; once it is closed the client can be archived."""
    client = new_client(admin)
    project = new_project(admin, client, 0)
    assert "project" in refused_archiving(admin, client)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code == 204)


def test_acc_3_undecided_funding_call_prevents_archiving(admin):
    """ACC-3: archiving is 409 with an undecided funding call, saying so beside the open project."""
    client = new_client(admin)
    project = new_project(admin, client, 0)
    admin.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": 100_00, "call_date": "2026-12-01"})
    said = refused_archiving(admin, client)
    assert "project" in said and "funding call" in said


def test_acc_3_unpaid_invoice_prevents_archiving(admin):
    """ACC-3: archiving is 409 with an unpaid invoice, though its project is closed."""
    client = new_client(admin)
    credit(admin, client, 100_00)
    project = new_project(admin, client, 100_00)
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_until(lambda: admin.read("/v1/invoices", client_id=client["id"])["invoices"])
    assert "invoice" in refused_archiving(admin, client)


def test_acc_3_operators_do_not_archive(operator):
    """ACC-3 with ACC-6: archiving is for administrators."""
    client = new_client(operator)
    problem(operator.delete(f"/v1/clients/{client['id']}"), 403, "forbidden")
    assert operator.read(f"/v1/clients/{client['id']}")["status"] == "active"


def test_acc_3_archiving_erases_the_billing_contact_everywhere(stack, admin):
    """ACC-3: the contact's personal data is gone at once here, and from every table of every service soon after."""
    email = new_email("erased")
    contact = {"name": f"Contact {email}", "email": email, "phone": "+33142868326"}
    body = client_body(billing_contact=contact)
    client = admin.create("/v1/clients", body, key=f"create-{body['siren']}")
    project = new_project(admin, client, 0)
    wait_until(lambda: "accounts.audit_personal" in tables_holding(stack, email))
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: admin.delete(f"/v1/clients/{client['id']}").status_code == 204)
    assert "billing_contact" not in admin.read(f"/v1/clients/{client['id']}")
    wait_until(lambda: not tables_holding(stack, email))
