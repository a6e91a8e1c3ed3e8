# SPDX-License-Identifier: Apache-2.0
"""Two years of four clients, with every basis and trigger, each kind of call, the races of closing and funding. What
must come of it is computed by the model of the rules, from the first cent to the last number."""
from datetime import date, timedelta

import pytest
from client import Client, mail_text, wait_until
from cluster import DATABASE, SUPERUSER
from funding_calls import age
from identifiers import new_email
from mirror import Mirror, today
from model.objects import Plan
from referee import books, documents, postings, told
from referee.evidence import Evidence

YEAR = int(today()[:4])
# A new VAT rate at the beginning of this year; what ended before has the old one (INV-6).
VAT_RATES = [("2014-01-01", 2000), (f"{YEAR}-01-01", 2100)]
THRESHOLD = {"percent_bp": 8000}


def day(offset):
    """A day so many days from today."""
    return (date.fromisoformat(today()) + timedelta(days=offset)).isoformat()


LAST_YEAR = f"{YEAR - 1}-06-10", f"{YEAR - 1}-06-14"
LATE_LAST_YEAR = f"{YEAR - 1}-12-27", f"{YEAR - 1}-12-31"
NEW_YEAR = f"{YEAR - 1}-12-29", f"{YEAR}-01-04"
NEXT_YEAR = f"{YEAR + 1}-03-02", f"{YEAR + 1}-03-06"


