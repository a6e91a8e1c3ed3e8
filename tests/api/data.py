# SPDX-License-Identifier: Apache-2.0
"""Bodies of valid requests, each with identifiers of its own, and objects made from them."""
import itertools

from identifiers import new_email, new_iban, new_siren

names = itertools.count(1)
MANDATORY_OF_A_CLIENT = ("siren", "iban", "address", "billing_contact", "commission")


def commission(**changes):
    return {"basis": "unconsumed_funds", "rate_bp": 500, "triggers": ["project_closed"]} | changes


def client_body(**changes):
    """Everything mandatory: opens an active client."""
    siren = new_siren()
    return {
        "name": f"Client {siren}",
        "siren": siren,
        "iban": new_iban(),
        "address": {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris"},
        "billing_contact": {"name": f"Camille Martin-{siren}", "email": new_email("camille")},
        "commission": commission(),
    } | changes


def without(body, *members):
    return {name: value for name, value in body.items() if name not in members}


def new_client(caller, **changes):
    """An active client."""
    return caller.create("/v1/clients", client_body(**changes))


def project_body(client_id, **changes):
    return {"client_id": client_id, "name": f"Project {next(names)}", "initial_budget_cents": 0,
            "alert_threshold": {"percent_bp": 8000}} | changes


def user_body(role="operator", **changes):
    return {"email": new_email("user"), "first_name": "Zoé", "last_name": "Durand", "role": role} | changes
