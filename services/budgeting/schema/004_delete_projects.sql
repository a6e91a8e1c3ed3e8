-- A deleted project stays as the row that its ledger refers to (BUD-18).
alter table project
    drop constraint project_status_check,
    add constraint project_status_check check (status in ('open', 'closing', 'closed', 'deleted'));
