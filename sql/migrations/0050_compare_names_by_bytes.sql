-- depends: 0049_compare_keys_by_bytes
-- The names and addresses by which people are told apart compare by their bytes, as in 0049: an
-- upgrade of the operating system's locales lets no name be given twice. They are folded to lower
-- case as before.
--
-- Lock: access exclusive on oadb.users, while two indexes are built again: two seconds for a
-- million users. No row is written.

-- squawk-ignore-file changing-column-type

set local lock_timeout = '4s';

alter table oadb.users
alter column username_key type text collate "C",
alter column email_key type text collate "C";

-- A column of another type has no statistics. A table without rows has none anyway.
do $$
begin
    if exists (select from oadb.users) then
        analyze oadb.users (username_key, email_key);
    end if;
end
$$;
