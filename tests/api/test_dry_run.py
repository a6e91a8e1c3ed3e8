# SPDX-License-Identifier: Apache-2.0
"""`Prefer: dry-run` on every operation of the contract that writes: what it would answer and tell, and nothing done.

A new operation has its row in EXAMPLES: a path, a body, and the events that it would emit; tests/api/test_openapi.py
asks for it."""
import functools
import uuid

import pytest
from billing import the_invoice
from client import PASSWORD, expect, password_token, problem, wait_until
from factory import (client_body, funded_client, new_client, new_project, new_session, new_training, project_body,
                     user_body, wait_for_budget, wait_for_status, without)
from funding_calls import new_call, review_of, sent_call, spend
from tables import Fingerprints

DRY_RUN = {"Prefer": "dry-run"}
ATTEMPTS = 3
# A parked event takes a failing service to make, a paused queue keeps the others' mails: tests/runtime/test_parked.py
# and test_restore.py try these.
ELSEWHERE = {"POST /v1/ops/parked-events/{service}/{id}/retry", "POST /v1/ops/parked-events/{service}/{id}/skip",
             "POST /v1/ops/mail-queue/release"}


class Scene:
    """An object in every state that an operation starts from."""

    def __init__(self, stack, admin):
        self.stack, self.admin = stack, admin

    @functools.cached_property
    def rich(self):
        return funded_client(self.admin, 100_000_000)

    @functools.cached_property
    def poor(self):
        """A client that nothing stands in the way of archiving."""
        return new_client(self.admin)

    @functools.cached_property
    def pending(self):
        """A client that only waits for its activation."""
        body = client_body()
        client = self.admin.create("/v1/clients", without(body, "siren"))
        return self.admin.change(f"/v1/clients/{client['id']}", {"siren": body["siren"]})

    @functools.cached_property
    def project(self):
        return new_project(self.admin, self.rich, auto_funding_call=False)

    @functools.cached_property
    def unused_project(self):
        return new_project(self.admin, self.rich)

    @functools.cached_property
    def empty_session(self):
        return new_session(self.admin, self.project)

    @functools.cached_property
    def session(self):
        session = new_session(self.admin, self.project)
        self.training = new_training(self.admin, session, 1_000, trainers=["Inès Moreau"])
        return session

    @functools.cached_property
    def completed(self):
        return self.admin.act(f"/v1/sessions/{new_session(self.admin, self.project)['id']}/complete")

    @functools.cached_property
    def draft(self):
        return new_call(self.admin, self.project, 5_000)

    @functools.cached_property
    def sent(self):
        return sent_call(self.admin, self.project, 5_000)

    @functools.cached_property
    def accepted(self):
        call = sent_call(self.admin, self.project, 5_000)
        return self.admin.act(f"/v1/funding-calls/{call['id']}/decision", {"decision": "accept", "reason": "On the phone"})

    @functools.cached_property
    def invoice(self):
        """An invoice of 5 % of what was left, sent."""
        project = new_project(self.admin, self.rich)
        self.admin.act(f"/v1/projects/{project['id']}/close")
        return wait_for_status(self.admin, f"/v1/invoices/{the_invoice(self.admin, project)['id']}", "sent")

    @functools.cached_property
    def unbilled_project(self):
        """Something is completed and will be billed at closing, or when it is asked for."""
        client = funded_client(self.admin, commission={"basis": "consumed_value", "rate_bp": 500,
                                                       "triggers": ["project_closed"]})
        project = new_project(self.admin, client, auto_funding_call=False)
        session = new_session(self.admin, project)
        new_training(self.admin, session, 100_000)
        self.admin.act(f"/v1/sessions/{session['id']}/complete")
        wait_for_budget(self.admin, project, completed_cents=100_000)
        wait_until(lambda: self.stack.query("select 1 from invoicing.session where project_id = %s "
                                            "and status = 'completed'", project["id"]))
        return project

    @functools.cached_property
    def alert(self):
        project = new_project(self.admin, self.rich, 10_000, auto_funding_call=False)
        spend(self.admin, project, 9_000)
        return wait_until(lambda: next((alert for alert in self.admin.read("/v1/alerts", page_size=200)["alerts"]
                                        if alert.get("project_id") == project["id"]), None))

    @functools.cached_property
    def message(self):
        """The mail that carried the invoice."""
        recipient = self.rich["billing_contact"]["email"]
        assert self.invoice["status"] == "sent"
        return next(message for message in self.admin.read("/v1/messages", recipient=recipient)["messages"]
                    if message["status"] == "sent")

    @functools.cached_property
    def user(self):
        return self.admin.create("/v1/users", user_body())

    @functools.cached_property
    def password_link(self):
        return f"/v1/auth/password-resets/{password_token(self.stack, self.user['email'])}"


