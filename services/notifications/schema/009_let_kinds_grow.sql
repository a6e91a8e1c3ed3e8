-- The kinds of messages stand in the contract, as those of alerts do: one more takes a template and a row there.
alter table message drop constraint message_kind_check;
