-- Sessions and their trainings, and the seal that ends the work on a project (SES-1, SES-2, BUD-17).
-- Copies of projects, fed by their events.
create table project (
    id uuid primary key,
    client_id uuid not null,
    status text not null,
    version bigint not null,
    deleted boolean not null default false
);

-- One row for every project that has work; whoever works on the project shares a lock on it.
create table project_seal (
    project_id uuid primary key,
    sealed_at timestamptz
);

create table session (
    id uuid primary key,
    project_id uuid not null references project_seal (project_id),
    client_id uuid not null,
    title text not null,
    start_date date not null,
    end_date date not null,
    status text not null default 'planned',
    currency text not null default 'EUR',
    total_cost_cents bigint not null default 0,
    total_vat_cents bigint not null default 0,
    training_count bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    revision bigint not null default 1,
    constraint session_status_check check (status in ('planned', 'completed', 'cancelled')),
    constraint session_end_date_check check (end_date >= start_date),
    constraint session_currency_check check (currency = 'EUR'),
    constraint session_total_cost_cents_check check (total_cost_cents between 0 and 1000000000000000),
    constraint session_total_vat_cents_check check (total_vat_cents between 0 and 1000000000000000),
    constraint session_training_count_check check (training_count >= 0)
);
create index session_project_id on session (project_id, id);
create index session_client_id on session (client_id);
create index session_planned on session (project_id, start_date) where status = 'planned';

create table training (
    id uuid primary key,
    session_id uuid not null references session (id),
    project_id uuid not null,
    title text not null,
    provider text not null,
    currency text not null default 'EUR',
    cost_cents bigint not null,
    vat_rate_bp int not null,
    date date not null,
    location text,
    trainers text[] not null default '{}',
    description text,
    seats int,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint training_currency_check check (currency = 'EUR'),
    constraint training_cost_cents_check check (cost_cents between 0 and 1000000000000000),
    constraint training_vat_rate_bp_check check (vat_rate_bp between 0 and 10000),
    constraint training_seats_check check (seats > 0)
);
create index training_session_id on training (session_id, id);
