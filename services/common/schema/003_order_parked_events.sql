-- failed: waits for an administrator. behind: follows a parked one. retrying: an administrator asked for it.
alter table parked_event add column status text;
update parked_event set status = case when reason like 'an earlier event %' then 'behind' else 'failed' end;
alter table parked_event
    alter column status set not null,
    add constraint parked_event_status_check check (status in ('failed', 'behind', 'retrying')),
    add constraint parked_event_event_id_key unique (event_id);