class Story:
    """The company's two years, told client by client."""

    def __init__(self, stack, admin):
        self.stack = stack
        self.mirror = Mirror(stack, admin, VAT_RATES)
        self.clients = []

    def client(self, plan, **changes):
        client = self.mirror.open_client(plan, **changes)
        self.clients.append(client)
        return client

    def project(self, client, cents, **changes):
        self.list = new_email("list")
        project = self.mirror.open_project(client, cents, changes.pop("threshold", THRESHOLD),
                                           mailing_list=[{"email": self.list}], **changes)
        project.has_list = True
        return project

    def session(self, project, days, *costs, vat_rate_bp=2000):
        session = self.mirror.plan_session(project, *days)
        for cents in costs:
            self.mirror.add_training(session, cents, vat_rate_bp)
        return session

    def completed(self, project, days, *costs):
        session = self.session(project, days, *costs)
        self.mirror.complete(session)
        return session

    def check(self, client):
        self.mirror.compare(client)

    # ── consumed value, by session and at the closing; credits, payments, reopening, every kind of call ──────────

    def by_session(self):
        mirror, rules = self.mirror, self.mirror.rules
        client = self.client(Plan("consumed_value", ("session_completed", "project_closed"), rate_bp=555), locale="fr")
        mirror.credit(client, 10_000_000, date=f"{YEAR - 1}-01-15")
        twice = mirror.credit(client, 2_000_000, date=LAST_YEAR[0])
        mirror.reverse(twice)
        mirror.reverse(twice)
        project = self.project(client, 1_000_000)
        mirror.reverse(client.credits[0])
        first = self.session(project, LAST_YEAR, 300_001, 450_000)
        mirror.add_training(first, 33, vat_rate_bp=550)
        mirror.complete(first)
        self.completed(project, NEW_YEAR)
        self.check(client)
        self.pay_and_reopen(client, project, first)
        self.overrun(client, project)
        self.completed(project, NEXT_YEAR, rules.figures(project)["remaining_cents"] + 5_000)
        rest = self.session(project, NEXT_YEAR, 12_345)
        mirror.close(project)
        mirror.cancel(rest)
        mirror.close(project)
        self.check(client)
        assert rules.figures(project)["remaining_cents"] < 0
        return client

    def pay_and_reopen(self, client, project, session):
        """INV-7, SES-5: part payments and a reversal; what was paid of a reopened session is an advance."""
        mirror = self.mirror
        bill = project.invoices[0]
        mirror.pay(bill, 10_000, "VIR-1")
        mirror.pay(bill, 10_000, "VIR-1")
        mirror.pay(bill, 10_001, "VIR-1")
        mirror.pay(bill, bill.gross_cents, "VIR-2")
        mirror.pay(bill, bill.gross_cents, "VIR-2", advance=True)
        mirror.pay(bill, -500, "VIR-3")
        self.check(client)
        mirror.reopen(session)
        self.check(client)
        mirror.pay(bill, 1, "VIR-4")
        mirror.pay(bill, -1_000, "VIR-6")
        mirror.pay(bill, -1_000, "VIR-6", advance=True)
        assert bill.status == "credited" and bill.advance_cents > 0
        mirror.change_training(session.trainings[0], cents=310_000)
        mirror.complete(session)
        mirror.pay(project.invoices[-1], project.invoices[-1].gross_cents, "VIR-5")
        self.check(client)

    def overrun(self, client, project):
        """BUD-12 to BUD-14, FUN: alert, overrun, and each way in which a call can end."""
        mirror = self.mirror
        session = self.session(project, NEW_YEAR, 100_000)
        threshold = project.calls[-1]
        mirror.decide(threshold, "adjust", 150_000)
        mirror.decide(threshold, "adjust", 150_000)
        mirror.decide(threshold, "decline")
        mirror.pay_call(threshold, 100_000, "F-1")
        mirror.pay_call(threshold, 50_001, "F-2")
        mirror.pay_call(threshold, 50_000, "F-2")
        mirror.pay_call(threshold, -50_000, "F-3")
        self.check(client)
        mirror.set_threshold(project, {"amount_cents": 1})
        mirror.set_threshold(project, THRESHOLD)
        self.cross_again(project, session, threshold)
        large = mirror.add_training(session, 600_000)
        mirror.decide(project.calls[-1], "decline")
        mirror.change_training(large, cents=700_000)
        self.check(client)
        written = mirror.write_call(project, 5_000)
        mirror.change_call(written, 6_000)
        mirror.send(written)
        self.remind_by_time(written)
        mirror.remind(written)
        self.expire_by_time(written)
        self.check(client)
        taken = project.calls[-1]
        mirror.decide(taken, "adjust", 9_999_999_99, source="envelope")
        mirror.decide(taken, "accept", source="envelope")
        mirror.allocate(project, 25_000)
        mirror.allocate(project, -10_000)
        mirror.allocate(project, -9_999_999)
        other = self.session(project, LATE_LAST_YEAR)
        mirror.change_training(large, session=other, date=LATE_LAST_YEAR[0])
        mirror.reschedule(other, LATE_LAST_YEAR[1], LATE_LAST_YEAR[1])
        mirror.complete(other)
        mirror.complete(session)
        empty = self.session(project, NEXT_YEAR)
        mirror.delete_session(other)
        mirror.delete_session(empty)
        cancelled = self.session(project, NEXT_YEAR, 2_000_000)
        mirror.cancel(cancelled)
        mirror.cancel_call(project.calls[-1])
        self.check(client)

    def cross_again(self, project, session, asked):
        """BUD-14: the threshold asks once in 24 hours; each crossing is told. Exactly at it is reached."""
        figures = self.mirror.rules.figures(project)
        missing = figures["threshold_cents"] - figures["consumed_cents"]
        crossing = self.mirror.add_training(session, missing)
        self.check(project.client)
        self.mirror.change_training(crossing, cents=missing - 1)
        age(self.stack, {"id": asked.id}, created_at=1)
        asked.recent = False
        self.mirror.change_training(crossing, cents=missing)
        self.mirror.decide(project.calls[-1], "decline")
        self.mirror.remove_training(crossing)

    def remind_by_time(self, call):
        """FUN-5: a week passes."""
        age(self.stack, {"id": call.id}, sent_at=7)
        wait_until(lambda: self.stack.query("select 1 from funding.funding_call where id = %s and reminders > 0", call.id))
        self.mirror.rules.remind(call)
        self.mirror.settle()

    def expire_by_time(self, call):
        """FUN-5: a month passes."""
        age(self.stack, {"id": call.id}, expires_at=40)
        wait_until(lambda: self.stack.query(
            "select 1 from funding.funding_call where id = %s and status = 'expired'", call.id))
        self.mirror.rules.expire(call)
        self.mirror.settle()

    # ── consumed value, by milestones of both kinds; credit notes of lines ───────────────────────────────────────

    def by_milestones(self):
        mirror, rules = self.mirror, self.mirror.rules
        dates = {"date": day(40)}, {"date": day(400)}
        plan = Plan("consumed_value", ("milestones", "project_closed"), rate_bp=333,
                    milestones=(*dates, {"consumed_bp": 2500}, {"consumed_bp": 9000}))
        client = self.client(plan, payment_terms_days=45, locale="en")
        mirror.credit(client, 4_000_000, date=f"{YEAR - 1}-02-01")
        project = self.project(client, 2_000_000, auto_funding_call=False)
        first = self.completed(project, LAST_YEAR, 123_457)
        second = self.completed(project, NEW_YEAR, 76_543)
        self.completed(project, NEW_YEAR, 300_015)
        self.completed(project, NEXT_YEAR, 1_500_000)
        self.check(client)
        assert [invoice.trigger for invoice in project.invoices] == ["milestones", "milestones"]
        bill = project.invoices[0]
        mirror.credit_invoice(bill, [bill.lines[0]])
        mirror.credit_invoice(bill, [bill.lines[0]])
        self.reach_by_time(project, dates[0], LATE_LAST_YEAR[1])
        self.check(client)
        mirror.pay(bill, bill.open_cents, "WIRE-1")
        mirror.credit_invoice(bill)
        mirror.credit_invoice(bill)
        mirror.bill_by_hand(project)
        mirror.bill_by_hand(project)
        mirror.reopen(second)
        mirror.remove_training(second.trainings[0])
        mirror.complete(second)
        self.check(client)
        mirror.reopen(first)
        mirror.complete(first)
        mirror.plan_billing(project, Plan("fixed_fee", ("project_closed",), fixed_fee_cents=1))
        mirror.close(project)
        self.check(client)
        assert rules.figures(project)["remaining_cents"] == 0
        assert "project_closed" in [invoice.trigger for invoice in project.invoices]
        return client

    def reach_by_time(self, project, milestone, now):
        """INV-2: the day of a milestone has come."""
        self.stack.query("update invoicing.milestone set due_on = %s where project_id = %s and occurrence = %s",
                         now, project.id, milestone["date"])
        wait_until(lambda: self.stack.query("select 1 from invoicing.fired_trigger where project_id = %s "
                                            "and occurrence = %s and status <> 'waiting'", project.id, milestone["date"]))
        self.mirror.rules.billing.fire(project, "milestones", milestone["date"], now)
        self.mirror.settle()

    # ── unconsumed funds; the races ──────────────────────────────────────────────────────────────────────────────

    def by_what_is_left(self):
        mirror = self.mirror
        client = self.client(Plan("unconsumed_funds", ("project_closed",), rate_bp=725), payment_terms_days=60,
                             locale="fr")
        mirror.credit(client, 3_000_000, date=LAST_YEAR[0])
        project = self.project(client, 1_000_000, refill_bp=0)
        unused = self.project(client, 500_000)
        mirror.delete(unused)
        self.completed(project, LAST_YEAR, 412_345)
        mirror.delete(project)
        self.completed(project, NEW_YEAR, 400_000)
        self.check(client)
        self.lose_the_money(client, project)
        self.refuse_the_seal(client, project)
        self.accept_too_late(client, project)
        bill = project.invoices[0]
        mirror.pay(bill, bill.gross_cents, "V-1")
        mirror.credit_invoice(bill)
        mirror.bill_by_hand(project)
        mirror.bill_by_hand(project)
        self.check(client)
        return client

    def lose_the_money(self, client, project):
        """BUD-8: what was granted from the envelope is gone before budgeting hears of it."""
        mirror, rules = self.mirror, self.mirror.rules
        call = mirror.write_call(project, 2_000_000)
        mirror.send(call)
        other = self.project(client, 0)
        body = {"decision": "accept", "source": "envelope", "reason": "By telephone"}
        with mirror.race("funding"):
            mirror.caller.act(f"/v1/funding-calls/{call.id}/decision", body)
            mirror.allocate(other, 1_500_000)
        rules.lack_funds(call)
        self.check(client)
        mirror.decide(call, "adjust", 100_000, source="envelope")
        mirror.close(other)
        self.check(client)

    def refuse_the_seal(self, client, project):
        """BUD-17: a session is planned before sessions hears of the closing; the other order is refused."""
        mirror, rules = self.mirror, self.mirror.rules
        mirror.send(mirror.write_call(project, 7_000))
        with mirror.race("sessions"):
            mirror.caller.act(f"/v1/projects/{project.id}/close")
            late = mirror.plan_session(project, *NEXT_YEAR)
        rules.refuse_seal(project)
        self.check(client)
        mirror.close(project)
        mirror.cancel(late)
        self.check(client)

    def accept_too_late(self, client, project):
        """BUD-17: the client grants what funding has not yet cancelled; the envelope keeps the money."""
        mirror, rules = self.mirror, self.mirror.rules
        call = mirror.write_call(project, 8_000)
        mirror.send(call)
        with mirror.race("funding"):
            mirror.caller.act(f"/v1/projects/{project.id}/close")
            wait_until(lambda: mirror.caller.read(f"/v1/projects/{project.id}")["status"] == "closed")
            mirror.caller.act(f"/v1/funding-calls/{call.id}/decision", {"decision": "accept", "reason": "By telephone"})
        rules.close(project)
        rules.accept_too_late(call)
        self.check(client)

    # ── a fixed fee on every occasion ────────────────────────────────────────────────────────────────────────────

    def by_fee(self):
        mirror = self.mirror
        milestones = {"date": day(10)}, {"consumed_bp": 1000}
        client = self.client(Plan("fixed_fee", ("session_completed", "milestones", "project_closed"),
                                  fixed_fee_cents=12_345, milestones=milestones), payment_terms_days=0, locale="en")
        mirror.credit(client, 1_000_000)
        project = self.project(client, 100_000)
        mirror.allocate(project, 900_001)
        self.completed(project, LATE_LAST_YEAR)
        self.completed(project, LATE_LAST_YEAR, 99_999)
        self.completed(project, NEXT_YEAR, 1)
        self.reach_by_time(project, milestones[0], LAST_YEAR[1])
        mirror.bill_by_hand(project)
        mirror.close(project)
        mirror.bill_by_hand(project)
        self.check(client)
        return client

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self):
        self.by_session()
        self.by_milestones()
        self.by_what_is_left()
        self.by_fee()
        return self


