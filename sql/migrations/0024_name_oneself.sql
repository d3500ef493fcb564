-- depends: 0023_date_imports
-- Under an identity (db.as_user), whoever changes a setting or decides on an order does so in his
-- own name: neither in that of another user nor as the platform, which is nobody.
--
-- Lock: access exclusive on oadb.setting_changes and oadb.pending_orders, for an instant.

set local lock_timeout = '4s';

alter policy user_policy on oadb.setting_changes
with check (
    user_id = nullif(current_setting('oadb.user_id', true), '')::bigint
    and changed_by = nullif(current_setting('oadb.user_id', true), '')::bigint
);

alter policy user_policy on oadb.pending_orders
with check (
    user_id = nullif(current_setting('oadb.user_id', true), '')::bigint
    and (
        status = 'pending'
        or decided_by = nullif(current_setting('oadb.user_id', true), '')::bigint
    )
);