def training_body(scene):
    return {"title": "T", "provider": "Formatys", "cost_cents": 500, "vat_rate_bp": 2000,
            "date": scene.session["start_date"], "trainers": ["Inès Moreau"]}


# (path, body, events) of each. The events of public operations are told to nobody: they would say what a stranger
# must not know.
EXAMPLES = {
    "POST /v1/alerts/{id}/read": lambda s: (
        f"/v1/alerts/{s.alert['id']}/read", None, ["notifications.AlertRead"]),
    "POST /v1/auth/login": lambda s: ("/v1/auth/login", {"email": s.stack.email, "password": s.stack.password}, []),
    "POST /v1/auth/logout": lambda s: ("/v1/auth/logout", None, ["accounts.TokensEnded"]),
    "POST /v1/auth/password-resets": lambda s: ("/v1/auth/password-resets", {"email": s.user["email"]}, []),
    "POST /v1/auth/password-resets/{token}": lambda s: (s.password_link, {"new_password": PASSWORD}, []),
    "POST /v1/clients": lambda s: ("/v1/clients", client_body(), ["accounts.ClientCreated"]),
    "POST /v1/clients/{client_id}/envelope/credits": lambda s: (
        f"/v1/clients/{s.rich['id']}/envelope/credits", {"amount_cents": 7}, ["budgeting.EnvelopeCredited"]),
    "DELETE /v1/clients/{id}": lambda s: (f"/v1/clients/{s.poor['id']}", None, ["accounts.ClientArchived"]),
    "PATCH /v1/clients/{id}": lambda s: (f"/v1/clients/{s.rich['id']}", {"name": "Tried"}, ["accounts.ClientUpdated"]),
    "POST /v1/clients/{id}/activate": lambda s: (
        f"/v1/clients/{s.pending['id']}/activate", None, ["accounts.ClientActivated"]),
    "POST /v1/funding-calls/{funding_call_id}/payments": lambda s: (
        f"/v1/funding-calls/{s.accepted['id']}/payments", {"amount_cents": 100, "reference": "VIR-1"},
        ["funding.FundingCallPaid"]),
    "PATCH /v1/funding-calls/{id}": lambda s: (
        f"/v1/funding-calls/{s.draft['id']}", {"requested_cents": 6_000}, ["funding.FundingCallUpdated"]),
    "POST /v1/funding-calls/{id}/cancel": lambda s: (
        f"/v1/funding-calls/{s.sent['id']}/cancel", None, ["funding.FundingCallCancelled"]),
    "POST /v1/funding-calls/{id}/decision": lambda s: (
        f"/v1/funding-calls/{s.sent['id']}/decision", {"decision": "decline", "reason": "On the phone"},
        ["funding.FundingCallDeclined"]),
    "POST /v1/funding-calls/{id}/remind": lambda s: (
        f"/v1/funding-calls/{s.sent['id']}/remind", None, ["funding.FundingCallReminded"]),
    "POST /v1/funding-calls/{id}/send": lambda s: (
        f"/v1/funding-calls/{s.draft['id']}/send", None, ["funding.FundingCallSent"]),
    "POST /v1/funding-reviews/{token}": lambda s: (review_of(s.stack, s.sent), {"decision": "accept"}, []),
    "POST /v1/invoices/{id}/credit": lambda s: (
        f"/v1/invoices/{s.invoice['id']}/credit", {"reason": "Tried"},
        ["invoicing.InvoiceIssued", "invoicing.InvoiceCredited"]),
    "POST /v1/invoices/{id}/payments": lambda s: (
        f"/v1/invoices/{s.invoice['id']}/payments", {"amount_cents": 100, "reference": "VIR-1"},
        ["invoicing.InvoicePaid"]),
    "POST /v1/invoices/{id}/send": lambda s: (
        f"/v1/invoices/{s.invoice['id']}/send", None, ["invoicing.InvoiceResent"]),
    "POST /v1/ops/mail-queue/pause": lambda s: (
        "/v1/ops/mail-queue/pause", {"reason": "Tried"}, ["notifications.MailQueuePaused", "notifications.AlertRaised"]),
    "PATCH /v1/me": lambda s: ("/v1/me", {"first_name": "Tried"}, ["accounts.UserUpdated"]),
    "POST /v1/me/password": lambda s: (
        "/v1/me/password", {"current_password": s.stack.password, "new_password": PASSWORD},
        ["accounts.TokensEnded", "accounts.PasswordChanged"]),
    "POST /v1/messages/{id}/resend": lambda s: (
        f"/v1/messages/{s.message['id']}/resend", None, ["notifications.MessageQueued"]),
    "POST /v1/projects": lambda s: ("/v1/projects", project_body(s.rich, mailing_list=[
        {"email": "list@client.example"}]), ["budgeting.ProjectCreated"]),
    "DELETE /v1/projects/{id}": lambda s: (
        f"/v1/projects/{s.unused_project['id']}", None, ["budgeting.ProjectDeleted"]),
    "PATCH /v1/projects/{id}": lambda s: (
        f"/v1/projects/{s.project['id']}", {"name": "Tried"}, ["budgeting.ProjectUpdated"]),
    "POST /v1/projects/{id}/close": lambda s: (
        f"/v1/projects/{s.unused_project['id']}/close", None, ["budgeting.ProjectClosing"]),
    "POST /v1/projects/{project_id}/allocations": lambda s: (
        f"/v1/projects/{s.project['id']}/allocations", {"amount_cents": 10}, ["budgeting.ProjectAllocated"]),
    "PUT /v1/projects/{project_id}/billing-plan": lambda s: (
        f"/v1/projects/{s.project['id']}/billing-plan",
        {"basis": "fixed_fee", "fixed_fee_cents": 10, "triggers": ["project_closed"]}, ["invoicing.BillingPlanSet"]),
    "POST /v1/projects/{project_id}/funding-calls": lambda s: (
        f"/v1/projects/{s.project['id']}/funding-calls", {"requested_cents": 1}, ["funding.FundingCallCreated"]),
    "POST /v1/projects/{project_id}/invoices": lambda s: (
        f"/v1/projects/{s.unbilled_project['id']}/invoices", None, ["invoicing.InvoiceIssued"]),
    "POST /v1/projects/{project_id}/sessions": lambda s: (
        f"/v1/projects/{s.project['id']}/sessions",
        {"title": "S", "start_date": "2026-12-01", "end_date": "2026-12-02"}, ["sessions.SessionPlanned"]),
    "DELETE /v1/sessions/{id}": lambda s: (
        f"/v1/sessions/{s.empty_session['id']}", None, ["sessions.SessionDeleted"]),
    "PATCH /v1/sessions/{id}": lambda s: (
        f"/v1/sessions/{s.session['id']}", {"title": "Tried"}, ["sessions.SessionUpdated"]),
    "POST /v1/sessions/{id}/cancel": lambda s: (
        f"/v1/sessions/{s.session['id']}/cancel", None, ["sessions.SessionCancelled"]),
    "POST /v1/sessions/{id}/complete": lambda s: (
        f"/v1/sessions/{s.session['id']}/complete", None, ["sessions.SessionCompleted"]),
    "POST /v1/sessions/{id}/reopen": lambda s: (
        f"/v1/sessions/{s.completed['id']}/reopen", None, ["sessions.SessionReopened"]),
    "POST /v1/sessions/{session_id}/trainings": lambda s: (
        f"/v1/sessions/{s.session['id']}/trainings", training_body(s), ["sessions.TrainingAdded"]),
    "PATCH /v1/settings": lambda s: ("/v1/settings", {"review_link_days": 31}, ["accounts.SettingsChanged"]),
    "POST /v1/tickets": lambda s: ("/v1/tickets", {"path": "/v1/me"}, []),
    "DELETE /v1/trainings/{id}": lambda s: (
        f"/v1/trainings/{s.session and s.training['id']}", None, ["sessions.TrainingRemoved"]),
    "PATCH /v1/trainings/{id}": lambda s: (
        f"/v1/trainings/{s.session and s.training['id']}", {"cost_cents": 2}, ["sessions.TrainingChanged"]),
    "POST /v1/users": lambda s: ("/v1/users", user_body(), ["accounts.UserInvited"]),
    "DELETE /v1/users/{id}": lambda s: (
        f"/v1/users/{s.user['id']}", None, ["accounts.TokensEnded", "accounts.UserDisabled"]),
    "PATCH /v1/users/{id}": lambda s: (
        f"/v1/users/{s.user['id']}", {"first_name": "Tried"}, ["accounts.UserUpdated"]),
}


