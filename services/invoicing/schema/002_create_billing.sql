-- How projects are billed, and what has fired (INV-1, INV-2).
create table billing_plan (
    id uuid primary key,
    project_id uuid not null,
    client_id uuid not null,
    basis text not null,
    rate_bp bigint,
    fixed_fee_cents bigint,
    triggers text[] not null,
    milestones jsonb not null default '[]',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint billing_plan_project_id_key unique (project_id),
    constraint billing_plan_basis_check check (basis in ('consumed_value', 'unconsumed_funds', 'fixed_fee')),
    constraint billing_plan_rate_bp_check check (rate_bp between 0 and 10000),
    constraint billing_plan_fixed_fee_cents_check check (fixed_fee_cents > 0)
);

-- Every trigger that fired, once, whatever came of it.
create table fired_trigger (
    id uuid primary key,
    project_id uuid not null,
    client_id uuid not null,
    trigger text not null,
    occurrence text not null,
    service_date date not null,
    remaining_cents bigint,
    completed_cents bigint,
    status text not null default 'waiting',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint fired_trigger_occurrence_key unique (project_id, trigger, occurrence),
    constraint fired_trigger_trigger_check
        check (trigger in ('project_closed', 'session_completed', 'milestones', 'manual')),
    constraint fired_trigger_status_check check (status in ('waiting', 'billed', 'nothing'))
);
create index fired_trigger_waiting on fired_trigger (id) where status = 'waiting';
create index fired_trigger_client_id on fired_trigger (client_id) where status = 'waiting';
