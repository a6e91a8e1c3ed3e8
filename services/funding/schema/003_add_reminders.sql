-- Reminders and expiry of sent calls (FUN-5): how far the schedule has gone, and its days.
alter table settings add column reminder_days bigint[] not null default '{7,14}';

-- reminded_day: the last day of the schedule that was heeded; reminders made by hand leave it as it is.
alter table funding_call
    add column reminded_at timestamptz,
    add column reminders bigint not null default 0,
    add column reminded_day bigint not null default 0,
    add column unanswered_told boolean not null default false;
create index funding_call_sent on funding_call (expires_at) where status = 'sent';
