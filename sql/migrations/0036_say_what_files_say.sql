-- depends: 0035_assure_accounts
-- Instruments say what their file says: a contract value that it leaves out is null, no longer 1,
-- and a freeze quantity that it has is kept.
--
-- Lock: access exclusive on oadb.instruments and oadb.instrument_staging, while the rows are read
-- once; none is written.
-- Deploy: before the code that loads. Code before it goes on until that code has loaded: from then
-- on it cannot build its LiveIndex, because contract values are null. The next load of each broker
-- corrects its rows: until then a contract value of 1 may mean that the file did not say it.

-- The constraint is on a new column: each of its rows passes.
-- squawk-ignore-file ban-drop-not-null, constraint-missing-not-valid

set local lock_timeout = '4s';

alter table oadb.instruments
alter column contract_value drop not null,
add column freeze_quantity bigint
constraint instruments_freeze_quantity_check check (freeze_quantity > 0);

comment on column oadb.instruments.contract_value is
'Change of a contract''s worth for a change of its price by 1: 100 for crude oil. Null: the file '
'does not say.';
comment on column oadb.instruments.freeze_quantity is
'As the file writes it: the largest order that the exchange takes, at some brokers the smallest '
'that it does not. Null: the file does not say.';
comment on column oadb.instruments.instrument_type is
'EQ, PREF, WARRANT, RIGHTS, BOND, GSEC, SGB, ETF, MF, TRUST, INDEX, FUT, CE, PE or COM of readers; '
'other rows may have others.';

alter table oadb.instrument_staging
alter column contract_value drop not null,
add column freeze_quantity bigint;
