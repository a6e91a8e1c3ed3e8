-- Credit notes are invoices of their own kind, which name what they take back (INV-8).
alter table invoice add column credits uuid references invoice (id);
alter table invoice add column reason text;
alter table invoice add constraint invoice_credits_check check ((kind = 'credit_note') = (credits is not null));
alter table invoice add constraint invoice_reason_check check ((kind = 'credit_note') = (reason is not null));
create index invoice_credits on invoice (credits);

-- Of a credit note: the line that this one takes back. Unique: once at most.
alter table invoice_line add column credits uuid references invoice_line (id);
alter table invoice_line add constraint invoice_line_credits_key unique (credits);
create index invoice_line_session_id on invoice_line (session_id);

-- What a payment or a credit note changes of an invoice: mailed outlives the states that hide it, and
-- advance_cents is what of its payments became the client's advance.
alter table invoice_state add column mailed boolean not null default false;
alter table invoice_state add column advance_cents bigint not null default 0;
alter table invoice_state add constraint invoice_state_advance_cents_check check (advance_cents >= 0);

create table payment (
    id uuid primary key,
    invoice_id uuid not null references invoice (id),
    amount_cents bigint not null,
    date date not null,
    reference text not null,
    advance_cents bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint payment_reference_key unique (invoice_id, reference),
    constraint payment_amount_cents_check check (amount_cents <> 0)
);
comment on table payment is 'append-only: a payment is reversed by another one';

-- The sum of its invoices' advance_cents, in a row that two of them change one after the other.
create table client_advance (
    client_id uuid primary key,
    advance_cents bigint not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint client_advance_advance_cents_check check (advance_cents >= 0)
);
