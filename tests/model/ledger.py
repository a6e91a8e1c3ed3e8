# SPDX-License-Identifier: Apache-2.0
"""The double-entry ledger and the figures that are read from it (BUD)."""
from dataclasses import dataclass

from model.money import WHOLE_BP, share_up

CLIENT_ACCOUNTS = ("external", "receivable", "envelope")
PROJECT_ACCOUNTS = ("budget", "planned", "completed")


@dataclass(frozen=True)
class Transaction:
    kind: str
    client: object
    project: object
    date: str
    entries: tuple


class Ledger:
    """Transactions that sum to zero; balances are sums of their entries, and nothing else is kept."""

    def __init__(self):
        self.transactions = []

    def post(self, kind, client, project, date, *entries):
        """Entries are (account, cents); those of nothing are left out, and so is a transaction of nothing."""
        entries = tuple((account, cents) for account, cents in entries if cents)
        assert sum(cents for _, cents in entries) == 0
        if entries:
            self.transactions.append(Transaction(kind, client, project, date, entries))
        return bool(entries)

    def balance(self, owner, account, at=None):
        """What an account of a client or of a project holds: now, or at the end of a day."""
        of_client = account in CLIENT_ACCOUNTS
        return sum(cents for transaction in self.transactions
                   if (transaction.client if of_client else transaction.project) is owner
                   and (at is None or transaction.date <= at)
                   for name, cents in transaction.entries if name == account)

    def envelope(self, client):
        """BUD-11."""
        external, receivable, envelope = (self.balance(client, account) for account in CLIENT_ACCOUNTS)
        funded = -external - receivable
        return {"funded_cents": funded, "of_which_unpaid_cents": -receivable, "allocated_cents": funded - envelope,
                "available_cents": envelope}

    def figures(self, project, at=None):
        """BUD-11, BUD-12, BUD-15: comparisons are exact, on products."""
        remaining, planned, completed = (self.balance(project, account, at) for account in PROJECT_ACCOUNTS)
        consumed = planned + completed
        budget = remaining + consumed
        amount, percent_bp = project.threshold.get("amount_cents"), project.threshold.get("percent_bp")
        threshold = share_up(budget, percent_bp) if amount is None else amount
        reached = consumed * WHOLE_BP >= percent_bp * budget if amount is None else consumed >= amount
        state = "overrun" if consumed > budget else "alert" if consumed > 0 and reached else "ok"
        figures = {"initial_cents": project.initial_cents, "budget_cents": budget, "consumed_cents": consumed,
                   "planned_cents": planned, "completed_cents": completed, "remaining_cents": remaining,
                   "threshold_cents": threshold, "state": state}
        if budget > 0:
            figures["consumed_bp"] = consumed * WHOLE_BP // budget
        return figures
