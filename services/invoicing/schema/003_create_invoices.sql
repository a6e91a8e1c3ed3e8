-- What is issued never changes (INV-4): invoice, lines and document are append-only; what may change
-- of an invoice lies beside it.

-- The end of each series of numbers. One row per kind, not per year: the year follows from the date,
-- and the date is taken once the row is locked (INV-3).
create table invoice_series (
    kind text primary key,
    year bigint not null,
    last_number bigint not null,
    last_date date,
    constraint invoice_series_kind_check check (kind in ('invoice', 'credit_note'))
) with (fillfactor = 50);
insert into invoice_series (kind, year, last_number) values ('invoice', 0, 0), ('credit_note', 0, 0);

create table invoice (
    id uuid primary key,
    client_id uuid not null,
    project_id uuid not null,
    fired_trigger_id uuid references fired_trigger (id),
    kind text not null,
    number text not null,
    trigger text,
    basis text,
    basis_cents bigint,
    rate_bp bigint,
    net_cents bigint not null,
    vat_cents bigint not null,
    gross_cents bigint not null,
    vat_groups jsonb not null,
    issue_date date not null,
    due_date date,
    service_date date not null,
    subject text not null,
    purchase_order text,
    locale text not null,
    seller jsonb not null,
    buyer jsonb not null,
    mentions jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint invoice_number_key unique (number),
    constraint invoice_fired_trigger_id_key unique (fired_trigger_id),
    constraint invoice_kind_check check (kind in ('invoice', 'credit_note')),
    constraint invoice_fired_trigger_id_check check ((kind = 'invoice') = (fired_trigger_id is not null)),
    constraint invoice_gross_cents_check check (gross_cents = net_cents + vat_cents),
    constraint invoice_due_date_check check (due_date >= issue_date)
);
comment on table invoice is 'append-only: what was issued never changes';
create index invoice_project_id on invoice (project_id, id);
create index invoice_client_id on invoice (client_id, id);

create table invoice_line (
    id uuid primary key,
    invoice_id uuid not null references invoice (id),
    position bigint not null,
    session_id uuid,
    description text not null,
    quantity bigint not null,
    unit_price_cents bigint not null,
    net_cents bigint not null,
    vat_rate_bp bigint not null,
    training_ids uuid[] not null default '{}',
    constraint invoice_line_position_key unique (invoice_id, position),
    constraint invoice_line_net_cents_check check (net_cents = quantity * unit_price_cents)
);
comment on table invoice_line is 'append-only: what was issued never changes';

create table invoice_state (
    id uuid primary key references invoice (id),
    status text not null default 'issued',
    paid_cents bigint not null default 0,
    updated_at timestamptz not null default clock_timestamp(),
    version bigint not null default 1,
    constraint invoice_state_status_check
        check (status in ('issued', 'sent', 'partially_paid', 'paid', 'credited')),
    constraint invoice_state_paid_cents_check check (paid_cents >= 0)
);
create index invoice_state_status on invoice_state (status, id);

-- Invoices whose PDF is to be made; a lease is a due time in the future.
create table invoice_rendering (
    id uuid primary key references invoice (id),
    due_at timestamptz not null default now(),
    attempts bigint not null default 0
);
create index invoice_rendering_due_at on invoice_rendering (due_at);

create table invoice_document (
    id uuid primary key references invoice (id),
    file_name text not null,
    content bytea not null,
    sha256 text not null,
    created_at timestamptz not null default now(),
    constraint invoice_document_sha256_check check (sha256 = encode(sha256(content), 'hex'))
);
comment on table invoice_document is 'append-only: the same bytes are served for ever';
