# SPDX-License-Identifier: Apache-2.0
"""What must be told of an event was told, once, to each who must know (NOT): mails, alerts, history."""
import collections

from .contract import decode
from .evidence import SERVICES, check

# Mails of an event: their kind, whether the billing contact gets one, what its notice to mailing lists is called.
BUDGET, SESSION, FUNDING_CALL, DECISION, INVOICE, INVOICE_PDF = range(1, 7)
MAILS = {
    "budgeting.BudgetThresholdReached": ("budget_threshold", False, BUDGET),
    "budgeting.BudgetOverrun": ("budget_overrun", False, BUDGET),
    "sessions.SessionPlanned": ("session_planned", False, SESSION),
    "sessions.SessionCompleted": ("session_completed", False, SESSION),
    "sessions.SessionCancelled": ("session_cancelled", False, SESSION),
    "funding.FundingCallSent": ("funding_call", True, FUNDING_CALL),
    "funding.FundingCallReminded": ("funding_call_reminder", True, FUNDING_CALL),
    "funding.FundingCallReopened": ("funding_call_reopened", True, FUNDING_CALL),
    "funding.FundingCallAccepted": ("funding_call_decision", True, DECISION),
    "funding.FundingCallDeclined": ("funding_call_decision", True, DECISION),
    "funding.FundingCallExpired": ("funding_call_expired", True, DECISION),
    "invoicing.InvoiceRendered": ("invoice", True, INVOICE),
    "invoicing.InvoiceResent": ("invoice", True, None),
}
USER_MAILS = {"accounts.UserInvited": "invitation", "accounts.PasswordResetRequested": "password_reset"}
CREDIT_NOTE = 2
# Alerts of an event; None: no more than one, since it depends on what else there is.
ALERTS = {
    "budgeting.BudgetThresholdReached": "budget_threshold", "budgeting.BudgetOverrun": "budget_overrun",
    "budgeting.BudgetShortAfterDecision": "budget_short", "budgeting.FundsKeptInEnvelope": "funds_kept",
    "budgeting.FundingCallUnfunded": "funding_call_unfunded", "budgeting.ProjectClosingDelayed": "closing_delayed",
    "budgeting.ProjectReopened": "project_reopened", "budgeting.ProjectLeftOpen": "project_of_archived_client",
    "funding.FundingCallUnanswered": "funding_call_unanswered",
    "funding.FundingCallAccepted": "funding_call_decision", "funding.FundingCallDeclined": "funding_call_decision",
    "funding.FundingCallExpired": "funding_call_expired", "funding.FundingCallNotOpened": "funding_call_not_opened",
    "invoicing.TriggerWaiting": "invoice_waiting", "invoicing.ClientAdvanceChanged": None,
}
# Everything that happens to a project is in its history, but for what another event says better.
NO_HISTORY = {"budgeting.BudgetChanged", "budgeting.EnvelopePaid", "budgeting.EnvelopeCredited", "invoicing.InvoiceRendered",
              "sessions.ProjectSealed", "sessions.ProjectSealRefused", "invoicing.ClientAdvanceChanged"}
HISTORY_OF = ("budgeting", "sessions", "funding", "invoicing")

EVENTS = """
select l.event_id, l.type, l.subject, l.client, l.project, l.payload || coalesce(p.payload, ''::bytea)
from {}.event_log l left join {}.event_personal p using (event_id) order by l.sequence"""


def events(evidence, *services):
    for service in services:
        yield from evidence.rows(EVENTS.format(service, service))


class AddressBook:
    """Who was ever to be told of a project or client, and who always was."""

    def __init__(self, evidence):
        self.lists, self.contacts, self.erased = collections.defaultdict(list), collections.defaultdict(list), set()
        for _, kind, subject, *_, payload in events(evidence, "budgeting", "accounts"):
            if kind in ("budgeting.ProjectCreated", "budgeting.ProjectUpdated"):
                self.lists[subject].append({entry.email: set(entry.kinds) for entry in decode(kind, payload).project.mailing_list})
            if kind in ("accounts.ClientCreated", "accounts.ClientUpdated", "accounts.ClientActivated"):
                self.contacts[subject].append(decode(kind, payload).client.billing_contact.email)
            if kind == "accounts.ClientArchived":
                self.erased.add(subject)

    def wanting(self, project, notice):
        """(whom each version of the mailing list names, whom one of them names) for a kind of notice."""
        wanted = {notice, INVOICE_PDF} if notice == INVOICE else {notice}
        versions = [{email for email, kinds in version.items() if not kinds or kinds & wanted}
                    for version in self.lists[project]] or [set()]
        return set.intersection(*versions), set.union(*versions)

    def owed(self, kind, client, project):
        """The same of an event's mails: recipients that must have one, and those that may."""
        _, contact, notice = MAILS[kind]
        must, may = self.wanting(project, notice) if notice else (set(), set())
        contacts = self.contacts[client]
        if contact and len(set(contacts)) == 1:
            must = must | {contacts[0]}
        return must, may | (set(contacts) if contact else set())


