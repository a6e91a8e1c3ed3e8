-- Whether mails are sent: one row. A restored database begins with a paused queue.
create table mail_queue (
    id uuid primary key,
    status text not null default 'running',
    reason text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint mail_queue_status_check check (status in ('running', 'paused')),
    constraint mail_queue_reason_check check ((status = 'paused') = (reason is not null))
);
create unique index mail_queue_only_row on mail_queue ((true));
insert into mail_queue (id) values ('00000000-0000-7000-8000-000000000002');
create index message_message_id on message (message_id);
