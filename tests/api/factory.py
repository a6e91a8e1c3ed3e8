# SPDX-License-Identifier: Apache-2.0
"""Objects that tests start from, made through the API; every call makes a fresh one."""
from client import wait_until
from identifiers import new_email, new_iban, new_siren

COMMISSION = {"basis": "unconsumed_funds", "rate_bp": 500, "triggers": ["project_closed"]}
ADDRESS = {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}


def client_body(**changes):
    """A client with every mandatory field."""
    return {"name": "ACME SA", "siren": new_siren(), "iban": new_iban(), "address": ADDRESS,
            "billing_contact": {"name": "Camille Martin", "email": new_email("camille")},
            "commission": COMMISSION} | changes


def without(body, *members):
    return {name: value for name, value in body.items() if name not in members}


def user_body(role="operator", **changes):
    return {"email": new_email("user"), "first_name": "Zoé", "last_name": "Durand", "role": role} | changes


def new_client(admin, **changes):
    return admin.create("/v1/clients", client_body(**changes))


def credit(admin, client, amount_cents):
    return admin.create(f"/v1/clients/{client['id']}/envelope/credits", {"amount_cents": amount_cents})


def funded_client(admin, amount_cents=10_000_000, **changes):
    """A client whose envelope holds money."""
    client = new_client(admin, **changes)
    credit(admin, client, amount_cents)
    return client


def project_body(client, initial_budget_cents=1_000_000, **changes):
    return {"client_id": client["id"], "name": "Sales academy", "initial_budget_cents": initial_budget_cents,
            "alert_threshold": {"percent_bp": 8000}} | changes


def new_project(admin, client, initial_budget_cents=1_000_000, **changes):
    return admin.create("/v1/projects", project_body(client, initial_budget_cents, **changes))


def new_session(admin, project, **changes):
    return admin.create(f"/v1/projects/{project['id']}/sessions", {
        "title": "Negotiation", "start_date": "2026-12-01", "end_date": "2026-12-02"} | changes)


def new_training(admin, session, cost_cents, vat_rate_bp=2000, **changes):
    return admin.create(f"/v1/sessions/{session['id']}/trainings", {
        "title": "Negotiating with suppliers", "provider": "Formatys", "cost_cents": cost_cents,
        "vat_rate_bp": vat_rate_bp, "date": session["start_date"]} | changes)


def budget(caller, project):
    return caller.read(f"/v1/projects/{project['id']}/budget")


def envelope(caller, client):
    return caller.read(f"/v1/clients/{client['id']}/envelope")


def wait_for_budget(caller, project, **figures):
    """The budget once it shows these figures: sessions' events arrive a moment later."""
    def shown():
        now = budget(caller, project)
        return now if all(now.get(name) == value for name, value in figures.items()) else None
    return wait_until(shown)


def wait_for_status(caller, path, status):
    """The object once it is in this state."""
    def reached():
        now = caller.read(path)
        return now if now["status"] == status else None
    return wait_until(reached)
