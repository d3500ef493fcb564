-- squawk-ignore-file ban-drop-column

set local lock_timeout = '4s';

update oadb.instruments
set contract_value = 1
where contract_value is null;

delete from oadb.instrument_staging
where contract_value is null;

alter table oadb.instruments
drop column freeze_quantity,
alter column contract_value set not null;

comment on column oadb.instruments.contract_value is
'Units of the underlying in one contract; 1 unless the broker says otherwise.';
comment on column oadb.instruments.instrument_type is null;

alter table oadb.instrument_staging
drop column freeze_quantity,
alter column contract_value set not null;
