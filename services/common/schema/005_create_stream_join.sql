-- How far the other streams had come when this service joined a platform that was running: what they had told by then
-- is projected here, and not reacted to.
create table stream_join (
    producer text primary key,
    epoch bigint not null,
    sequence bigint not null
);
