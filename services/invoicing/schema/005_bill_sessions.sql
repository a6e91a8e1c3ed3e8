-- Billing by sessions and milestones (INV-1, INV-2).

-- The contract lists the bases: a new one needs no migration.
alter table billing_plan drop constraint billing_plan_basis_check;

alter table fired_trigger add column session_id uuid;

alter table invoice_line add column service_date date;
update invoice_line l set service_date = i.service_date from invoice i where i.id = l.invoice_id;
alter table invoice_line alter column service_date set not null;

-- A training has at most one line that is not credited; crediting a line deletes its rows here.
create table billed_training (
    training_id uuid primary key,
    invoice_line_id uuid not null references invoice_line (id)
);
create index billed_training_invoice_line_id on billed_training (invoice_line_id);

-- Milestones to come. A row goes when it fires, when the plan is replaced, when the project is closed.
create table milestone (
    project_id uuid not null references billing_plan (project_id) on delete cascade,
    client_id uuid not null,
    occurrence text not null,
    due_on date,
    consumed_bp bigint,
    primary key (project_id, occurrence),
    constraint milestone_due_on_check check (due_on is not null or consumed_bp is not null)
);
create index milestone_due_on on milestone (due_on) where due_on is not null;

-- The consumed share of each project's budget as budgeting last told it.
create table consumption (
    project_id uuid primary key,
    consumed_bp bigint
);
