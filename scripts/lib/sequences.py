# SPDX-License-Identifier: Apache-2.0
"""The specification's two scenarios as sequence diagrams: who begins each step is said here, all that follows is
read from the contract, and a step that the contract does not know is refused."""
import html

from contract import ContractError
from layers import svg

LANE = 128              # between two lifelines
LEFT = 70
HEAD = 46
ROW = 38
LETTER = 7.2

ORDER = ["operator", "client", "accounts", "sessions", "budgeting", "funding", "invoicing", "notifications"]
ACTORS = ORDER[:2]

# Title, what it shows, and its steps: who begins it, the operation or job, and the events that follow in turn.
SCENARIOS = [
    ("Planning a session, up to the budget",
     "An operator plans a session and adds a training to it; the project's budget follows.",
     [("operator", "sessions.CreateSession", ["sessions.SessionPlanned"]),
      ("operator", "sessions.CreateTraining", ["sessions.TrainingAdded", "budgeting.BudgetChanged"])]),
    ("A funding call and an invoice",
     "A training takes the project over its threshold: the client is asked for funds and grants them. The session takes "
     "place, the project is closed, and the commission is invoiced.",
     [("operator", "sessions.CreateTraining",
       ["sessions.TrainingAdded", "budgeting.BudgetThresholdReached", "funding.FundingCallSent"]),
      ("job", "notifications.send_mail", ["notifications.MessageSent"]),
      ("client", "funding.DecideFundingReview", ["funding.FundingCallAccepted", "budgeting.BudgetChanged"]),
      ("operator", "sessions.CompleteSession", ["sessions.SessionCompleted", "budgeting.BudgetChanged"]),
      ("operator", "budgeting.CloseProject",
       ["budgeting.ProjectClosing", "sessions.ProjectSealed", "budgeting.ProjectClosed", "invoicing.InvoiceIssued"]),
      ("job", "invoicing.render_invoice", ["invoicing.InvoiceRendered"]),
      ("job", "notifications.send_mail", ["notifications.MessageSent", "invoicing.InvoiceSent"])]),
]


class Row:
    """One line of a diagram. kind: ask (a request or question), job, event."""

    def __init__(self, kind, source, label, targets):
        self.kind, self.source, self.label, self.targets = kind, source, label, targets


def subscriptions_to(contract, event):
    """(consuming service, subscription), the service's reaction before its projection."""
    for package in contract.packages.values():
        for subscription in sorted(package.subscriptions, key=lambda s: not s.reaction):
            if subscription.event == event:
                yield package.name, subscription


def consumers(contract, event):
    """Which services hear of an event, and as what."""
    found = {}
    for name, subscription in subscriptions_to(contract, event):
        found.setdefault(name, "reaction" if subscription.reaction else "projection")
    return found


def begin(contract, actor, name):
    """The rows with which a step begins, and the events that it may tell."""
    service, short = name.split(".")
    if actor == "job":
        job = next((job for job in contract.packages[service].jobs if job.name == short), None)
        if job is None:
            raise ContractError(f"a scenario names the job {name}, which {service} does not have")
        return [Row("job", service, f"job {job.name}: {job.does[0].lower()}{job.does[1:].rstrip('.')}", {})], job.emits
    method = contract.methods.get(name)
    if method is None or method.verb is None:
        raise ContractError(f"a scenario names {name}, which is no operation with a route")
    says = f"{method.comment.split('. ')[0].split(';')[0].rstrip('.')}: {method.verb} {method.path}"
    rows = [Row("ask", actor, says, {service: "request"})]
    rows += [Row("ask", service, ask.method.split(".")[1], {ask.method.split(".")[0]: "request"}) for ask in method.rpc.asks]
    return rows, method.rpc.emits


def follow(contract, name, emits, events):
    """The rows of the events of a step; each is told by the step itself or by a reaction to an earlier one."""
    told = {f"{name.split('.')[0]}.{event}" for event in emits}
    for event in events:
        if event not in told:
            raise ContractError(f"the scenario of {name} says that {event} follows, which the contract does not say")
        yield Row("event", event.split(".")[0], event.split(".")[1], consumers(contract, event))
        for service, subscription in subscriptions_to(contract, event):
            told |= {f"{service}.{next_event}" for next_event in subscription.emits}


def rows_of(contract, steps):
    for actor, name, events in steps:
        first, emits = begin(contract, actor, name)
        yield first + list(follow(contract, name, emits, events))


def lifelines(steps):
    """Who takes part: actors first, then the services in the order of the work."""
    part = {name for rows in steps for row in rows for name in (row.source, *row.targets)}
    return [name for name in ORDER if name in part] + sorted(part - set(ORDER))


def arrow(x0, x1, y, kind):
    step = 7 if x1 < x0 else -7
    return f'<path class="{kind}" d="M{x0},{y}H{x1 + step}" marker-end="url(#arrow)"/>'


def text(x, y, words, kind="label", anchor="start"):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(words)}</text>'


def event_parts(row, x, y):
    """An event goes to all who follow its stream at once: one line, a mark for each that does something."""
    own, places = x[row.source], {name: x[name] for name in row.targets if name != row.source}
    parts = [f'<circle class="told" cx="{own}" cy="{y}" r="4"/>']
    if places:
        ends = [min([own, *places.values()]), max([own, *places.values()])]
        parts.insert(0, f'<path class="event" d="M{ends[0]},{y}H{ends[1]}"/>')
    for name, place in places.items():
        parts.append(f'<circle class="{row.targets[name]}" cx="{place}" cy="{y}" r="6"/>')
    return parts


def label_of(row, x, y):
    """Above its line, on the side where the line goes."""
    targets = [x[name] for name in row.targets if name != row.source]
    own = x[row.source]
    leftwards = bool(targets) and max(targets) < own
    if row.kind == "job":
        fits_left = own - len(row.label) * LETTER > 8
        return text(own - 8 if fits_left else own + 34, y + 4, row.label, "ask-label", "end" if fits_left else "start")
    if leftwards and own - len(row.label) * LETTER > 8:
        return text(own - 10, y - 8, row.label, row.kind + "-label", "end")
    return text(own + 10, y - 8, row.label, row.kind + "-label")


def draw(contract, title, steps):
    steps = list(rows_of(contract, steps))
    lanes = lifelines(steps)
    x = {name: LEFT + index * LANE for index, name in enumerate(lanes)}
    rows = [(row, first) for step in steps for first, row in zip([True] + [False] * len(step), step)]
    height = HEAD + ROW * len(rows) + 14 * len(steps) + 20
    last = max(x[row.source] + 20 + len(row.label) * LETTER for row, _ in rows if row.kind == "ask")
    width = max(LEFT * 2 + (len(lanes) - 1) * LANE, last)
    parts = [f'<path class="lifeline" d="M{x[name]},{HEAD}V{height - 6}"/>' for name in lanes]
    for name in lanes:
        kind = "actor" if name in ACTORS else "service"
        parts.append(f'<rect class="{kind}" x="{x[name] - 55}" y="8" width="110" height="30" rx="6"/>')
        parts.append(text(x[name], 28, name, "name", "middle"))
    y = HEAD
    for row, first in rows:
        y += ROW + (14 if first else 0)
        if row.kind == "event":
            parts += event_parts(row, x, y)
        elif row.kind == "ask":
            parts += [arrow(x[row.source], x[target], y, "ask") for target in row.targets]
        else:
            parts.append(f'<path class="ask" d="M{x[row.source]},{y - 6}h26v12h-19" marker-end="url(#arrow)"/>')
        parts.append(label_of(row, x, y))
    return svg(width, height, title, parts)
