# SPDX-License-Identifier: Apache-2.0
"""Clients, projects, sessions and funding calls (BUD, SES, FUN). An operation and all that follows from it is one
step; an operation against the rules is Refused and changes nothing."""
from model.billing import Billing
from model.ledger import Ledger
from model.money import share, vat_by_rate
from model.objects import Client, Credit, FundingCall, Project, Refused, Session, Training

STATES = ("ok", "alert", "overrun")


def require(condition, code):
    if not condition:
        raise Refused(code)


class Platform:
    def __init__(self, today, vat_rates):
        self.today = today
        self.ledger = Ledger()
        self.billing = Billing(self, vat_rates)

    def figures(self, project, at=None):
        return self.ledger.figures(project, at)

    def available(self, client):
        return self.ledger.balance(client, "envelope")

    # ── envelopes (BUD-1) ───────────────────────────────────────────────────────────────────────

    def open_client(self, plan, payment_terms_days=30):
        return Client(plan, payment_terms_days)

    def credit(self, client, cents, date=None):
        credit = Credit(client, cents)
        client.credits.append(credit)
        self.ledger.post("envelope_credited", client, None, date or self.today,
                         ("external", -cents), ("envelope", cents))
        return credit

    def reverse(self, credit):
        require(not credit.reversed, "already_reversed")
        require(self.available(credit.client) >= credit.amount_cents, "insufficient_funds")
        credit.reversed = True
        reversal = Credit(credit.client, credit.amount_cents, reverses=credit)
        credit.client.credits.append(reversal)
        self.ledger.post("credit_reversed", credit.client, None, self.today,
                         ("external", credit.amount_cents), ("envelope", -credit.amount_cents))
        return reversal

    # ── projects (BUD-2, BUD-3, BUD-14, BUD-17, BUD-18) ─────────────────────────────────────────

    def open_project(self, client, cents, threshold, auto_funding_call=True, refill_bp=2000):
        require(cents <= self.available(client), "insufficient_funds")
        project = Project(client, cents, threshold, auto_funding_call, refill_bp, client.plan)
        client.projects.append(project)
        self.post(project, "project_opened", ("envelope", -cents), ("budget", cents))
        return project

    def plan_billing(self, project, plan):
        require(project.status == "open", "wrong_state")
        require(not project.invoices, "already_billed")
        project.plan = plan
        self.billing.reach_dates(project)
        self.billing.reach_shares(project)

    def allocate(self, project, cents):
        """From the envelope, or back to it; alerts, but asks for nothing."""
        require(project.status == "open", "wrong_state")
        require(cents <= self.available(project.client), "insufficient_funds")
        require(cents > 0 or -cents <= self.figures(project)["remaining_cents"], "insufficient_funds")
        self.move(project, "project_allocated" if cents > 0 else "project_taken_back",
                  ("envelope", -cents), ("budget", cents), asks=False)

    def set_threshold(self, project, threshold):
        require(project.status == "open", "wrong_state")
        before = self.figures(project)["state"]
        project.threshold = threshold
        self.cross(project, before, asks=False)

    def close(self, project):
        """What remains returns to the envelope; what is completed or left is billed."""
        require(project.status == "open", "wrong_state")
        require(all(session.status != "planned" for session in project.sessions), "sessions_planned")
        project.status = "closed"
        for call in self.undecided(project):
            call.status = "cancelled"
        self.billing.reach_dates(project)
        self.billing.fire(project, "project_closed", "closing", self.today)
        remaining = project.remaining_at_closing = self.figures(project)["remaining_cents"]
        if remaining > 0:
            self.post(project, "project_closed", ("budget", -remaining), ("envelope", remaining))

    def delete(self, project):
        require(project.status == "open", "wrong_state")
        require(not project.ever_used and not project.invoices, "project_in_use")
        project.status = "deleted"
        remaining = self.figures(project)["remaining_cents"]
        self.post(project, "project_deleted", ("budget", -remaining), ("envelope", remaining))

    # ── the ledger and what a posting sets off (BUD-13) ─────────────────────────────────────────

    def post(self, project, kind, *entries):
        return self.ledger.post(kind, project.client, project, self.today, *entries)

    def move(self, project, kind, *entries, asks=True):
        """Posts, tells a crossing, and looks at the milestones of consumption."""
        before = self.figures(project)["state"]
        if self.post(project, kind, *entries):
            self.cross(project, before, asks)
            self.billing.reach_shares(project)

    def cross(self, project, before, asks):
        """Entering from a lower state is told once; overrun to alert raises nothing."""
        figures = self.figures(project)
        state = figures["state"]
        if state == "ok" or STATES.index(state) <= STATES.index(before):
            return
        kind = "budget_threshold" if state == "alert" else "budget_overrun"
        project.alerts.append(kind)
        project.mails.append(("mailing_list", kind))
        if state == "overrun":
            self.ask(project, "overrun", -figures["remaining_cents"])
        elif asks:
            self.ask(project, "threshold", 0)

    # ── sessions (SES, BUD-4 to BUD-6) ──────────────────────────────────────────────────────────

    def plan_session(self, project, start_date, end_date):
        require(project.status == "open", "wrong_state")
        session = Session(project, start_date, end_date)
        project.sessions.append(session)
        project.ever_used = True
        project.mails.append(("mailing_list", "session_planned"))
        return session

    def reschedule(self, session, start_date, end_date):
        self.require_planned(session)
        require(all(start_date <= training.date <= end_date for training in session.trainings), "trainings_left_out")
        session.start_date, session.end_date = start_date, end_date

    def add_training(self, session, cents, vat_rate_bp, date):
        self.require_planned(session)
        training = Training(session, cents, vat_rate_bp, date)
        session.trainings.append(training)
        self.move(session.project, "training_added", ("budget", -cents), ("planned", cents))
        return training

    def change_training(self, training, cents=None, session=None, date=None):
        """Its cost, or the planned session of the same project that it is in."""
        self.require_planned(training.session)
        if session is not None:
            self.require_planned(session)
            training.session.trainings.remove(training)
            session.trainings.append(training)
            training.session = session
        training.date = date or training.date
        more = 0 if cents is None else cents - training.cost_cents
        training.cost_cents += more
        self.move(training.session.project, "training_changed", ("budget", -more), ("planned", more))

    def remove_training(self, training):
        self.require_planned(training.session)
        training.session.trainings.remove(training)
        self.move(training.session.project, "training_removed",
                  ("budget", training.cost_cents), ("planned", -training.cost_cents))

    def complete(self, session):
        self.require_planned(session)
        session.status = "completed"
        session.completions += 1
        session.project.mails.append(("mailing_list", "session_completed"))
        cost = self.cost(session)
        self.move(session.project, "session_completed", ("planned", -cost), ("completed", cost))
        self.billing.fire(session.project, "session_completed", (session, session.completions), session.end_date,
                          session)

    def reopen(self, session):
        require(session.status == "completed", "wrong_state")
        require(session.project.status == "open", "project_sealed")
        session.status = "planned"
        cost = self.cost(session)
        self.move(session.project, "session_reopened", ("planned", cost), ("completed", -cost))
        self.billing.reopen(session)

    def cancel(self, session):
        self.require_planned(session)
        session.status = "cancelled"
        session.project.mails.append(("mailing_list", "session_cancelled"))
        cost = self.cost(session)
        self.move(session.project, "session_cancelled", ("budget", cost), ("planned", -cost))

    def delete_session(self, session):
        self.require_planned(session)
        require(not session.trainings, "session_has_trainings")
        session.project.sessions.remove(session)

    @staticmethod
    def require_planned(session):
        require(session.status == "planned", "wrong_state")

    @staticmethod
    def cost(session):
        return sum(training.cost_cents for training in session.trainings)

    @staticmethod
    def vat(session):
        return sum(vat for _, vat in vat_by_rate(session.trainings).values())

    # ── funding calls (FUN, BUD-7 to BUD-9, BUD-14) ─────────────────────────────────────────────

    @staticmethod
    def undecided(project):
        return [call for call in project.calls if call.status in ("draft", "sent")]

    def ask(self, project, reason, overrun):
        """A call of the project's own, if it may open one."""
        late = any(call.reason == "threshold" and call.recent for call in project.calls)
        if not project.auto_funding_call or project.status != "open" or self.undecided(project) or \
                (reason == "threshold" and late):
            return
        requested = max(share(project.initial_cents, project.refill_bp), overrun) if project.refill_bp else 0
        if requested == 0:
            project.alerts.append("funding_call_not_opened")
        else:
            self.send(self.write_call(project, requested, reason))

    def write_call(self, project, cents, reason="manual"):
        require(project.status == "open", "wrong_state")
        call = FundingCall(project, reason, cents)
        project.calls.append(call)
        project.ever_used = True
        return call

    def change_call(self, call, cents):
        require(call.status == "draft", "wrong_state")
        call.requested_cents = cents

    def send(self, call):
        require(call.status == "draft", "wrong_state")
        call.status = "sent"
        self.mail_call(call, "funding_call")

    def remind(self, call):
        require(call.status == "sent", "wrong_state")
        self.mail_call(call, "funding_call_reminder")

    def cancel_call(self, call):
        require(call.status in ("draft", "sent"), "wrong_state")
        call.status = "cancelled"

    def decide(self, call, decision, granted=None, source="new_funds"):
        """The same decision again is the same answer, another one is refused."""
        if call.decision:
            require((decision, decision == "adjust" and granted, decision != "decline" and source) ==
                    (call.decision, call.decision == "adjust" and call.granted_cents, call.source or False),
                    "already_decided")
            return
        require(call.status == "sent", "wrong_state")
        if decision != "decline":
            self.grant(call, call.requested_cents if granted is None else granted, source)
        call.status = "declined" if decision == "decline" else "accepted"
        call.decision = decision
        self.mail_call(call, "funding_call_decision")
        call.project.alerts.append("funding_call_decision")
        self.look_after(call)

    def grant(self, call, cents, source):
        from_envelope = source == "envelope"
        require(not from_envelope or cents <= self.available(call.project.client), "insufficient_funds")
        call.granted_cents, call.source = cents, source
        new = () if from_envelope else (("receivable", -cents), ("envelope", cents))
        self.move(call.project, "funding_call_accepted", *new, ("envelope", -cents), ("budget", cents))

    def expire(self, call):
        require(call.status == "sent", "wrong_state")
        call.status = "expired"
        self.mail_call(call, "funding_call_expired")
        call.project.alerts.append("funding_call_expired")
        self.look_after(call)

    def look_after(self, call):
        """A decision that leaves the project short is told; one more call if more is lacking than was asked."""
        project, figures = call.project, self.figures(call.project)
        if project.status != "open" or figures["state"] == "ok":
            return
        project.alerts.append("budget_short")
        overrun = -figures["remaining_cents"]
        if overrun > 0 and overrun + (call.granted_cents or 0) > call.requested_cents:
            self.ask(project, "overrun", overrun)

    def pay_call(self, call, cents, reference):
        """New funds that were granted come in; negative: go back (BUD-9)."""
        if reference in call.payments:
            require(call.payments[reference] == cents, "reference_used")
            return
        require(call.status == "accepted" and call.source == "new_funds", "wrong_state")
        require(call.paid_cents + cents <= call.granted_cents, "overpayment")
        require(call.paid_cents + cents >= 0, "never_paid")
        call.payments[reference] = cents
        self.ledger.post("funding_call_paid", call.project.client, None, self.today,
                         ("external", -cents), ("receivable", cents))

    # ── races: what comes when somebody has not heard yet ───────────────────────────────────────

    def refuse_seal(self, project):
        """Closing had begun when a session was planned: the project is open again, its calls are gone (BUD-17)."""
        for call in self.undecided(project):
            call.status = "cancelled"
        project.alerts.append("project_reopened")

    def lack_funds(self, call):
        """Granted from the envelope, which was emptied before the grant arrived: the call waits again (BUD-8)."""
        self.mail_call(call, "funding_call_decision")
        self.mail_call(call, "funding_call_reopened")
        call.project.alerts += ["funding_call_decision", "funding_call_unfunded"]

    def accept_too_late(self, call):
        """Granted when its project was closed: the envelope has the money (BUD-17)."""
        call.status, call.decision, call.source = "accepted", "accept", "new_funds"
        call.granted_cents = call.requested_cents
        self.post(call.project, "funding_call_accepted", ("receivable", -call.granted_cents),
                  ("envelope", call.granted_cents))
        self.mail_call(call, "funding_call_decision")
        call.project.alerts += ["funding_call_decision", "funds_kept"]

    @staticmethod
    def mail_call(call, kind):
        call.project.mails += [("billing_contact", kind), ("mailing_list", kind)]
