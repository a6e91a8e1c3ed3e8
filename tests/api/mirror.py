# SPDX-License-Identifier: Apache-2.0
"""Does every operation twice: over HTTPS and in the model of the rules, and compares what came of it."""
import contextlib
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from billing import all_sent, check_series
from client import wait_until
from factory import client_body
from facts import wait_until_settled
from interference import child, stopped
from model.objects import Refused
from model.platform import Platform

VAT_RATES = [("2014-01-01", 2000)]
# What tells several notices to a mailing list together; they themselves stay messages (NOT-1).
GATHERED = ("sessions_gathered", "budgets_gathered")


def today():
    """The day in Paris."""
    return datetime.now(ZoneInfo("Europe/Paris")).date().isoformat()


class Mirror:
    """The program and the rules side by side; objects are the rules', whose `id` is the program's."""

    def __init__(self, stack, caller, vat_rates=None):
        self.stack, self.caller = stack, caller
        self.racing = False  # whether somebody is held up, so that not everything takes effect
        self.numbered = 0  # invoices and credit notes whose numbers were looked at
        self.rules = Platform(today(), vat_rates or VAT_RATES)
        self.rules.billing.last_dates = dict(stack.query(
            "select kind, last_date::text from invoicing.invoice_series where last_date is not null"))

    def both(self, rule, act):
        """What the rules made, named as the program did; None when both refuse, for the same reason."""
        try:
            made = rule()
        except Refused as refusal:
            answer = act()
            assert (answer.status_code, answer.json()["code"]) == (409, refusal.code), answer.text
            return None
        answer = act()
        assert answer.status_code in (200, 201, 204), f"the rules allow it: {answer.text}"
        if made is not None and made.id is None:
            made.id = answer.json()["id"]
        self.settle()
        return made

    def settle(self):
        """Waits until everything has taken effect everywhere; a share that a new plan finds reached is fired by a job."""
        if not self.racing:
            wait_until(lambda: not self.stack.query("select 1 from invoicing.milestone where due_on <= %s", today()))
            wait_until_settled(self.stack)

    @contextlib.contextmanager
    def race(self, service):
        """What is done in here happens before a service tells anything or hears of it."""
        with stopped(child(self.stack, service, "courier")):
            self.racing = True
            yield
            self.racing = False
        self.settle()

    def named(self, thing):
        """The id of a call or invoice that the program made by itself."""
        if thing.id is None:
            self.name(thing.project.calls, f"projects/{thing.project.id}/funding-calls", "funding_calls")
            self.name(thing.project.invoices, f"projects/{thing.project.id}/invoices", "invoices")
        return thing.id

    def name(self, things, path, resource):
        """What the program lists, oldest first, each the next of these things."""
        shown = self.listed(path, resource)
        assert len(shown) == len(things), shown
        for thing, one in zip(things, shown):
            thing.id = one["id"]
        return shown

    def post(self, path, body=None):
        return lambda: self.caller.post(f"/v1/{path}", body)

    def patch(self, path, body):
        return lambda: self.caller.patch(f"/v1/{path}", body)

    # ── envelopes and projects ──────────────────────────────────────────────────────────────────

    def open_client(self, plan, payment_terms_days=30, **changes):
        body = client_body(commission=plan.body(), payment_terms_days=payment_terms_days, **changes)
        return self.both(lambda: self.rules.open_client(plan, payment_terms_days), self.post("clients", body))

    def credit(self, client, cents, date=None):
        body = {"amount_cents": cents} | ({"date": date} if date else {})
        return self.both(lambda: self.rules.credit(client, cents, date),
                         self.post(f"clients/{client.id}/envelope/credits", body))

    def reverse(self, credit):
        return self.both(lambda: self.rules.reverse(credit), self.post(
            f"clients/{credit.client.id}/envelope/credits",
            {"amount_cents": credit.amount_cents, "reverses": credit.id}))

    def open_project(self, client, cents, threshold, auto_funding_call=True, refill_bp=2000, **changes):
        return self.both(
            lambda: self.rules.open_project(client, cents, threshold, auto_funding_call, refill_bp),
            self.post("projects", {
                "client_id": client.id, "name": "Sales academy", "initial_budget_cents": cents,
                "alert_threshold": threshold, "auto_funding_call": auto_funding_call, "refill_bp": refill_bp} | changes))

    def plan_billing(self, project, plan):
        return self.both(lambda: self.rules.plan_billing(project, plan),
                         lambda: self.caller.put(f"/v1/projects/{project.id}/billing-plan", plan.body()))

    def allocate(self, project, cents):
        return self.both(lambda: self.rules.allocate(project, cents),
                         self.post(f"projects/{project.id}/allocations", {"amount_cents": cents}))

    def set_threshold(self, project, threshold):
        return self.both(lambda: self.rules.set_threshold(project, threshold),
                         self.patch(f"projects/{project.id}", {"alert_threshold": threshold}))

    def close(self, project):
        return self.both(lambda: self.rules.close(project), self.post(f"projects/{project.id}/close"))

    def delete(self, project):
        return self.both(lambda: self.rules.delete(project), lambda: self.caller.delete(f"/v1/projects/{project.id}"))

    # ── sessions ────────────────────────────────────────────────────────────────────────────────

    def plan_session(self, project, start_date, end_date):
        return self.both(lambda: self.rules.plan_session(project, start_date, end_date),
                         self.post(f"projects/{project.id}/sessions", {
                             "title": "Negotiation", "start_date": start_date, "end_date": end_date}))

    def reschedule(self, session, start_date, end_date):
        return self.both(lambda: self.rules.reschedule(session, start_date, end_date),
                         self.patch(f"sessions/{session.id}", {"start_date": start_date, "end_date": end_date}))

    def add_training(self, session, cents, vat_rate_bp=2000, date=None):
        date = date or session.start_date
        return self.both(lambda: self.rules.add_training(session, cents, vat_rate_bp, date),
                         self.post(f"sessions/{session.id}/trainings", {
                             "title": "Negotiating with suppliers", "provider": "Formatys", "cost_cents": cents,
                             "vat_rate_bp": vat_rate_bp, "date": date}))

    def change_training(self, training, cents=None, session=None, date=None):
        body = {"cost_cents": cents, "session_id": session and session.id, "date": date}
        return self.both(lambda: self.rules.change_training(training, cents, session, date),
                         self.patch(f"trainings/{training.id}",
                                    {name: value for name, value in body.items() if value is not None}))

    def remove_training(self, training):
        return self.both(lambda: self.rules.remove_training(training),
                         lambda: self.caller.delete(f"/v1/trainings/{training.id}"))

    def complete(self, session):
        return self.both(lambda: self.rules.complete(session), self.post(f"sessions/{session.id}/complete"))

    def reopen(self, session):
        return self.both(lambda: self.rules.reopen(session), self.post(f"sessions/{session.id}/reopen"))

    def cancel(self, session):
        return self.both(lambda: self.rules.cancel(session), self.post(f"sessions/{session.id}/cancel"))

    def delete_session(self, session):
        return self.both(lambda: self.rules.delete_session(session),
                         lambda: self.caller.delete(f"/v1/sessions/{session.id}"))

    # ── funding calls ───────────────────────────────────────────────────────────────────────────

    def write_call(self, project, cents):
        return self.both(lambda: self.rules.write_call(project, cents),
                         self.post(f"projects/{project.id}/funding-calls", {"requested_cents": cents}))

    def change_call(self, call, cents):
        return self.both(lambda: self.rules.change_call(call, cents),
                         self.patch(f"funding-calls/{self.named(call)}", {"requested_cents": cents}))

    def send(self, call):
        return self.both(lambda: self.rules.send(call), self.post(f"funding-calls/{self.named(call)}/send"))

    def remind(self, call):
        return self.both(lambda: self.rules.remind(call), self.post(f"funding-calls/{self.named(call)}/remind"))

    def cancel_call(self, call):
        return self.both(lambda: self.rules.cancel_call(call), self.post(f"funding-calls/{self.named(call)}/cancel"))

    def decide(self, call, decision, granted=None, source=None):
        """On the client's behalf."""
        body = {"decision": decision, "granted_cents": granted, "source": source, "reason": "By telephone"}
        return self.both(lambda: self.rules.decide(call, decision, granted, source or "new_funds"),
                         self.post(f"funding-calls/{self.named(call)}/decision",
                                   {name: value for name, value in body.items() if value is not None}))

    def pay_call(self, call, cents, reference):
        return self.both(lambda: self.rules.pay_call(call, cents, reference),
                         self.post(f"funding-calls/{self.named(call)}/payments",
                                   {"amount_cents": cents, "reference": reference}))

    # ── invoices ────────────────────────────────────────────────────────────────────────────────

    def bill_by_hand(self, project):
        return self.both(lambda: self.rules.billing.bill_by_hand(project), self.post(f"projects/{project.id}/invoices"))

    def credit_invoice(self, invoice, lines=None):
        places = [invoice.lines.index(line) for line in lines or []]
        shown = self.caller.read(f"/v1/invoices/{self.named(invoice)}")["lines"]
        body = {"reason": "Erreur de tarif"} | ({"line_ids": [shown[place]["id"] for place in places]} if lines else {})
        return self.both(lambda: self.rules.billing.credit(invoice, lines),
                         self.post(f"invoices/{self.named(invoice)}/credit", body))

    def pay(self, invoice, cents, reference, advance=False):
        body = {"amount_cents": cents, "reference": reference} | ({"advance": True} if advance else {})
        return self.both(lambda: self.rules.billing.pay(invoice, cents, reference, advance),
                         self.post(f"invoices/{self.named(invoice)}/payments", body))

    # ── what came of it ─────────────────────────────────────────────────────────────────────────

    def compare(self, client):
        """Everything of a client is as the rules say; objects that the program made by itself get their names."""
        assert self.members(f"clients/{client.id}/envelope", self.rules.ledger.envelope(client))
        assert self.members(f"clients/{client.id}/advance", {"advance_cents": client.advance_cents})
        for project in client.projects:
            if project.status != "deleted":
                self.compare_project(project)
        self.check_books(client)

    def check_books(self, client):
        """Every ledger transaction and the client sum to zero; numbers run from 1 in the order of dates."""
        assert self.stack.query("select transaction_id, sum(amount_cents) from budgeting.ledger_entry "
                                "where client_id = %s group by rollup (transaction_id) having sum(amount_cents) <> 0",
                                client.id) == []
        issued = sum(len(project.invoices) for project in client.projects)
        if issued != self.numbered:
            self.numbered = issued
            for kind in ("invoice", "credit_note"):
                check_series(self.stack, kind)

    def members(self, path, expected):
        """Whether an object has these members; members that the rules leave out are absent."""
        shown = self.caller.read(f"/v1/{path}")
        found = {name: shown.get(name) for name in expected}
        assert found == expected, path
        return True

    def listed(self, path, resource, **query):
        """All objects of a list, oldest first."""
        pages, token = [], None
        while True:
            page = self.caller.read(f"/v1/{path}", page_size=200, **query, **({"page_token": token} if token else {}))
            pages += page[resource]
            token = page.get("next_page_token")
            if token is None:
                return pages[::-1]

    def compare_project(self, project):
        path = f"projects/{project.id}"
        assert self.members(path, {"status": project.status})
        assert self.members(f"{path}/budget", {"consumed_bp": None} | self.rules.figures(project))
        self.compare_sessions(project)
        self.compare_calls(project)
        self.compare_invoices(project)
        self.compare_told(project)

    def compare_sessions(self, project):
        shown = {session["id"]: (session["status"], session["total_cost_cents"], session["total_vat_cents"])
                 for session in self.listed(f"projects/{project.id}/sessions", "sessions")}
        assert shown == {session.id: (session.status, self.rules.cost(session), self.rules.vat(session))
                         for session in project.sessions}

    def compare_calls(self, project):
        shown = self.name(project.calls, f"projects/{project.id}/funding-calls", "funding_calls")
        assert [(one["id"], one["reason"], one["status"], one["requested_cents"], one.get("granted_cents"),
                 one.get("paid_cents", 0)) for one in shown] == \
            [(call.id, call.reason, call.status, call.requested_cents, call.granted_cents, call.paid_cents)
             for call in project.calls]

    def compare_invoices(self, project):
        def mailed():
            shown = self.name(project.invoices, f"projects/{project.id}/invoices", "invoices")
            sent = all(one["status"] != "issued" for one in shown)
            return sent and all_sent(self.stack, "project_id", project.id) and [shown]

        for invoice, one in zip(project.invoices, wait_until(mailed)[0]):
            assert self.document(one) == self.expected(invoice)

    @staticmethod
    def document(one):
        lines = [(line["net_cents"], line["vat_rate_bp"], line.get("session_id"), sorted(line.get("training_ids", [])))
                 for line in one["lines"]]
        return {"kind": one["kind"], "status": one["status"], "trigger": one.get("trigger"), "lines": lines,
                "net": one["net_cents"], "vat": one["vat_cents"], "gross": one["gross_cents"],
                "paid": one.get("paid_cents", 0), "issued": one["issue_date"], "due": one.get("due_date"),
                "credits": one.get("credits")}

    @staticmethod
    def expected(invoice):
        lines = [(line.net_cents, line.vat_rate_bp, line.session and line.session.id,
                  sorted(training.id for training in line.trainings)) for line in invoice.lines]
        return {"kind": invoice.kind, "status": invoice.status, "trigger": invoice.trigger, "lines": lines,
                "net": invoice.net_cents, "vat": invoice.vat_cents, "gross": invoice.gross_cents,
                "paid": invoice.paid_cents, "issued": invoice.issue_date, "due": invoice.due_date,
                "credits": invoice.credits and invoice.credits.id}

    def compare_told(self, project):
        """Mails by audience and kind, alerts by kind."""
        mailed = Counter((message["audience"], message["kind"])
                         for message in self.listed("messages", "messages", project_id=project.id)
                         if message["kind"] not in GATHERED)
        due = Counter(mail for mail in project.mails if project.has_list or mail[0] != "mailing_list")
        assert mailed == due
        alerts = Counter(kind for (kind,) in self.stack.query(
            "select kind from notifications.alert where project_id = %s", project.id))
        assert alerts == Counter(project.alerts)
