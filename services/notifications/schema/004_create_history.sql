-- What happened in each project; an entry has the id of its event.
create table history_entry (
    id uuid primary key,
    project_id uuid not null,
    occurred_at timestamptz not null,
    type text not null,
    subject_id uuid,
    summary text not null,
    amount_cents bigint
);
create index history_entry_project_id on history_entry (project_id, id);

comment on table history_entry is 'append-only: history does not change';
