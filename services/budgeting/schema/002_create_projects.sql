-- Envelopes and projects carry the balances of their ledger accounts; whoever posts holds their row's lock.
create table envelope (
    client_id uuid primary key,
    external_cents bigint not null default 0,
    receivable_cents bigint not null default 0,
    envelope_cents bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    revision bigint not null default 0,
    constraint envelope_envelope_cents_check check (envelope_cents >= 0)
) with (fillfactor = 70);

create table project (
    id uuid primary key,
    client_id uuid not null,
    name text not null,
    status text not null default 'open',
    initial_budget_cents bigint not null,
    alert_threshold jsonb not null,
    mailing_list jsonb not null,
    auto_funding_call boolean not null,
    refill_bp int not null,
    report_frequency text,
    purchase_order text,
    budget_cents bigint not null default 0,
    planned_cents bigint not null default 0,
    completed_cents bigint not null default 0,
    state text not null default 'ok',
    closing_since timestamptz,
    closing_delay_told boolean not null default false,
    closed_date date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    revision bigint not null default 0,
    constraint project_status_check check (status in ('open', 'closing', 'closed')),
    constraint project_state_check check (state in ('ok', 'alert', 'overrun')),
    constraint project_initial_budget_cents_check check (initial_budget_cents >= 0),
    constraint project_planned_cents_check check (planned_cents >= 0),
    constraint project_completed_cents_check check (completed_cents >= 0)
) with (fillfactor = 70);
create index project_client_id on project (client_id, id);
create index project_closing on project (closing_since) where status = 'closing';
