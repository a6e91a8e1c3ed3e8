-- A restored database goes on in new series: numbers that it does not know of may be in clients' hands (INV-3).
alter table invoice_series add column epoch bigint not null default 1;
alter table invoice add constraint invoice_number_check check (
    number ~ '^(FA|AV)-[0-9]{4}-(R[1-9][0-9]*-)?[0-9]{6,}$' and length(number) <= 35
    and (number like 'AV-%') = (kind = 'credit_note'));
