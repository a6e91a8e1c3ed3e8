# SPDX-License-Identifier: Apache-2.0
"""Mails: what was to be told arrived, and arrived once unless something was killed at the wrong moment."""
import hashlib
import re

from .evidence import check, parsed

# What the mail server writes before the mail itself.
TRACE = re.compile(rb"\A(?:(?:Return-Path|Delivered-To): [^\r\n]*\r\n)*")
# A mail may arrive that much later than its sender died or was cut off: it was on its way.
FLIGHT_SECONDS = 10
# So long may it take, where wires and databases fail, until the server's answer is in the sender's books.
NOTING_SECONDS = 30
# A sender waits for the server as long as its lease of 60 s lasts: so long at least, where the database took its time
# before (mail_sending.c).
PATIENCE_SECONDS = 25


def named(message_id):
    return message_id if message_id.startswith("<") else f"<{message_id}>"


@check
def delivered(evidence):
    """Every mail that was sent arrived, and none that was never queued."""
    if evidence.maildir is None:
        return
    messages = {named(message_id): status for message_id, status in
                evidence.rows("select message_id, status from notifications.message where direction = 'out'")}
    for message_id, status in messages.items():
        if status == "sent" and message_id not in evidence.mails():
            yield f"{message_id} is sent but did not arrive"
    for message_id in set(evidence.mails()) - set(messages):
        yield f"{message_id} arrived but was never queued"


def cuts(faults):
    """Of each fault as many as it may have cut off mails: none that only stalled, or had nothing to do with mails."""
    return [fault for fault in faults for _ in range(fault.mails or 0)]


def stalled_seconds(stalls, begin, end):
    """How much of a time somebody on the way of mails stood still, once however many did at the same moment."""
    seconds, reached = 0.0, begin
    for stall in sorted(stalls):
        since, until = max(stall.began, reached), min(stall.ended, end)
        seconds += max(0.0, until - since)
        reached = max(reached, until)
    return seconds


def may_explain(fault, double, stalls):
    """Whether a mail that arrived at the first moment may have been sent again, to arrive at the second, because of this
    fault: it cut off what happens around the arrival, or with others it kept the sender waiting beyond its patience."""
    first, second = double
    if fault.mails:
        return first - FLIGHT_SECONDS <= fault.ended and fault.began <= min(first + NOTING_SECONDS, second)
    around = first - PATIENCE_SECONDS, min(first + PATIENCE_SECONDS + FLIGHT_SECONDS, second)
    return (fault.began <= around[1] and fault.ended >= around[0]
            and stalled_seconds(stalls, *around) >= PATIENCE_SECONDS)


def explained(doubles, faults):
    """Which of the doubles have a fault of their own: the largest matching."""
    stalls = [fault for fault in faults if fault.mails == 0]
    causes, owner = cuts(faults) + stalls, {}

    def find(double, seen):
        for number, fault in enumerate(causes):
            if number not in seen and may_explain(fault, doubles[double], stalls):
                seen.add(number)
                if number not in owner or find(owner[number], seen):
                    owner[number] = double
                    return True
        return False
    for double in range(len(doubles)):
        find(double, set())
    return set(owner.values())


@check
def doubled(evidence):
    """A mail arrived twice at most once per sender that died, was cut off or lost patience around it; it was the same mail."""
    doubles, names = [], []
    for message_id, arrivals in evidence.mails().items():
        for (first, one), (second, other) in zip(arrivals, arrivals[1:]):
            doubles.append((first, second))
            names.append(message_id)
            if parsed(one)["Delivered-To"] != parsed(other)["Delivered-To"] or parsed(one)["Subject"] != parsed(other)["Subject"]:
                yield f"{message_id} arrived twice, with different words"
    found = explained(doubles, evidence.interruptions())
    for number, message_id in enumerate(names):
        if number not in found:
            yield f"{message_id} arrived twice ({doubles[number]}) without a crash of its own"


@check
def archived(evidence):
    """Every mail that arrived is archived with the SHA-256 of its bytes, and went to the one it was for, no other."""
    if evidence.maildir is None:
        return
    kept = {named(message_id): (sha256, recipient) for message_id, sha256, recipient in evidence.rows("""
        select m.message_id, s.sha256, m.recipient from notifications.message m join notifications.message_source s using (id)
        where m.status = 'sent'""")}
    for message_id, arrivals in evidence.mails().items():
        sha256, recipient = kept.get(message_id, (None, None))
        if sha256 and sha256 not in {hashlib.sha256(TRACE.sub(b"", content)).hexdigest() for _, content in arrivals}:
            yield f"{message_id} is archived with another SHA-256"
        for _, content in arrivals:
            if sha256 and parsed(content).get_all("Delivered-To") != [recipient]:
                yield f"{message_id} for {recipient} went to {parsed(content).get_all('Delivered-To')}"


@check
def enclosed(evidence):
    """The PDF that a mail carries is the one that is archived."""
    kept = dict(evidence.rows("select file_name, sha256 from invoicing.invoice_document"))
    for message_id, arrivals in evidence.mails().items():
        for part in parsed(arrivals[-1][1]).iter_attachments():
            name = part.get_filename()
            if name in kept and hashlib.sha256(part.get_content()).hexdigest() != kept[name]:
                yield f"{message_id} carries another {name}"
