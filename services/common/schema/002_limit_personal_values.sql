-- Until when the personal values of an event are kept (NOT-4); null: as long as its client's.
alter table outbox add column keep_until timestamptz;
alter table event_personal add column keep_until timestamptz;
alter table event_actor add column keep_until timestamptz;
create index event_personal_keep_until on event_personal (keep_until) where keep_until is not null;
create index event_actor_keep_until on event_actor (keep_until) where keep_until is not null;
