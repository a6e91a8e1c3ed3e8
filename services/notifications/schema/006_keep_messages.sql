-- Messages are kept five years (NOT-4).
create index message_created_at on message (created_at);
