set local lock_timeout = '4s';

drop function rentals.charge_late(timestamptz, numeric);

drop function rentals.is_in_store(bigint, timestamptz);

drop materialized view rentals.income_by_month;

drop view rentals.film_list;
