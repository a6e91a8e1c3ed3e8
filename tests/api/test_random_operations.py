# SPDX-License-Identifier: Apache-2.0
"""Random sequences of operations, done over HTTPS and in the model of the rules, which must agree after each.

A longer hunt: OPERATIONS_EXAMPLES=500 OPERATIONS_SEED=7 pytest tests/api/test_random_operations.py
"""
import os

from hypothesis import HealthCheck, Phase, seed, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from mirror import Mirror
from model.objects import Plan

EXAMPLES = int(os.environ.get("OPERATIONS_EXAMPLES", "20"))
LENGTH = int(os.environ.get("OPERATIONS_LENGTH", "40"))
SEED = os.environ.get("OPERATIONS_SEED")

# Small ones for what rounds, and round ones for what is reached exactly.
AMOUNTS = st.one_of(st.sampled_from([100_000, 200_000]), st.integers(1, 2_000), st.integers(1, 1_000_000))
BUDGETS = st.one_of(st.sampled_from([1_000_000, 400_000, 0]), st.integers(0, 1_500_000))
SHARES = st.one_of(st.sampled_from([5000, 10_000]), st.integers(1, 10_000))
THRESHOLDS = st.one_of(st.builds(lambda cents: {"amount_cents": cents}, AMOUNTS),
                       st.builds(lambda bp: {"percent_bp": bp}, SHARES))
DAYS = st.integers(1, 28).map(lambda day: f"2026-12-{day:02d}")
VAT_RATES = st.sampled_from([0, 210, 550, 1000, 2000])
MILESTONES = st.lists(SHARES, min_size=1, max_size=3, unique=True).map(
    lambda shares: tuple({"consumed_bp": share} for share in shares))
PLANS = st.one_of(
    st.builds(lambda rate: Plan("unconsumed_funds", ("project_closed",), rate_bp=rate), st.integers(1, 10_000)),
    st.builds(lambda rate, triggers: Plan("consumed_value", triggers, rate_bp=rate), st.integers(1, 10_000),
              st.sampled_from([("session_completed",), ("project_closed",), ("session_completed", "project_closed")])),
    st.builds(lambda rate, milestones, closing: Plan("consumed_value", ("milestones", *closing), rate_bp=rate,
                                                     milestones=milestones),
              st.integers(1, 10_000), MILESTONES, st.sampled_from([(), ("project_closed",)])),
    st.builds(lambda fee, triggers: Plan("fixed_fee", triggers, fixed_fee_cents=fee), st.integers(1, 100_000),
              st.sampled_from([("session_completed",), ("session_completed", "project_closed")])),
    st.builds(lambda fee, milestones: Plan("fixed_fee", ("milestones",), fixed_fee_cents=fee, milestones=milestones),
              st.integers(1, 100_000), MILESTONES))
PLACES = st.integers(0, 30)

# How often an operation is played, and what it is given; a place picks one of what there is.
OPERATIONS = {
    "credit": (1, {"cents": AMOUNTS}),
    "reverse": (1, {"place": PLACES}),
    "open_project": (2, {"cents": BUDGETS, "threshold": THRESHOLDS, "auto": st.booleans(),
                         "refill_bp": st.sampled_from([2000, 0, 1, 10_000])}),
    "plan_billing": (1, {"place": PLACES, "plan": PLANS}),
    "allocate": (3, {"place": PLACES, "cents": AMOUNTS, "back": st.booleans()}),
    "set_threshold": (2, {"place": PLACES, "threshold": THRESHOLDS}),
    "close": (1, {"place": PLACES}),
    "delete": (1, {"place": PLACES}),
    "plan_session": (3, {"place": PLACES, "days": st.tuples(DAYS, DAYS).map(sorted)}),
    "reschedule": (1, {"place": PLACES, "days": st.tuples(DAYS, DAYS).map(sorted)}),
    "add_training": (9, {"place": PLACES, "cents": st.one_of(AMOUNTS, st.just(0)), "vat_rate_bp": VAT_RATES}),
    "change_training": (3, {"place": PLACES, "cents": AMOUNTS}),
    "move_training": (2, {"place": PLACES, "other": PLACES}),
    "remove_training": (1, {"place": PLACES}),
    "complete": (4, {"place": PLACES}),
    "reopen": (2, {"place": PLACES}),
    "cancel": (1, {"place": PLACES}),
    "delete_session": (1, {"place": PLACES}),
    "write_call": (1, {"place": PLACES, "cents": AMOUNTS}),
    "change_call": (1, {"place": PLACES, "cents": AMOUNTS}),
    "handle_call": (2, {"place": PLACES, "operation": st.sampled_from(["send", "remind", "cancel_call"])}),
    "decide": (4, {"place": PLACES, "decision": st.sampled_from(["accept", "adjust", "decline"]), "cents": AMOUNTS,
                   "source": st.sampled_from([None, "envelope"])}),
    "pay_call": (2, {"place": PLACES, "cents": AMOUNTS, "back": st.booleans(), "reference": st.sampled_from("ABC")}),
    "bill_by_hand": (1, {"place": PLACES}),
    "credit_invoice": (1, {"place": PLACES, "one": st.booleans()}),
    "pay": (3, {"place": PLACES, "share": st.sampled_from([1, 2, 3, -1, -2]), "more": st.integers(-1, 1),
                "reference": st.sampled_from("ABC"), "advance": st.booleans()}),
}
STEPS = st.sampled_from([name for name, (often, _) in OPERATIONS.items() for _ in range(often)]).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(OPERATIONS[name][1])))