@pytest.fixture(scope="module")
def story(start_stack):
    """Told once, on a stack of its own: the numbers of its invoices are nobody else's."""
    stack = start_stack()
    admin = Client(stack).log_in(stack.email, stack.password)
    rates = [{"valid_from": valid_from, "rate_bp": rate_bp} for valid_from, rate_bp in VAT_RATES]
    admin.change("/v1/settings", {"commission_vat_rates": rates})
    return Story(stack, admin).tell()


def test_two_years_end_as_the_rules_say(story):
    """BUD, SES, FUN, INV: balances, states, invoices, mails and alerts of every client, to the cent."""
    for client in story.clients:
        story.check(client)


def test_two_years_fill_two_gapless_series(story):
    """INV-3: the numbers of both kinds are those of the rules, in their order."""
    shown = story.mirror.listed("invoices", "invoices")
    expected = [invoice for client in story.clients for project in client.projects for invoice in project.invoices]
    assert [one["number"] for one in shown] == [invoice.number for invoice in sorted(expected, key=lambda one: one.id)]
    assert {name: count for (name, _), count in story.mirror.rules.billing.counts.items()} == {
        "FA": sum(invoice.kind == "invoice" for invoice in expected),
        "AV": sum(invoice.kind == "credit_note" for invoice in expected)}


