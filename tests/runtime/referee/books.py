# SPDX-License-Identifier: Apache-2.0
"""The ledger and what it is made from: every euro is somewhere, once."""
from fractions import Fraction

from .contract import decode
from .evidence import check

RANKS = {1: 0, 2: 1, 3: 2}  # ok, alert, overrun
CLOSED = 3
CROSSINGS = {"budgeting.BudgetThresholdReached": 2, "budgeting.BudgetOverrun": 3}


def rounded(amount):
    """Half away from zero."""
    whole = int(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


@check
def balance(evidence):
    """Every ledger transaction and every client sums to zero."""
    for column in ("transaction_id", "client_id"):
        for key, total, entries in evidence.rows(
                f"select {column}, sum(amount_cents), count(*) from budgeting.ledger_entry group by 1"):
            if total != 0 or entries < 2:
                yield f"{column} {key}: {entries} entries sum to {total}"


@check
def figures(evidence):
    """Every envelope and every project stands where its entries say, and no envelope is below zero."""
    for client, *stored, external, receivable, envelope in evidence.rows("""
            select v.client_id, v.external_cents, v.receivable_cents, v.envelope_cents,
                   coalesce(sum(amount_cents) filter (where account = 'external'), 0),
                   coalesce(sum(amount_cents) filter (where account = 'receivable'), 0),
                   coalesce(sum(amount_cents) filter (where account = 'envelope'), 0)
            from budgeting.envelope v left join budgeting.ledger_entry e using (client_id) group by v.client_id"""):
        if stored != [external, receivable, envelope] or envelope < 0:
            yield f"the envelope of {client} says {stored}, its entries {[external, receivable, envelope]}"
    for project, *stored, budget, planned, completed in evidence.rows("""
            select p.id, p.budget_cents, p.planned_cents, p.completed_cents,
                   coalesce(sum(amount_cents) filter (where account = 'budget'), 0),
                   coalesce(sum(amount_cents) filter (where account = 'planned'), 0),
                   coalesce(sum(amount_cents) filter (where account = 'completed'), 0)
            from budgeting.project p left join budgeting.ledger_entry e on e.project_id = p.id group by p.id"""):
        if stored != [budget, planned, completed]:
            yield f"project {project} says {stored}, its entries {[budget, planned, completed]}"


@check
def trainings(evidence):
    """What a project has planned and completed is what its trainings cost."""
    for project, planned, completed, planned_there, completed_there in evidence.rows("""
            select p.id, p.planned_cents, p.completed_cents,
                   coalesce(sum(t.cost_cents) filter (where s.status = 'planned'), 0),
                   coalesce(sum(t.cost_cents) filter (where s.status = 'completed'), 0)
            from budgeting.project p left join sessions.session s on s.project_id = p.id
                left join sessions.training t on t.session_id = s.id group by p.id"""):
        if (planned, completed) != (planned_there, completed_there):
            yield f"project {project}: planned {planned}, completed {completed}; its trainings {planned_there}, {completed_there}"


@check
def totals(evidence):
    """A session's totals are those of its trainings, VAT by rate."""
    costs = {}
    for session, rate, cost, count in evidence.rows(
            "select session_id, vat_rate_bp, sum(cost_cents), count(*) from sessions.training group by 1, 2"):
        total = costs.setdefault(session, [0, 0, 0])
        total[0] += int(cost)
        total[1] += rounded(Fraction(int(cost) * rate, 10000))
        total[2] += count
    for session, *stored in evidence.rows(
            "select id, total_cost_cents, total_vat_cents, training_count from sessions.session"):
        if stored != costs.get(session, [0, 0, 0]):
            yield f"session {session} says {stored}, its trainings {costs.get(session, [0, 0, 0])}"


@check
def crossings(evidence):
    """Entering alert or overrun raised exactly one event, and nothing else did."""
    state, owed = {}, {}
    for sequence, kind, payload in evidence.rows(
            "select sequence, type, payload from budgeting.event_log where project is not null order by sequence"):
        event = decode(kind, payload)
        project = getattr(event, "project", None)
        # Closing shrinks a budget to what is consumed; that is the end, not a crossing.
        if project is None or not project.HasField("budget") or project.status == CLOSED:
            continue
        before, now = state.get(project.id, 1), project.budget.state
        if kind in CROSSINGS:
            if owed.pop(project.id, None) != CROSSINGS[kind]:
                yield f"budgeting:{sequence} {kind} for {project.id} without having entered it"
        elif now != before:
            if project.id in owed:
                yield f"project {project.id} entered {owed.pop(project.id)} without a word (before {sequence})"
            if RANKS[now] > RANKS[before]:
                owed[project.id] = now
        state[project.id] = now
    for project, entered in owed.items():
        yield f"project {project} entered {entered} without a word"


@check
def receivables(evidence):
    """What a client owes is what it granted of new funds and has not paid; what it paid is what its payments say."""
    for client, receivable, granted, paid, recorded in evidence.rows("""
            select client_id, coalesce(max(v.receivable_cents), 0), sum(f.granted_cents), sum(f.paid_cents), sum(f.recorded)
            from (select c.*, (select coalesce(sum(p.amount_cents), 0) from funding.funding_payment p
                               where p.funding_call_id = c.id) as recorded from funding.funding_call c) f
                left join budgeting.envelope v using (client_id)
            where f.status = 'accepted' and f.source = 'new_funds' group by 1"""):
        if (paid, -receivable) != (recorded, granted - paid):
            yield f"client {client} owes {-receivable}, granted {granted}, paid {paid}, by its payments {recorded}"


@check
def open_calls(evidence):
    """No project has more than one automatic funding call that is undecided."""
    for project, count in evidence.rows("""
            select project_id, count(*) from funding.funding_call
            where reason <> 'manual' and status in ('draft', 'sent') group by 1 having count(*) > 1"""):
        yield f"project {project} has {count}"
