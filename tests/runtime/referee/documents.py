# SPDX-License-Identifier: Apache-2.0
"""Invoices: numbers, amounts, bytes."""
import collections
import hashlib
import re
from fractions import Fraction

from .books import rounded
from .evidence import check

PREFIXES = {"invoice": "FA", "credit_note": "AV"}
# A restored database opens a series of its own, named by its epoch.
SERIES = re.compile(r"(?:FA|AV)-\d{4}(?:-R[1-9]\d*)?")


@check
def numbers(evidence):
    """Numbers run from 1 without a gap per kind, year and series, in the order of their dates."""
    last = {}
    for kind, number, issued in evidence.rows("select kind, number, issue_date from invoicing.invoice order by number"):
        begin, _, count = number.rpartition("-")
        expected, day = last.get(begin, (1, issued))
        if not SERIES.fullmatch(begin) or not begin.startswith(f"{PREFIXES[kind]}-{issued.year}"):
            yield f"{number} of {issued} is no number of a {kind} of that year"
        if count != f"{expected:06d}":
            yield f"{number} stands where {begin}-{expected:06d} should"
        if issued < day:
            yield f"{number} of {issued} comes after a later date"
        last[begin] = (expected + 1, issued)


@check
def amounts(evidence):
    """An invoice's net is the sum of its lines, its VAT that of each rate's sum."""
    lines = {}
    for invoice, rate, net in evidence.rows(
            "select invoice_id, vat_rate_bp, sum(net_cents) from invoicing.invoice_line group by 1, 2"):
        total = lines.setdefault(invoice, [0, 0])
        total[0] += int(net)
        total[1] += rounded(Fraction(int(net) * rate, 10000))
    for invoice, kind, number, net, vat in evidence.rows(
            "select id, kind, number, net_cents, vat_cents from invoicing.invoice"):
        # The last credit note of an invoice takes what is left of its VAT.
        if lines.get(invoice, [0, 0])[0] != net or (kind == "invoice" and lines[invoice][1] != vat):
            yield f"{number} says {net} and {vat}, its lines {lines.get(invoice)}"


@check
def bytes_kept(evidence):
    """Every invoice has its PDF, the bytes that its SHA-256 names."""
    for number, content, sha256 in evidence.rows("""
            select number, content, d.sha256 from invoicing.invoice i left join invoicing.invoice_document d using (id)"""):
        if content is None:
            yield f"{number} has no PDF"
        elif hashlib.sha256(content).hexdigest() != sha256 or not content.startswith(b"%PDF-"):
            yield f"the PDF of {number} is not what it was"


@check
def billed_once(evidence):
    """Every training has at most one line that is not credited, and the table that guards this says the same."""
    lines = evidence.rows("""
        select t.training, l.id from invoicing.invoice_line l join invoicing.invoice i on i.id = l.invoice_id,
            unnest(l.training_ids) as t (training)
        where i.kind = 'invoice' and not exists (select from invoicing.invoice_line c where c.credits = l.id)""")
    guarded = evidence.rows("select training_id, invoice_line_id from invoicing.billed_training")
    for training, count in collections.Counter(training for training, _ in lines).items():
        if count > 1:
            yield f"training {training} has {count} lines that are not credited"
    for training, line in set(lines) ^ set(guarded):
        yield f"training {training} is billed by line {line} only in one of both"