def test_two_years_meet_both_vat_rates_and_every_trigger(story):
    """INV-1, INV-6: the scenario leaves no basis, trigger or kind of call out."""
    projects = [project for client in story.clients for project in client.projects]
    documents = [invoice for project in projects for invoice in project.invoices]
    assert {rate for invoice in documents for rate in invoice.vat_groups} == {2000, 2100}
    assert {(invoice.project.plan.basis, invoice.trigger) for invoice in documents if invoice.trigger} == {
        ("consumed_value", "session_completed"), ("consumed_value", "milestones"), ("consumed_value", "manual"),
        ("consumed_value", "project_closed"), ("unconsumed_funds", "project_closed"), ("unconsumed_funds", "manual"),
        ("fixed_fee", "session_completed"), ("fixed_fee", "milestones"), ("fixed_fee", "manual"),
        ("fixed_fee", "project_closed")}
    assert {call.status for project in projects for call in project.calls} == {
        "accepted", "declined", "expired", "cancelled"}
    assert {call.reason for project in projects for call in project.calls} == {"manual", "threshold", "overrun"}


@pytest.mark.parametrize("at", [f"{YEAR - 1}-12-31", day(-1), today(), day(1)])
def test_two_years_can_be_read_at_a_day(story, at):
    """BUD-11: what is effective on or before a day, as known now."""
    for project in [project for client in story.clients for project in client.projects if project.status != "deleted"]:
        shown = story.mirror.caller.read(f"/v1/projects/{project.id}/budget", at=at)
        expected = {"consumed_bp": None} | story.mirror.rules.figures(project, at)
        assert {name: shown.get(name) for name in expected} == expected


