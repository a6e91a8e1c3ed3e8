-- Who sends a message now: the server process of its connection, which ends with it.
alter table message add column claimed_by int;
create index message_claimed_by on message (claimed_by) where claimed_by is not null;
