-- What the dashboard counts; partial indexes hold what is open, not all that ever was.
alter table project add column state text;
create index project_running on project (state) include (budget_cents, consumed_cents)
    where status <> 'closed' and not deleted;
create index client_active on client (id) where status = 'active' and not deleted;

create table funding_call (
    id uuid primary key,
    project_id uuid not null,
    client_id uuid not null,
    status text not null,
    expires_at timestamptz,
    version bigint not null,
    deleted boolean not null default false
);
create index funding_call_undecided on funding_call (id) where status in ('draft', 'sent') and not deleted;

create table invoice (
    id uuid primary key,
    project_id uuid not null,
    client_id uuid not null,
    kind text not null,
    status text not null,
    gross_cents bigint not null,
    paid_cents bigint not null,
    due_date date,
    version bigint not null,
    deleted boolean not null default false
);
create index invoice_unpaid on invoice (due_date) include (gross_cents, paid_cents)
    where kind = 'invoice' and status in ('issued', 'sent', 'partially_paid') and not deleted;

alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check check (kind in (
        'invitation', 'password_reset', 'budget_threshold', 'budget_overrun', 'session_planned', 'session_completed',
        'session_cancelled', 'funding_call', 'funding_call_reminder', 'funding_call_reopened', 'funding_call_decision',
        'funding_call_expired', 'invoice', 'credit_note'));
