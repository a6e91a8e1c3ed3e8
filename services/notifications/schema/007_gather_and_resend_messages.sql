-- Notices that wait to be told together (NOT-1), and messages that repeat others.
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check check (kind in (
        'invitation', 'password_reset', 'budget_threshold', 'budget_overrun', 'session_planned', 'session_completed',
        'session_cancelled', 'funding_call', 'funding_call_reminder', 'funding_call_reopened', 'funding_call_decision',
        'funding_call_expired', 'invoice', 'credit_note', 'sessions_gathered', 'budgets_gathered')),
    drop constraint message_status_check,
    add constraint message_status_check check (status in (
        'queued', 'sent', 'failed', 'received', 'cancelled', 'held', 'gathered')),
    drop constraint message_recipient_check,
    add constraint message_recipient_check check (status not in ('queued', 'held') or recipient is not null),
    add column gathered_kind text,
    add column gathered_in uuid,
    add column resends uuid,
    add column link_expires_at timestamptz,
    add column search_text text,
    add constraint message_gathered_in_check check ((status = 'gathered') = (gathered_in is not null));

create index message_held on message (due_at) where status = 'held';
create index message_gathered_kind on message (client_id, lower(recipient), gathered_kind, created_at)
    where gathered_kind is not null;
