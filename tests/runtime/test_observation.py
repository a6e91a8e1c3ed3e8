# SPDX-License-Identifier: Apache-2.0
"""What is seen from outside of a running stack: readiness, metrics, traces."""
import re

from client import expect, problem, wait_until
from event_messages import message_type
from facts import wait_until_settled
from factory import funded_client, new_project, new_session, new_training
from interference import down

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REQUESTS = re.compile(r'^escarcelle_http_requests_total\{method="([\w.]+)",status="(\d+)"\} (\d+)$', re.M)


# ── readiness ───────────────────────────────────────────────────────────────────────────────────


def not_ready(caller, **query):
    """What /readyz says while something is missing."""
    answer = wait_until(lambda: (said := caller.get("/readyz", **query)).status_code == 503 and [said])[0]
    assert int(answer.headers["Retry-After"]) > 0
    return answer.json()


def test_readiness_names_the_service_that_is_missing(stack, anonymous):
    """The platform is ready when all services answer; a load balancer's gateway needs this one not."""
    ready = {"status": "ready", "draining": False, "missing": []}
    with down(stack, "notifications"):
        assert not_ready(anonymous) == {"status": "not_ready", "draining": False, "missing": ["notifications"]}
        assert anonymous.read("/readyz", scope="gateway") == ready
        assert anonymous.read("/livez") == {"status": "alive"}
    wait_until(stack.is_ready)
    assert anonymous.read("/readyz") == ready
    problem(anonymous.get("/readyz", scope="world"), 400, "unknown_parameter")


def test_nobody_is_a_stranger_while_accounts_is_away(stack, admin, anonymous):
    """The gateway is not ready then; a caller who can't be checked is answered 503, never 401."""
    with down(stack, "accounts"):
        assert not_ready(anonymous, scope="gateway")["missing"] == ["accounts"]
        said = admin.get("/v1/clients")
        problem(said, 503, said.json()["code"])
        assert int(said.headers["Retry-After"]) > 0
    wait_until(lambda: stack.is_ready() and admin.get("/v1/clients").status_code == 200)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def counts(caller):
    """{(method, status): how many requests}, and the whole text."""
    answer = caller.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {(method, int(status)): int(count) for method, status, count in REQUESTS.findall(answer.text)}, answer.text


def test_metrics_count_requests_by_method_and_status(admin, anonymous):
    """Nothing personal is in them: neither who was read nor by whom."""
    client = funded_client(admin)
    before, _ = counts(anonymous)
    for _ in range(3):
        admin.read(f"/v1/clients/{client['id']}")
    expect(admin.get(f"/v1/clients/{admin.user['id']}"), 404)
    after, text = counts(anonymous)
    for status, more in ((200, 3), (404, 1)):
        key = ("accounts.GetClient", status)
        assert after[key] - before.get(key, 0) == more
    for told in (client["id"], client["name"], client["billing_contact"]["email"], admin.user["id"], "@", "127.0.0.1"):
        assert told not in text
    seconds = re.search(r'_seconds_bucket\{method="accounts.GetClient",le="\+Inf"\} (\d+)', text).group(1)
    assert int(seconds) == sum(count for (method, _), count in after.items() if method == "accounts.GetClient")


# ── traces ──────────────────────────────────────────────────────────────────────────────────────


# What a training that takes most of the budget makes happen, each in another service.
FOLLOWING = ("sessions.TrainingAdded", "budgeting.BudgetThresholdReached", "funding.FundingCallSent",
             "notifications.MessageQueued")


def told(stack, kind, project):
    """[(id, actor)] of the project's events of a type, as soon as its service has told one."""
    rows = wait_until(lambda: stack.query(
        f"select event_id::text, actor from {kind.split('.')[0]}.event_log where type = %s and project = %s "
        "order by sequence", kind, project["id"]))
    return [(event_id, message_type("wire.Actor").FromString(bytes(actor))) for event_id, actor in rows]


def test_a_trace_goes_through_services_and_events(stack, admin):
    """traceparent and X-Request-Id of a request are in its event and in those that other services make of it."""
    project = new_project(admin, funded_client(admin), 10_000)
    session = new_session(admin, project)
    admin.session.headers.update({"traceparent": TRACE, "X-Request-Id": "traced-1"})
    try:
        new_training(admin, session, 9_000)
    finally:
        for name in ("traceparent", "X-Request-Id"):
            del admin.session.headers[name]
    for kind in FOLLOWING:
        _, actor = told(stack, kind, project)[-1]
        assert (actor.traceparent, actor.request_id) == (TRACE, "traced-1"), kind


def test_an_event_names_the_one_that_it_follows_from(stack, admin):
    """In the log of its service and in the audit log; what a person did follows from nothing."""
    project = new_project(admin, funded_client(admin), 10_000)
    new_training(admin, new_session(admin, project), 9_000)
    cause = ""
    for kind in FOLLOWING:
        cause = wait_until(lambda kind=kind, cause=cause: next(
            (event_id for event_id, actor in told(stack, kind, project) if actor.caused_by == cause), None))
    wait_until_settled(stack)
    for kind in FOLLOWING:
        for event_id, actor in told(stack, kind, project):
            assert stack.query("select coalesce(caused_by::text, '') from accounts.audit_entry where id = %s",
                               event_id) == [(actor.caused_by,)]