class Nobody(Exception):
    """There is nothing yet to do the operation to."""


def pick(things, place):
    if not things:
        raise Nobody
    return things[place % len(things)]


class Player:
    """Plays with one client of its own."""

    def __init__(self, mirror, plan, cents, threshold):
        self.mirror = mirror
        self.client = mirror.open_client(plan)
        mirror.credit(self.client, 2_000_000)
        mirror.plan_session(mirror.open_project(self.client, cents, threshold), "2026-12-01", "2026-12-28")

    def project(self, place):
        return pick([project for project in self.client.projects if project.status != "deleted"], place)

    def session(self, place):
        return pick([session for project in self.client.projects for session in project.sessions], place)

    def training(self, place):
        return pick([training for project in self.client.projects for session in project.sessions
                     for training in session.trainings], place)

    def call(self, place):
        return pick([call for project in self.client.projects for call in project.calls], place)

    def invoice(self, place):
        return pick([invoice for project in self.client.projects for invoice in project.invoices], place)

    # ── envelopes and projects

    def credit(self, cents):
        self.mirror.credit(self.client, cents)

    def reverse(self, place):
        self.mirror.reverse(pick([credit for credit in self.client.credits if not credit.reverses], place))

    def open_project(self, cents, threshold, auto, refill_bp):
        if len(self.client.projects) < 4:
            self.mirror.open_project(self.client, cents, threshold, auto, refill_bp)

    def plan_billing(self, place, plan):
        self.mirror.plan_billing(self.project(place), plan)

    def allocate(self, place, cents, back):
        self.mirror.allocate(self.project(place), -cents if back else cents)

    def set_threshold(self, place, threshold):
        self.mirror.set_threshold(self.project(place), threshold)

    def close(self, place):
        self.mirror.close(self.project(place))

    def delete(self, place):
        self.mirror.delete(self.project(place))

    # ── sessions

    def plan_session(self, place, days):
        self.mirror.plan_session(self.project(place), *days)

    def reschedule(self, place, days):
        self.mirror.reschedule(self.session(place), *days)

    def add_training(self, place, cents, vat_rate_bp):
        self.mirror.add_training(self.session(place), cents, vat_rate_bp)

    def change_training(self, place, cents):
        self.mirror.change_training(self.training(place), cents)

    def move_training(self, place, other):
        training = self.training(place)
        session = pick(training.session.project.sessions, other)
        self.mirror.change_training(training, session=session, date=session.start_date)

    def remove_training(self, place):
        self.mirror.remove_training(self.training(place))

    def complete(self, place):
        self.mirror.complete(self.session(place))

    def reopen(self, place):
        self.mirror.reopen(self.session(place))

    def cancel(self, place):
        self.mirror.cancel(self.session(place))

    def delete_session(self, place):
        self.mirror.delete_session(self.session(place))

    # ── funding calls

    def write_call(self, place, cents):
        self.mirror.write_call(self.project(place), cents)

    def change_call(self, place, cents):
        self.mirror.change_call(self.call(place), cents)

    def handle_call(self, place, operation):
        getattr(self.mirror, operation)(self.call(place))

    def decide(self, place, decision, cents, source):
        self.mirror.decide(self.call(place), decision, cents if decision == "adjust" else None,
                           None if decision == "decline" else source)

    def pay_call(self, place, cents, back, reference):
        self.mirror.pay_call(self.call(place), -cents if back else cents, reference)

    # ── invoices

    def bill_by_hand(self, place):
        self.mirror.bill_by_hand(self.project(place))

    def credit_invoice(self, place, one):
        invoice = self.invoice(place)
        self.mirror.credit_invoice(invoice, [pick(invoice.lines, place)] if one else None)

    def pay(self, place, share, more, reference, advance):
        invoice = self.invoice(place)
        if invoice.gross_cents // share + more:
            self.mirror.pay(invoice, invoice.gross_cents // share + more, reference, advance)


def operations(stack, admin):
    """One rule whose steps are drawn: with a rule for each operation the sequences become short and one-sided."""
    class Operations(RuleBasedStateMachine):
        @initialize(plan=PLANS, cents=BUDGETS, threshold=THRESHOLDS)
        def begin(self, plan, cents, threshold):
            self.player = Player(Mirror(stack, admin), plan, cents, threshold)

        @rule(step=STEPS)
        def play(self, step):
            name, given = step
            try:
                getattr(self.player, name)(**given)
            except Nobody:
                return
            self.player.mirror.compare(self.player.client)
    return Operations


def test_random_operations_agree_with_the_rules(stack, admin):
    """BUD, SES, FUN, INV: what the program does and refuses is what the rules say, whatever the order."""
    machine = operations(stack, admin)
    phases = [Phase.generate, Phase.shrink] if SEED else [Phase.generate]
    run_state_machine_as_test(
        seed(int(SEED))(machine) if SEED else machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=LENGTH, deadline=None, derandomize=not SEED,
                          phases=phases, database=None, suppress_health_check=list(HealthCheck)))