@check
def mails_owed(evidence):
    """Every event has exactly the mails that it demands, and there is none without an event."""
    book, written = AddressBook(evidence), collections.defaultdict(list)
    for event, kind, recipient in evidence.rows(
            "select event_id, kind, recipient from notifications.message where direction = 'out' and resends is null "
            "and kind not like '%%\\_gathered'"):
        written[event].append((kind, recipient))
    for event, kind, subject, client, project, payload in events(evidence, *SERVICES[:5]):
        if kind not in MAILS and kind not in USER_MAILS:
            continue
        found = written.pop(event, [])
        if client in book.erased:
            continue
        if kind in USER_MAILS:
            expected = USER_MAILS[kind]
            must = may = {decode(kind, payload).user.email}
        else:
            expected, (must, may) = MAILS[kind][0], book.owed(kind, client, project)
            if expected == "invoice" and decode(kind, payload).invoice.kind == CREDIT_NOTE:
                expected = "credit_note"
        recipients = [recipient for _, recipient in found]
        if {told for told, _ in found} - {expected} or not must <= set(recipients) <= may or len(set(recipients)) != len(found):
            yield f"{kind} {event} of {subject} owes {expected} to {sorted(must)}, there is {found}"
    for event, found in written.items():
        yield f"{found} name event {event}, which demands none"


@check
def mails_settled(evidence):
    """Every mail is sent, gathered in one that is, or cancelled with a reason; the SHA-256 is that of the bytes."""
    for identifier, status, error, joined in evidence.rows("""
            select m.id, m.status, m.last_error, j.status from notifications.message m
            left join notifications.message j on j.id = m.gathered_in"""):
        if not (status == "sent" or (status == "gathered" and joined == "sent") or (status == "cancelled" and error)):
            yield f"message {identifier} is {status} ({error or joined})"
    for identifier, message_id in evidence.rows("""
            select m.id, m.message_id from notifications.message m left join notifications.message_source s using (id)
            where m.status = 'sent' and s.id is null
            -- a restored database knows by the archive that a mail was sent, not its words
            and (select max(epoch) from notifications.stream_epoch) = 1"""):
        yield f"message {identifier} ({message_id}) is sent but not archived"


@check
def alerts(evidence):
    """Every event that must alert has done it once, and nothing else has; each alert was told once."""
    raised = collections.defaultdict(list)
    for event, kind in evidence.rows("select event_id, kind from notifications.alert where event_id is not null"):
        raised[event].append(kind)
    for event, kind, *_ in events(evidence, *SERVICES[:5]):
        if kind in ALERTS:
            found = raised.pop(event, [])
            if len(found) > 1 or (ALERTS[kind] and found != [ALERTS[kind]]):
                yield f"{kind} {event} made the alerts {found}"
    for event, found in raised.items():
        yield f"alerts {found} name event {event}, which demands none"
    for alert, count in evidence.rows("""
            select a.id, count(l.event_id) from notifications.alert a left join notifications.event_log l
            on l.subject = a.id and l.type = 'notifications.AlertRaised' group by 1 having count(l.event_id) <> 1"""):
        yield f"alert {alert} was told {count} times"


@check
def history(evidence):
    """The history of a project has each event of it once, and nothing else."""
    entries = {identifier: (project, kind) for identifier, project, kind in evidence.rows(
        "select id, project_id, type from notifications.history_entry")}
    for event, kind, _, _, project, _ in events(evidence, *HISTORY_OF):
        if kind == "invoicing.ClientAdvanceChanged":
            entries.pop(event, None)
        elif project is not None and kind not in NO_HISTORY and entries.pop(event, None) != (project, kind):
            yield f"{kind} {event} is not in the history of {project}"
    for event, (project, kind) in entries.items():
        yield f"the history of {project} has {kind} {event}, which is none of its events"