@pytest.fixture(scope="module")
def scene(stack, admin):
    """All of it made, and settled, before anything is tried."""
    made = Scene(stack, admin)
    for name, value in vars(Scene).items():
        if isinstance(value, functools.cached_property):
            getattr(made, name)
    return made


@pytest.fixture(scope="module")
def fingerprints(stack):
    taken = Fingerprints(stack)
    yield taken
    taken.close()


@pytest.mark.parametrize("operation", EXAMPLES)
def test_a_dry_run_tells_what_would_be_and_does_nothing(admin, scene, fingerprints, operation):
    """The reply and the events; every table of every service is as it was, the key is not taken."""
    path, body, events = EXAMPLES[operation](scene)
    verb = operation.split(" ", maxsplit=1)[0]
    for _ in range(ATTEMPTS):  # something else may move meanwhile, but not each time
        before = fingerprints.settled()
        answer = admin.request(verb, path, body, key=str(uuid.uuid4()), headers=DRY_RUN)
        said = expect(answer, 200)
        if fingerprints.take() == before:
            break
    else:
        pytest.fail(f"{operation} leaves something behind")
    assert answer.headers["Preference-Applied"] == "dry-run"
    assert "Location" not in answer.headers and "Idempotent-Replayed" not in answer.headers
    assert [event["type"] for event in said["events"]] == events
    assert set(said) == {"reply", "events"} and isinstance(said["reply"], dict)


