-- Payments of accepted calls (BUD-9).
create table funding_payment (
    id uuid primary key,
    funding_call_id uuid not null references funding_call (id),
    amount_cents bigint not null,
    date date not null,
    reference text not null,
    created_at timestamptz not null default now(),
    constraint funding_payment_reference_key unique (funding_call_id, reference),
    constraint funding_payment_amount_cents_check check (amount_cents <> 0)
);
comment on table funding_payment is 'append-only: a reversal is a payment of its own';
create index funding_payment_funding_call_id on funding_payment (funding_call_id, id);

alter table funding_call add constraint funding_call_paid_check
    check (paid_cents <= case when source = 'new_funds' then granted_cents else 0 end);
