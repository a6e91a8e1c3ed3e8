# SPDX-License-Identifier: Apache-2.0
"""The ledger against what happened: each thing that moves money was posted once, with its amount."""
import collections

from .contract import decode
from .evidence import check
from .told import events

NEW_FUNDS = 1


def planned(amount):
    return {"budget": -amount, "planned": amount}


def completed(amount):
    return {"planned": -amount, "completed": amount}


# What an event of sessions moves (BUD-4 to BUD-6).
MOVES = {
    "sessions.TrainingAdded": lambda event: planned(event.training.cost_cents),
    "sessions.TrainingChanged": lambda event: planned(event.training.cost_cents - event.previous_cost_cents),
    "sessions.TrainingMoved": lambda event: planned(event.training.cost_cents - event.previous_cost_cents),
    "sessions.TrainingRemoved": lambda event: planned(-event.training.cost_cents),
    "sessions.SessionCancelled": lambda event: planned(-event.session.total_cost_cents),
    "sessions.SessionCompleted": lambda event: completed(event.session.total_cost_cents),
    "sessions.SessionReopened": lambda event: completed(-event.session.total_cost_cents),
}


def moved(amounts):
    return {account: amount for account, amount in amounts.items() if amount}


def grants(event):
    """What may be made of an accepted call: posted, kept in the envelope, not posted (BUD-7, BUD-8, BUD-17)."""
    call = event.funding_call
    if call.source == NEW_FUNDS:
        return ({"receivable": -call.granted_cents, "budget": call.granted_cents},
                {"receivable": -call.granted_cents, "envelope": call.granted_cents})
    return ({"envelope": -call.granted_cents, "budget": call.granted_cents}, {})


def transactions(evidence, condition):
    """{what the condition's column names: [accounts' amounts of a transaction]}."""
    found, accounts = collections.defaultdict(list), collections.defaultdict(dict)
    for transaction, cause, account, amount in evidence.rows(f"""
            select t.id, {condition}, e.account, sum(e.amount_cents)::bigint from budgeting.ledger_transaction t
            join budgeting.ledger_entry e on e.transaction_id = t.id where {condition} is not null group by 1, 2, 3 order by 1"""):
        if transaction not in accounts:
            found[cause].append(accounts[transaction])
        if amount:
            accounts[transaction][account] = int(amount)
    return found


@check
def of_events(evidence):
    """Every event that moves money was posted once, with its amounts, and no other event was."""
    posted = transactions(evidence, "t.event_id")
    closings = collections.defaultdict(list)
    for project, kind, payload in evidence.rows(
            "select project, type, payload from budgeting.event_log where type = 'budgeting.ProjectClosed'"):
        closings[project].append(decode(kind, payload).remaining_cents)
    for identifier, kind, _, _, project, payload in events(evidence, "sessions", "funding"):
        if kind in MOVES:
            possible = (moved(MOVES[kind](decode(kind, payload))),)
        elif kind == "funding.FundingCallAccepted":
            possible = grants(decode(kind, payload))
        elif kind == "funding.FundingCallPaid":
            paid = decode(kind, payload).payment.amount_cents
            possible = ({"external": -paid, "receivable": paid},)
        elif kind == "sessions.ProjectSealed":
            closed = closings[project]
            if len(closed) > 1:
                yield f"project {project} was closed {len(closed)} times"
            returned = max(sum(closed), 0)
            possible = (moved({"budget": -returned, "envelope": returned}),)
        else:
            continue
        found = posted.pop(identifier, [])
        if found not in [[amounts] if amounts else [] for amounts in possible]:
            yield f"{kind} {identifier} should move {possible}, the ledger says {found}"
    for identifier, found in posted.items():
        yield f"{found} were posted for event {identifier}, which moves no money"


@check
def of_callers(evidence):
    """Every credit, allocation and opening was posted once, with its amount."""
    posted = transactions(evidence, "case when t.event_id is null then t.reference end")
    for identifier, amount, reversal in evidence.rows("select id, amount_cents, reverses is not null from budgeting.credit"):
        sign = -1 if reversal else 1
        if posted[identifier] != [{"external": -sign * amount, "envelope": sign * amount}]:
            yield f"credit {identifier} of {sign * amount} was posted as {posted[identifier]}"
    for identifier, amount in evidence.rows("select id, amount_cents from budgeting.allocation"):
        if posted[identifier] != [{"envelope": -amount, "budget": amount}]:
            yield f"allocation {identifier} of {amount} was posted as {posted[identifier]}"
    for identifier, amount, deleted in evidence.rows(
            "select id, initial_budget_cents, status = 'deleted' from budgeting.project"):
        opened = [{"envelope": -amount, "budget": amount}] if amount else []
        if posted[identifier][:len(opened)] != opened or (len(posted[identifier]) != len(opened) and not deleted):
            yield f"project {identifier} opened with {amount} was posted as {posted[identifier]}"


@check
def states(evidence):
    """Every project's budget is in the state that its figures make (BUD-12, BUD-15)."""
    for project, state, budget, consumed, threshold in evidence.rows("""
            select id, state, budget_cents + planned_cents + completed_cents, planned_cents + completed_cents, alert_threshold
            from budgeting.project where status <> 'deleted'"""):
        reached = (consumed * 10_000 >= threshold["percent_bp"] * budget if "percent_bp" in threshold
                   else consumed >= threshold["amount_cents"])
        expected = "overrun" if consumed > budget else "alert" if consumed > 0 and reached else "ok"
        if state != expected:
            yield f"project {project} is {state}: {consumed} of {budget} consumed, threshold {threshold}"


@check
def automatic_calls(evidence):
    """Every automatic call answers one event of budgeting about its project; a threshold opens one in 24 hours at most."""
    for call, reason, event in evidence.rows("""
            select c.id, c.reason, l.type from funding.funding_call c left join budgeting.event_log l
            on l.event_id = c.opened_by and l.project = c.project_id where c.reason <> 'manual'"""):
        if event not in ("budgeting.BudgetThresholdReached", "budgeting.BudgetOverrun", "budgeting.BudgetShortAfterDecision"):
            yield f"funding call {call} ({reason}) was opened by {event}"
    for project, in evidence.rows("""
            select distinct a.project_id from funding.funding_call a join funding.funding_call b on b.project_id = a.project_id
            where a.reason = 'threshold' and b.reason = 'threshold' and a.id < b.id
            and b.created_at < a.created_at + interval '24 hours'"""):
        yield f"the threshold of project {project} opened two calls within 24 hours"
