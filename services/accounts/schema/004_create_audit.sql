-- The audit log (ACC-7): a chain of its own over the events of all services. Values that are personal lie
-- beside it, so that they can be erased while the chain still verifies.
create table audit_entry (
    sequence bigint primary key,
    id uuid not null,
    producer text not null,
    epoch bigint not null,
    stream_sequence bigint not null,
    type text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    actor_kind text,
    actor_id text,
    actor_role text,
    subject_id uuid,
    client_id uuid,
    project_id uuid,
    request_id text,
    caused_by uuid,
    changes text not null,
    personal_hash bytea,
    actor_hash bytea,
    event_hash bytea not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint audit_entry_stream_key unique (producer, epoch, stream_sequence)
);
comment on table audit_entry is 'append-only: the audit chain';
create index audit_entry_subject_id on audit_entry (subject_id);
create index audit_entry_actor_id on audit_entry (actor_id);

create table audit_personal (
    sequence bigint primary key,
    client_id uuid,
    salt bytea not null,
    payload text not null
);
create index audit_personal_client_id on audit_personal (client_id) where client_id is not null;

-- Name and address of who did it; kept when a client's data is erased.
create table audit_actor (
    sequence bigint primary key,
    salt bytea not null,
    payload text not null
);

-- What each object was at its last event: the "before" of the next. Personal values are kept apart.
create table audit_object (
    subject_id uuid not null,
    kind text not null,
    client_id uuid,
    state jsonb not null,
    personal jsonb not null default '{}',
    primary key (subject_id, kind)
);
create index audit_object_client_id on audit_object (client_id) where client_id is not null;

-- The chain's end, locked by whoever appends.
create table audit_head (
    only_row boolean primary key default true,
    sequence bigint not null,
    hash bytea not null,
    constraint audit_head_only_row_check check (only_row)
);
insert into audit_head (sequence, hash) values (0, decode(repeat('00', 32), 'hex'));
