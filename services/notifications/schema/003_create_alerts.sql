-- What users must know, and who of them has read it.
create table alert (
    id uuid primary key,
    event_id uuid,
    kind text not null,
    severity text not null,
    audience text not null,
    summary text not null,
    subject_id uuid,
    project_id uuid,
    client_id uuid,
    raised_at timestamptz not null default now(),
    constraint alert_event_id_kind_subject_id_key unique (event_id, kind, subject_id),
    constraint alert_severity_check check (severity in ('info', 'warning', 'critical')),
    constraint alert_audience_check check (audience in ('operators', 'administrators'))
);

create table alert_read (
    alert_id uuid not null references alert (id),
    user_id uuid not null,
    read_at timestamptz not null default now(),
    primary key (alert_id, user_id)
);

comment on table alert is 'append-only: what was said is not unsaid';
comment on table alert_read is 'append-only: who has read what';
