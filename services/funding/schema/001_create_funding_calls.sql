-- Funding calls (FUN-1 to FUN-4), and copies of the clients, projects and settings that they need.
create table client (
    id uuid primary key,
    name text not null,
    status text not null,
    version bigint not null,
    deleted boolean not null default false
);

create table project (
    id uuid primary key,
    client_id uuid not null,
    name text not null,
    status text not null,
    version bigint not null,
    deleted boolean not null default false
);

create table settings (
    id uuid primary key,
    public_url text not null,
    web_ui_url text,
    review_link_days int not null,
    version bigint not null,
    deleted boolean not null default false
);

-- opened_by: the crossing that opened an automatic call, so that none opens two.
create table funding_call (
    id uuid primary key,
    project_id uuid not null,
    client_id uuid not null,
    reason text not null,
    status text not null,
    currency text not null default 'EUR',
    requested_cents bigint not null,
    granted_cents bigint,
    paid_cents bigint not null default 0,
    call_date date not null,
    sent_at timestamptz,
    decided_at timestamptz,
    expires_at timestamptz,
    comment text,
    decision text,
    decision_comment text,
    source text,
    decision_reason text,
    opened_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint funding_call_opened_by_key unique (opened_by),
    constraint funding_call_reason_check check (reason in ('manual', 'threshold', 'overrun')),
    constraint funding_call_status_check
        check (status in ('draft', 'sent', 'accepted', 'declined', 'expired', 'cancelled')),
    constraint funding_call_currency_check check (currency = 'EUR'),
    constraint funding_call_requested_cents_check check (requested_cents between 1 and 1000000000000000),
    constraint funding_call_granted_cents_check check (granted_cents between 1 and 1000000000000000),
    constraint funding_call_paid_cents_check check (paid_cents >= 0),
    constraint funding_call_decision_check check (decision in ('accept', 'adjust', 'decline')),
    constraint funding_call_source_check check (source in ('new_funds', 'envelope')),
    constraint funding_call_sent_check
        check (status in ('draft', 'cancelled') or num_nulls(sent_at, expires_at) = 0),
    constraint funding_call_accepted_check
        check ((status = 'accepted') = (granted_cents is not null) and (status = 'accepted') = (source is not null)),
    constraint funding_call_decided_check
        check ((status in ('accepted', 'declined')) = (decision is not null) and (decision is null) = (decided_at is null))
);
create index funding_call_project_id on funding_call (project_id, id);
create index funding_call_undecided on funding_call (client_id) where status in ('draft', 'sent');
