-- Mails: a durable queue and its archive (NOT-2, NOT-3). A message is claimed by moving due_at into the future.
create table message (
    id uuid primary key,
    event_id uuid not null,
    direction text not null default 'out',
    kind text not null,
    audience text not null,
    recipient text,
    recipient_name text,
    locale text not null,
    object_id uuid not null,
    project_id uuid,
    client_id uuid,
    link_id uuid,
    document_id uuid,
    words jsonb not null,
    message_id text not null,
    subject text,
    attachments jsonb not null default '[]',
    status text not null default 'queued',
    attempts int not null default 0,
    claims int not null default 0,
    due_at timestamptz not null,
    last_error text,
    sent_at timestamptz,
    created_at timestamptz not null default now(),
    created_day date generated always as ((created_at at time zone 'Europe/Paris')::date) stored,
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint message_event_id_kind_recipient_key unique (event_id, kind, recipient),
    constraint message_direction_check check (direction in ('in', 'out')),
    constraint message_kind_check check (kind in (
        'invitation', 'password_reset', 'budget_threshold', 'budget_overrun', 'session_planned', 'session_completed',
        'session_cancelled', 'funding_call', 'funding_call_reminder', 'funding_call_decision', 'funding_call_expired',
        'invoice', 'credit_note')),
    constraint message_audience_check check (audience in ('user', 'billing_contact', 'mailing_list')),
    constraint message_status_check check (status in ('queued', 'sent', 'failed', 'received', 'cancelled')),
    constraint message_locale_check check (locale in ('fr', 'en')),
    constraint message_sent_at_check check ((status = 'sent') = (sent_at is not null)),
    constraint message_recipient_check check (status <> 'queued' or recipient is not null)
);
create index message_due_at on message (due_at) where status = 'queued';
create index message_recipient on message (lower(recipient));
create index message_project_id on message (project_id, id);
create index message_client_id on message (client_id);
create index message_object_id on message (object_id);

-- The bytes with secret links struck out, and the SHA-256 of the bytes that were really sent (ACC-8).
create table message_source (
    id uuid primary key references message (id),
    content bytea not null,
    sha256 text not null,
    constraint message_source_sha256_check check (sha256 ~ '^[0-9a-f]{64}$')
);
