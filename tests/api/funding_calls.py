# SPDX-License-Identifier: Apache-2.0
"""What the tests of funding calls share: calls, their links, projects that need money."""
import base64
import datetime
import hashlib
import hmac
import uuid

from client import wait_until
from facts import told, wait_until_settled
from factory import budget, new_session, new_training, wait_for_budget


def new_call(caller, project, requested_cents, **changes):
    return caller.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": requested_cents} | changes)


def path_of(call, action=None):
    return f"/v1/funding-calls/{call['id']}" + (f"/{action}" if action else "")


def calls_of(caller, project):
    """The project's calls, oldest first."""
    return caller.read(f"/v1/projects/{project['id']}/funding-calls")["funding_calls"][::-1]


def link(stack, call_id, expires_s, purpose="funding_review"):
    """The path of a link as the service that owns the call would make it."""
    key = bytes.fromhex((stack.place.secrets / "funding-link.key").read_text(encoding="utf-8").strip())
    signed = uuid.UUID(call_id).bytes + expires_s.to_bytes(8, "big")
    mac = hmac.digest(key, signed + purpose.encode(), hashlib.sha256)
    return "/v1/funding-reviews/" + base64.urlsafe_b64encode(signed + mac).decode().rstrip("=")


def seconds_of(instant):
    return int(datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp())


def review_of(stack, call):
    """The path behind the link in a call's mail."""
    return link(stack, call["id"], seconds_of(call["expires_at"]))


def spend(admin, project, cost_cents):
    """A training that consumes this much, and the budget that shows it, once all has taken effect."""
    before = budget(admin, project)["consumed_cents"]
    training = new_training(admin, new_session(admin, project), cost_cents)
    wait_for_budget(admin, project, consumed_cents=before + cost_cents)
    wait_until_settled(admin.stack)
    return training


def sent_call(caller, project, requested_cents, **changes):
    """A call that waits for its decision."""
    return caller.act(path_of(new_call(caller, project, requested_cents, **changes), "send"))


def decide(caller, call, decision, **changes):
    """The call after an operator's record of the client's decision."""
    return caller.act(path_of(call, "decision"), {"decision": decision, "reason": "On the phone"} | changes)


def events_of(stack, call, service="funding"):
    """Types of the events about a call, without their service."""
    return [kind.split(".")[1] for kind in told(stack, service, "subject", call["id"])]


def age(stack, call, **columns):
    """Makes a call older: each instant by so many days."""
    sets = ", ".join(f"{name} = {name} - interval '{days} days'" for name, days in columns.items())
    stack.query(f"update funding.funding_call set {sets} where id = %s", call["id"])


def alerted(admin, kind, project):
    """Waits for the operators' alert of this kind about a project."""
    def raised():
        return any(alert["kind"] == kind and alert.get("project_id") == project["id"]
                   for alert in admin.read("/v1/alerts", page_size=200)["alerts"])
    wait_until(raised)


def ledger_of(admin, project, kind):
    """The entries of a project's ledger transactions of a kind."""
    return [[(entry["account"], entry["amount_cents"]) for entry in transaction["entries"]]
            for transaction in admin.read(f"/v1/projects/{project['id']}/ledger")["ledger_transactions"]
            if transaction["kind"] == kind]
