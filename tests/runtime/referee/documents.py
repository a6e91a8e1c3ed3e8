# SPDX-License-Identifier: Apache-2.0
"""Invoices: numbers, amounts, bytes."""
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
