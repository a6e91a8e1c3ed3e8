-- The double-entry ledger (BUD-1 to BUD-10): transactions whose entries sum to zero, never changed.
create table ledger_transaction (
    id uuid primary key,
    client_id uuid not null,
    project_id uuid references project (id),
    kind text not null,
    effective_date date not null,
    recorded_at timestamptz not null default clock_timestamp(),
    reference uuid,
    event_id uuid,
    constraint ledger_transaction_event_id_key unique (event_id)
);
comment on table ledger_transaction is 'append-only: a correction is a new transaction';
create index ledger_transaction_project_id on ledger_transaction (project_id, id);

create table ledger_entry (
    transaction_id uuid not null references ledger_transaction (id),
    position int not null,
    client_id uuid not null,
    project_id uuid,
    account text not null,
    amount_cents bigint not null,
    primary key (transaction_id, position),
    constraint ledger_entry_account_check
        check (account in ('external', 'receivable', 'envelope', 'budget', 'planned', 'completed')),
    constraint ledger_entry_project_id_check
        check ((project_id is not null) = (account in ('budget', 'planned', 'completed')))
);
comment on table ledger_entry is 'append-only: a correction is a new transaction';

create function check_balanced() returns trigger language plpgsql as $$
begin
    if exists (select from added group by transaction_id having sum(amount_cents) <> 0 or count(*) < 2) then
        raise exception 'a ledger transaction has two or more entries that sum to zero' using errcode = '23514';
    end if;
    return null;
end $$;
create trigger ledger_entry_balanced after insert on ledger_entry
    referencing new table as added for each statement execute function check_balanced();

create table credit (
    id uuid primary key,
    client_id uuid not null,
    amount_cents bigint not null,
    reason text,
    date date not null,
    reverses uuid references credit (id),
    created_at timestamptz not null default now(),
    constraint credit_reverses_key unique (reverses),
    constraint credit_amount_cents_check check (amount_cents > 0)
);
comment on table credit is 'append-only: a reversal is a credit of its own';
create index credit_client_id on credit (client_id, id);

create table allocation (
    id uuid primary key,
    project_id uuid not null references project (id),
    amount_cents bigint not null,
    reason text,
    created_at timestamptz not null default now(),
    constraint allocation_amount_cents_check check (amount_cents <> 0)
);
comment on table allocation is 'append-only: what is taken back is an allocation of its own';
create index allocation_project_id on allocation (project_id, id);