def test_two_years_are_mailed_in_each_clients_language(story):
    """NOT: every invoice and credit note reached its client, with its PDF, in its language."""
    greetings = {"fr": "Bonjour", "en": "Hello"}
    for client in story.clients:
        shown = story.mirror.caller.read(f"/v1/clients/{client.id}")
        address = shown["billing_contact"]["email"]
        numbers = {invoice.number for project in client.projects for invoice in project.invoices}
        carriers = wait_until(lambda: (found := carried(story.stack, address)).keys() == numbers and found)
        assert all(greetings[shown["locale"]] in mail_text(mail) for mail in carriers.values())


def carried(stack, address):
    """{number: mail} of the documents that were mailed to somebody."""
    return {part.get_filename().removesuffix(".pdf"): mail for mail in stack.mails(address)
            for part in mail.iter_attachments()}


@pytest.mark.parametrize("check", [books.balance, books.figures, books.trainings, books.totals, books.crossings,
                                   books.open_calls, documents.numbers, documents.amounts,
                                   documents.billed_once, documents.commissions, documents.triggers,
                                   documents.settlements, documents.issued_once, postings.of_events,
                                   postings.of_callers, postings.states, told.alerts, told.history],
                         ids=lambda check: check.__name__)
def test_two_years_satisfy_the_referee(story, check):
    """Every transaction and client sums to zero, no envelope is below zero, each crossing was told once."""
    place = story.stack.place
    evidence = Evidence(f"host={place.sockets / 'postgres'} dbname={DATABASE} user={SUPERUSER} "
                        f"password={place.secret(SUPERUSER + '.password')}")
    assert list(check(evidence)) == []
    evidence.close()
