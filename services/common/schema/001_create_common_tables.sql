-- The tables that every service has: outbox, event log, cursors, idempotency keys.
create table outbox (
    position bigint generated always as identity primary key,
    event_id uuid not null,
    type text not null,
    subject uuid,
    client uuid,
    project uuid,
    occurred_at timestamptz not null default clock_timestamp(),
    applied text not null,
    actor bytea not null,
    payload bytea not null,
    personal_salt bytea,
    personal bytea,
    actor_salt bytea,
    actor_personal bytea
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create table stream_head (
    only_row boolean primary key default true,
    epoch bigint not null,
    sequence bigint not null,
    hash bytea not null,
    lease_holder text,
    lease_fence bigint not null default 0,
    lease_expires_at timestamptz not null default '-infinity',
    constraint stream_head_only_row_check check (only_row)
) with (fillfactor = 50);
insert into stream_head (epoch, sequence, hash) values (1, 0, decode(repeat('00', 32), 'hex'));

-- layout: of the hashes in this epoch (events.h); a new layout starts a new epoch.
create table stream_epoch (
    epoch bigint primary key,
    first_sequence bigint not null,
    previous_hash bytea not null,
    layout int not null default 1
);
insert into stream_epoch (epoch, first_sequence, previous_hash) values (1, 1, decode(repeat('00', 32), 'hex'));

create table event_log (
    sequence bigint primary key,
    epoch bigint not null,
    event_id uuid not null,
    type text not null,
    subject uuid,
    client uuid,
    project uuid,
    occurred_at timestamptz not null,
    applied text not null,
    actor bytea not null,
    payload bytea not null,
    personal_hash bytea,
    actor_hash bytea,
    previous_hash bytea not null,
    hash bytea not null,
    constraint event_log_event_id_key unique (event_id)
);

create table event_personal (
    event_id uuid primary key,
    client uuid,
    salt bytea not null,
    payload bytea not null
);
create index event_personal_client on event_personal (client) where client is not null;

-- Name and address of who did it; they outlive the client's data.
create table event_actor (
    event_id uuid primary key,
    salt bytea not null,
    payload bytea not null
);

-- consumer: 'main' for the service's own subscriptions, 'audit' for the audit log.
create table stream_cursor (
    consumer text not null,
    producer text not null,
    epoch bigint not null,
    sequence bigint not null,
    hash bytea not null,
    primary key (consumer, producer)
) with (fillfactor = 50);

-- Clients whose personal data was erased: what is numbered later about them keeps none either.
create table erased_client (
    client uuid primary key,
    erased_at timestamptz not null default now()
);

-- The furthest place that followed services named of streams that are not followed here: causality passes on.
create table stream_seen (
    producer text primary key,
    epoch bigint not null,
    sequence bigint not null
) with (fillfactor = 50);

create table parked_event (
    position bigint generated always as identity primary key,
    producer text not null,
    epoch bigint not null,
    sequence bigint not null,
    event_id uuid not null,
    type text not null,
    client uuid,
    project uuid,
    event bytea not null, -- a packed wire.Event without its personal part
    personal_salt bytea,
    personal bytea,
    reason text not null,
    attempts int not null default 1,
    parked_at timestamptz not null default clock_timestamp(),
    constraint parked_event_producer_epoch_sequence_key unique (producer, epoch, sequence)
);
create index parked_event_project on parked_event (project);
create index parked_event_client on parked_event (client);

-- scope: SHA-256 of caller and path; a path may hold a secret link, a caller an address.
create table idempotency_key (
    scope bytea not null,
    key text not null,
    body_hash bytea not null,
    reply_header bytea not null,
    reply bytea not null,
    client uuid,
    created_at timestamptz not null default now(),
    primary key (scope, key)
);
create index idempotency_key_created_at on idempotency_key (created_at);

comment on table event_log is 'append-only: numbered and chained, see events.h';
comment on table stream_epoch is 'append-only: a row per restored database';
