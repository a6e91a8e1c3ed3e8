-- Copies of other services' objects, fed by their events.
create table client (
    id uuid primary key,
    name text,
    siren text,
    vat_number text,
    address jsonb,
    billing_address jsonb,
    billing_contact jsonb,
    payment_terms_days bigint,
    locale text,
    status text,
    version bigint not null,
    deleted boolean not null default false
);

create table settings (
    id uuid primary key,
    seller jsonb,
    commission_vat_rates jsonb,
    late_penalty_rates jsonb,
    legal_sentences jsonb,
    version bigint not null,
    deleted boolean not null default false
);

create table project (
    id uuid primary key,
    client_id uuid not null,
    name text,
    purchase_order text,
    status text,
    version bigint not null,
    deleted boolean not null default false
);
create index project_client_id on project (client_id);

create table session (
    id uuid primary key,
    project_id uuid not null,
    title text,
    start_date date,
    end_date date,
    status text,
    version bigint not null,
    deleted boolean not null default false
);
create index session_project_id on session (project_id);

create table training (
    id uuid primary key,
    session_id uuid not null,
    project_id uuid not null,
    title text,
    cost_cents bigint,
    version bigint not null,
    deleted boolean not null default false
);
create index training_session_id on training (session_id);