def test_a_dry_run_tells_personal_fields_too(admin, scene):
    """Who may write may read: what lies beside the log is in the answer."""
    body = client_body()
    said = admin.act("/v1/clients", body, headers=DRY_RUN)
    assert said["events"][0]["event"]["client"] == said["reply"]
    assert said["reply"]["billing_contact"] == body["billing_contact"]
    said = admin.act(f"/v1/sessions/{scene.session['id']}/trainings", training_body(scene), headers=DRY_RUN)
    assert said["events"][0]["event"]["training"]["trainers"] == ["Inès Moreau"]


def test_acc_5_a_dry_run_tells_a_stranger_nothing(anonymous, scene):
    """ACC-5: whether somebody has this address shows neither in a reset nor in its dry run."""
    known, unknown = (anonymous.post("/v1/auth/password-resets", {"email": address}, headers=DRY_RUN)
                      for address in (scene.user["email"], "nobody@client.example"))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (
        200, b'{"reply":{},"events":[]}')


def test_a_dry_run_reads_no_idempotency_key(admin):
    """The same key with another body is a trial of its own, not the first answer and not 422."""
    key = str(uuid.uuid4())
    first = admin.create("/v1/clients", client_body(), key=key)
    other = client_body()
    answer = admin.post("/v1/clients", other, key=key, headers=DRY_RUN)
    assert expect(answer, 200)["reply"]["siren"] == other["siren"] != first["siren"]


def test_a_dry_run_is_refused_as_the_real_one(admin, scene):
    """States and preconditions count: 409, 412, 404."""
    path = f"/v1/sessions/{scene.completed['id']}"
    problem(admin.post(f"{path}/complete", headers=DRY_RUN), 409, "wrong_state")
    problem(admin.post(f"{path}/reopen", headers=DRY_RUN, if_match='"1.0"'), 412, "precondition_failed")
    problem(admin.post(f"/v1/sessions/{uuid.uuid4()}/complete", headers=DRY_RUN), 404, "not_found")