@check
def commissions(evidence):
    """Every line that bills trainings takes the plan's rate of their costs; what a plan bills at completion or closing was billed."""
    for line, net, rate, cost in evidence.rows("""
            select l.id, l.net_cents, i.rate_bp, (select sum(t.cost_cents) from sessions.training t where t.id = any(l.training_ids))
            from invoicing.invoice_line l join invoicing.invoice i on i.id = l.invoice_id
            where i.kind = 'invoice' and i.basis = 'consumed_value'
            and not exists (select from invoicing.invoice_line c where c.credits = l.id)"""):
        if net != rounded(Fraction(int(cost or 0) * rate, 10_000)):
            yield f"line {line} says {net}, its trainings cost {cost} at {rate}"
    for project, unbilled in evidence.rows("""
            select s.project_id, count(*) from sessions.training t join sessions.session s on s.id = t.session_id
            join budgeting.project p on p.id = s.project_id join invoicing.billing_plan b on b.project_id = p.id
            where s.status = 'completed' and b.basis = 'consumed_value' and t.cost_cents * b.rate_bp >= 5000
            and (p.status = 'closed' and 'project_closed' = any(b.triggers) or 'session_completed' = any(b.triggers))
            and not exists (select from invoicing.billed_training d where d.training_id = t.id)
            and not exists (select from invoicing.invoice_line l where t.id = any(l.training_ids)) group by 1"""):
        yield f"{unbilled} trainings of project {project} are due and were never billed"


@check
def triggers(evidence):
    """Every trigger that fired was billed by one invoice or yielded nothing; those of the plan said so."""
    for trigger, status, invoices in evidence.rows("""
            select f.id, f.status, (select count(*) from invoicing.invoice i where i.fired_trigger_id = f.id)
            from invoicing.fired_trigger f"""):
        if (status, invoices) not in (("billed", 1), ("nothing", 0)):
            yield f"trigger {trigger} is {status} with {invoices} invoices"
    nothing = evidence.value("""
        select count(*) from invoicing.fired_trigger f join invoicing.billing_plan b using (project_id)
        where f.status = 'nothing' and f.trigger = any(b.triggers)""")
    said = evidence.value("select count(*) from invoicing.event_log where type = 'invoicing.TriggerYieldedNothing'")
    if nothing != said:
        yield f"{nothing} triggers of plans yielded nothing, {said} said so"


@check
def settlements(evidence):
    """What was paid of an invoice is in it or in the client's advance; its state follows from what is open."""
    advances = collections.Counter()
    for number, client, status, gross, credited, paid, advance, payments in evidence.rows("""
            select i.number, i.client_id, s.status, i.gross_cents, coalesce((select sum(n.gross_cents) from invoicing.invoice n
                where n.credits = i.id), 0)::bigint, s.paid_cents, s.advance_cents,
                coalesce((select sum(p.amount_cents) from invoicing.payment p where p.invoice_id = i.id), 0)::bigint
            from invoicing.invoice i join invoicing.invoice_state s using (id) where i.kind = 'invoice'"""):
        advances[client] += advance
        open_cents = gross - credited - paid
        expected = {"credited"} if credited == gross else {"paid"} if open_cents == 0 else {"partially_paid"} if paid else {
            "issued", "sent"}
        if paid + advance != payments or open_cents < 0 or status not in expected:
            yield f"{number} is {status}: {gross} = {credited} credited + {paid} paid + {open_cents}, advance {advance}, payments {payments}"
    stored = dict(evidence.rows("select client_id, advance_cents from invoicing.client_advance"))
    for client in set(stored) | set(+advances):
        if stored.get(client, 0) != advances[client]:
            yield f"the advance of client {client} is {stored.get(client, 0)}, its invoices say {advances[client]}"


@check
def issued_once(evidence):
    """Every invoice was issued, rendered and first sent once, and each series counts what it has given out."""
    for number, mailed, *told in evidence.rows("""
            select i.number, s.mailed, count(*) filter (where l.type = 'invoicing.InvoiceIssued'),
                count(*) filter (where l.type = 'invoicing.InvoiceRendered'), count(*) filter (where l.type = 'invoicing.InvoiceSent')
            from invoicing.invoice i join invoicing.invoice_state s using (id) left join invoicing.event_log l on l.subject = i.id
            group by 1, 2"""):
        if told != [1, 1, int(mailed)]:
            yield f"{number} was issued, rendered and sent {told} times"
    for kind, last, newest in evidence.rows("""
            select kind, last_number, (select number from invoicing.invoice i where i.kind = s.kind
                order by created_at desc, number desc limit 1) from invoicing.invoice_series s"""):
        if newest is not None and last and last != int(newest.rpartition("-")[2]):
            yield f"the series of {kind} stands at {last}, the newest is {newest}"
