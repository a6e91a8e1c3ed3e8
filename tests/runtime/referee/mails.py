# SPDX-License-Identifier: Apache-2.0
"""Mails: what was to be told arrived, and arrived once unless something was killed at the wrong moment."""
import hashlib

from .evidence import check


@check
def delivered(evidence):
    """Every mail that was sent arrived, none that was not; twice at most once per crash, with the same Message-ID."""
    if evidence.maildir is None:
        return
    arrived = evidence.mails()
    messages = {message_id if message_id.startswith("<") else f"<{message_id}>": status for message_id, status in
                evidence.rows("select message_id, status from notifications.message where direction = 'out'")}
    for message_id, status in messages.items():
        if status == "sent" and message_id not in arrived:
            yield f"{message_id} is sent but did not arrive"
        if status == "queued":
            yield f"{message_id} still waits"
    for message_id in set(arrived) - set(messages):
        yield f"{message_id} arrived but was never queued"
    doubled = sum(copies - 1 for copies, _ in arrived.values())
    if doubled > evidence.crashes:
        yield f"{doubled} mails arrived twice, after {evidence.crashes} crashes"


@check
def enclosed(evidence):
    """The PDF that a mail carries is the one that is archived."""
    kept = dict(evidence.rows("select file_name, sha256 from invoicing.invoice_document"))
    for message_id, (_, mail) in evidence.mails().items():
        for part in mail.iter_attachments():
            name = part.get_filename()
            if name in kept and hashlib.sha256(part.get_content()).hexdigest() != kept[name]:
                yield f"{message_id} carries another {name}"
