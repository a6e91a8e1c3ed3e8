-- What the page of a review says besides the call: in which language, and who asks.
alter table client add column locale text;
alter table settings add column seller_name text;
