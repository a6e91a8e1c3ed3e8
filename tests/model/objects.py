# SPDX-License-Identifier: Apache-2.0
"""What the rules are about. `id` is the program's name of the object, for who compares."""
from dataclasses import dataclass, field


class Refused(Exception):
    """An operation against the rules; it changed nothing."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


@dataclass
class Plan:
    """What a commission is computed from and when (INV-1); milestones are {"date"} or {"consumed_bp"}."""
    basis: str
    triggers: tuple
    rate_bp: int = None
    fixed_fee_cents: int = None
    milestones: tuple = ()

    def body(self):
        """As the API says it."""
        said = {"basis": self.basis, "triggers": list(self.triggers), "rate_bp": self.rate_bp,
                "fixed_fee_cents": self.fixed_fee_cents, "milestones": list(self.milestones)}
        return {name: value for name, value in said.items() if value not in (None, [])}


@dataclass(eq=False, repr=False)
class Client:
    plan: Plan
    payment_terms_days: int = 30
    advance_cents: int = 0
    projects: list = field(default_factory=list)
    credits: list = field(default_factory=list)
    id: str = None


@dataclass(eq=False, repr=False)
class Credit:
    client: Client
    amount_cents: int
    reverses: "Credit" = None
    reversed: bool = False
    id: str = None


@dataclass(eq=False, repr=False)
class Project:
    client: Client
    initial_cents: int
    threshold: dict
    auto_funding_call: bool
    refill_bp: int
    plan: Plan
    status: str = "open"
    sessions: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    invoices: list = field(default_factory=list)  # credit notes too, in the order of issue
    fired: set = field(default_factory=set)
    mails: list = field(default_factory=list)     # (audience, kind)
    alerts: list = field(default_factory=list)    # kind
    nothing_billed: int = 0                       # triggers that yielded nothing, as the history says (INV-5)
    ever_used: bool = False
    remaining_at_closing: int = 0
    has_list: bool = False                        # whether anybody is on its mailing list
    id: str = None


@dataclass(eq=False, repr=False)
class Session:
    project: Project
    start_date: str
    end_date: str
    status: str = "planned"
    trainings: list = field(default_factory=list)
    completions: int = 0
    id: str = None


@dataclass(eq=False, repr=False)
class Training:
    session: Session
    cost_cents: int
    vat_rate_bp: int
    date: str
    line: "Line" = None  # that bills it and is not credited (INV-2)
    id: str = None

    @property
    def net_cents(self):
        return self.cost_cents


@dataclass(eq=False, repr=False)
class FundingCall:
    project: Project
    reason: str
    requested_cents: int
    status: str = "draft"
    granted_cents: int = None
    source: str = None
    decision: str = None
    payments: dict = field(default_factory=dict)  # reference: cents
    recent: bool = True                           # opened within 24 hours
    id: str = None

    @property
    def paid_cents(self):
        return sum(self.payments.values())


@dataclass(eq=False, repr=False)
class Line:
    net_cents: int
    vat_rate_bp: int
    session: Session = None
    trainings: tuple = ()
    credited: bool = False


@dataclass(eq=False, repr=False)
class Invoice:
    project: Project
    number: str
    issue_date: str
    lines: list
    vat_groups: dict  # rate: (net, VAT)
    kind: str = "invoice"
    trigger: str = None
    due_date: str = None
    credits: "Invoice" = None
    notes: list = field(default_factory=list)
    payments: dict = field(default_factory=dict)  # reference: cents
    paid_cents: int = 0
    advance_cents: int = 0
    id: str = None

    @property
    def net_cents(self):
        return sum(net for net, _ in self.vat_groups.values())

    @property
    def vat_cents(self):
        return sum(vat for _, vat in self.vat_groups.values())

    @property
    def gross_cents(self):
        return self.net_cents + self.vat_cents

    @property
    def open_cents(self):
        return self.gross_cents - sum(note.gross_cents for note in self.notes) - self.paid_cents

    @property
    def status(self):
        """Once its mail was accepted."""
        if self.kind == "invoice" and all(line.credited for line in self.lines):
            return "credited"
        if self.paid_cents == 0:
            return "sent"
        return "partially_paid" if self.open_cents > 0 else "paid"
