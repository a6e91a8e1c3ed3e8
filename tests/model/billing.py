# SPDX-License-Identifier: Apache-2.0
"""Triggers, bases, invoices, credit notes and payments (INV)."""
from datetime import date, timedelta

from model.money import share, vat_by_rate
from model.objects import Invoice, Line, Refused

SERIES = {"invoice": "FA", "credit_note": "AV"}


class Billing:
    """What is billed, in two gapless series (INV-3)."""

    def __init__(self, platform, vat_rates):
        self.platform = platform
        self.vat_rates = sorted(vat_rates)  # (valid from, rate)
        self.counts = {}
        self.last_dates = {}  # by kind: of what others issued before
        self.basis_lines = {"consumed_value": self.consumed_value, "unconsumed_funds": self.unconsumed_funds,
                            "fixed_fee": self.fixed_fee}

    # ── triggers (INV-1, INV-2, INV-5) ──────────────────────────────────────────────────────────

    def fire(self, project, trigger, occurrence, day, session=None):
        """Each occurrence once, if the plan has the trigger."""
        if trigger not in project.plan.triggers or (trigger, occurrence) in project.fired:
            return
        project.fired.add((trigger, occurrence))
        lines = self.lines(project, trigger, day, session)
        if lines:
            self.issue(project, trigger, lines)
        else:
            project.nothing_billed += 1

    def lines(self, project, trigger, day, session=None):
        return self.basis_lines[project.plan.basis](project, trigger, day, session)

    def bill_by_hand(self, project):
        """An operator asks for what is completed and unbilled."""
        lines = self.lines(project, "manual", self.platform.today)
        if not lines:
            raise Refused("nothing_to_bill")
        return self.issue(project, "manual", lines)

    def reach_dates(self, project):
        """Milestones of days that have come."""
        for milestone in sorted(project.plan.milestones, key=str):
            if milestone.get("date", "9999") <= self.platform.today:
                self.fire(project, "milestones", milestone["date"], milestone["date"])

    def reach_shares(self, project):
        """Milestones of consumption that are reached; a budget of 0 has no share (BUD-15)."""
        consumed_bp = self.platform.figures(project).get("consumed_bp", -1)
        for milestone in sorted(project.plan.milestones, key=lambda milestone: milestone.get("consumed_bp", 0)):
            if milestone.get("consumed_bp", consumed_bp + 1) <= consumed_bp:
                self.fire(project, "milestones", milestone["consumed_bp"], self.platform.today)

    # ── bases: what a trigger bills ─────────────────────────────────────────────────────────────

    def consumed_value(self, project, trigger, day, session):
        """One line for each completed session with unbilled trainings, rounded by session (MON-3)."""
        lines = []
        for billed in sorted([session] if session else project.sessions, key=lambda one: one.end_date):
            unbilled = tuple(training for training in billed.trainings if training.line is None)
            net = share(sum(training.cost_cents for training in unbilled), project.plan.rate_bp)
            if billed.status == "completed" and net > 0:
                tax_point = day if trigger == "project_closed" else billed.end_date
                lines.append(Line(net, self.vat_rate(tax_point), billed, unbilled))
        return lines

    def unconsumed_funds(self, project, trigger, day, session):
        """What remains at the closing, or remained at one that was taken back."""
        remaining = 0
        if trigger == "project_closed":
            remaining = self.platform.figures(project)["remaining_cents"]
        elif self.closing_was_credited(project):
            remaining = project.remaining_at_closing
        net = share(max(remaining, 0), project.plan.rate_bp)
        return [Line(net, self.vat_rate(day))] if net > 0 else []

    def fixed_fee(self, project, trigger, day, session):
        """The fee; not for a session without anything to bill (SES-4), nor by hand for what the closing has ended."""
        if session is None:
            over = trigger == "manual" and project.status != "open" and not self.closing_was_credited(project)
            return [] if over else [Line(project.plan.fixed_fee_cents, self.vat_rate(day))]
        unbilled = tuple(training for training in session.trainings if training.line is None)
        return [Line(project.plan.fixed_fee_cents, self.vat_rate(session.end_date), session, unbilled)] \
            if unbilled else []

    @staticmethod
    def closing_was_credited(project):
        """Whether the closing was billed, and that and what was billed by hand since are all taken back."""
        triggers = [invoice.trigger for invoice in project.invoices]
        since = project.invoices[triggers.index("project_closed"):] if "project_closed" in triggers else []
        return bool(since) and all(invoice.status == "credited" for invoice in since if invoice.kind == "invoice")

    def vat_rate(self, day):
        """INV-6: the rate of the tax point."""
        return [rate for valid_from, rate in self.vat_rates if valid_from <= day][-1]

    # ── documents (INV-3, INV-8) ────────────────────────────────────────────────────────────────

    def issue(self, project, trigger, lines):
        day = self.issue_date("invoice")
        due = date.fromisoformat(day) + timedelta(days=project.client.payment_terms_days)
        invoice = Invoice(project, self.number("invoice"), day, lines, vat_by_rate(lines),
                          trigger=trigger, due_date=due.isoformat())
        for line in lines:
            for training in line.trainings:
                training.line = line
        return self.publish(invoice)

    def issue_date(self, kind):
        """Today, or the last of the series if that is later."""
        return max(self.platform.today, self.last_dates.get(kind, ""))

    def number(self, kind):
        series = SERIES[kind], self.issue_date(kind)[:4]
        self.counts[series] = self.counts.get(series, 0) + 1
        return f"{series[0]}-{series[1]}-{self.counts[series]:06d}"

    def publish(self, document):
        project = document.project
        project.invoices.append(document)
        project.mails += [("billing_contact", document.kind), ("mailing_list", document.kind)]
        return document

    def credit(self, invoice, lines=None):
        """Takes lines back, all that are left unless said; what was paid beyond the rest is the client's advance."""
        self.require_live(invoice)
        if lines and any(line.credited for line in lines):
            raise Refused("already_credited")
        lines = lines or [line for line in invoice.lines if not line.credited]
        note = Invoice(invoice.project, self.number("credit_note"), self.issue_date("credit_note"), lines,
                       self.credited_vat(invoice, lines), kind="credit_note", credits=invoice)
        invoice.notes.append(note)
        for line in lines:
            line.credited = True
            for training in line.trainings:
                training.line = None
        surplus = -min(invoice.open_cents, 0)
        invoice.paid_cents -= surplus
        self.advance(invoice, surplus)
        return self.publish(note)

    @staticmethod
    def credited_vat(invoice, lines):
        """VAT at the original's rate; the last note of a rate takes what is left, and none more than that."""
        groups = vat_by_rate(lines)
        for rate, (net, vat) in groups.items():
            whole_net, whole_vat = invoice.vat_groups[rate]
            left_net = whole_net - sum(note.vat_groups.get(rate, (0, 0))[0] for note in invoice.notes)
            left_vat = whole_vat - sum(note.vat_groups.get(rate, (0, 0))[1] for note in invoice.notes)
            groups[rate] = (net, left_vat if net == left_net else min(vat, left_vat))
        return groups

    def reopen(self, session):
        """SES-5: what the session was billed by is taken back."""
        for invoice in [invoice for invoice in session.project.invoices if invoice.kind == "invoice"]:
            lines = [line for line in invoice.lines if line.session is session and not line.credited]
            if lines:
                self.credit(invoice, lines)

    @staticmethod
    def require_live(invoice):
        """Neither a credit note nor taken back as a whole."""
        if invoice.kind != "invoice":
            raise Refused("wrong_kind")
        if invoice.status == "credited":
            raise Refused("wrong_state")

    # ── payments (INV-7) ────────────────────────────────────────────────────────────────────────

    def pay(self, invoice, cents, reference, advance=False):
        """A negative amount reverses; a reference that was used with the same amount is the same payment."""
        if reference in invoice.payments:
            if invoice.payments[reference] != cents:
                raise Refused("reference_used")
            return
        if cents > 0 or invoice.kind != "invoice":
            self.require_live(invoice)
        if cents > invoice.open_cents and not advance:
            raise Refused("overpayment")
        returned = min(-cents, invoice.advance_cents) if cents < 0 and advance else 0
        if -cents - returned > invoice.paid_cents:
            raise Refused("never_paid")
        taken = min(cents + returned, invoice.open_cents)
        invoice.payments[reference] = cents
        invoice.paid_cents += taken
        self.advance(invoice, cents - taken)

    @staticmethod
    def advance(invoice, cents):
        """What of an invoice's payments is its client's advance."""
        invoice.advance_cents += cents
        invoice.project.client.advance_cents += cents
